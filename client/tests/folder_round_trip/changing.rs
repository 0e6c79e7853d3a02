//! Files and places that change in the meantime.

use super::*;

#[test]
fn a_log_that_grows_gives_up_nothing() {
    let scene = tempfile::tempdir().unwrap();
    let from = scene.path().join("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("log"), b"1").unwrap();
    fs::write(from.join("z"), b"2").unwrap();
    for (path, name) in [(from.clone(), "folder"), (from.join("log"), "file")] {
        fs::write(from.join("log"), b"1").unwrap();
        let plan = Plan::of(&path, WhenUnsendable::Refuse).unwrap();
        let (announced, grown) = (announced(&plan), plan.grown());
        fs::write(from.join("log"), b"1234").unwrap();
        let name = name.parse().unwrap();
        let target = Target::plan(scene.path(), None, &name, announced).unwrap();
        let mut begun = target.begin().unwrap();
        io::copy(&mut plan.open().unwrap(), &mut begun).unwrap();
        let arrived = begun.commit().unwrap();
        let log = if arrived.is_dir() { arrived.join("log") } else { arrived };
        assert_eq!(fs::read(log).unwrap(), b"1");
        assert_eq!(grown.paths(), [from.join("log")]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn holes_stay_holes() {
    use std::os::unix::fs::MetadataExt;

    let scene = tempfile::tempdir().unwrap();
    let from = scene.path().join("from");
    fs::create_dir(&from).unwrap();
    let mut image = File::create(from.join("image")).unwrap();
    image.set_len(64 << 20).unwrap();
    image.seek(SeekFrom::Start(32 << 20)).unwrap();
    image.write_all(b"!").unwrap();
    if image.metadata().unwrap().blocks() > 1024 {
        eprintln!("skipped: the disk for temporary files has no holes");
        return;
    }
    let alone = send(&from.join("image"), scene.path(), "alone").unwrap();
    let inside = send(&from, scene.path(), "to").unwrap().join("image");
    for arrived in [alone, inside] {
        let about = fs::metadata(&arrived).unwrap();
        assert_eq!(about.len(), 64 << 20);
        assert!(about.blocks() * 512 < 1 << 20, "{}", about.blocks());
        assert!(fs::read(arrived).unwrap() == fs::read(from.join("image")).unwrap());
    }
}

#[test]
fn a_file_that_changes_is_named() {
    let scene = tempfile::tempdir().unwrap();
    let from = scene.path().join("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("log"), b"1").unwrap();
    let plan = Plan::of(&from, WhenUnsendable::Refuse).unwrap();
    fs::write(from.join("log"), b"").unwrap();
    let error = io::copy(&mut plan.open().unwrap(), &mut io::sink()).unwrap_err();
    assert!(error.to_string().contains("from/log' changed while it was being sent"), "{error}");
}

#[test]
fn only_the_announced_bytes_are_taken() {
    let scene = tempfile::tempdir().unwrap();
    let target = || {
        let announced = Announced::File { filesize: 3 };
        Target::plan(scene.path(), None, &"f".parse().unwrap(), announced).unwrap()
    };
    let mut begun = target().begin().unwrap();
    begun.write_all(b"12").unwrap();
    assert!(begun.write_all(b"34").is_err());
    let short = begun.commit().unwrap_err();
    assert!(matches!(short, ArrivalError::Short { expected: 3, got: 2 }));
    assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 0);

    let needed = u64::MAX;
    let huge = Announced::Folder { zipsize: needed, numbytes: 1, numfiles: 1 };
    let planned = Target::plan(scene.path(), None, &"f".parse().unwrap(), huge);
    assert!(matches!(planned, Err(TargetError::NoRoom { needed: u64::MAX, .. })));
}

#[test]
fn what_appears_in_the_meantime_is_kept() {
    let scene = tempfile::tempdir().unwrap();
    let from = scene.path().join("from");
    sample(&from);
    for (source, name) in [(from.clone(), "folder"), (from.join("_é"), "file")] {
        let plan = Plan::of(&source, WhenUnsendable::Refuse).unwrap();
        let parsed = name.parse().unwrap();
        let target = Target::plan(scene.path(), None, &parsed, announced(&plan)).unwrap();
        let mut begun = target.begin().unwrap();
        io::copy(&mut plan.open().unwrap(), &mut begun).unwrap();
        let place = scene.path().join(name);
        symlink("nowhere", &place).unwrap();
        assert!(matches!(begun.commit(), Err(ArrivalError::Occupied(path)) if path == place));
        assert_eq!(fs::read_link(&place).unwrap(), Path::new("nowhere"));
        let again = Target::plan(scene.path(), None, &parsed, Announced::File { filesize: 0 });
        assert!(matches!(again, Err(TargetError::Occupied(_))));
    }
    assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 3);
}

#[test]
fn a_folder_replaces_a_named_file_and_a_file_the_link_itself() {
    let scene = tempfile::tempdir().unwrap();
    let from = scene.path().join("from");
    sample(&from);
    let out = scene.path().join("out");
    fs::write(&out, b"old").unwrap();
    let plan = Plan::of(&from, WhenUnsendable::Refuse).unwrap();
    let name = "x".parse().unwrap();
    let target = Target::plan(scene.path(), Some(&out), &name, announced(&plan)).unwrap();
    assert!(target.replaces());
    let mut begun = target.begin().unwrap();
    io::copy(&mut plan.open().unwrap(), &mut begun).unwrap();
    assert_eq!(fs::read(&out).unwrap(), b"old");
    assert!(begun.commit().unwrap().join("empty").is_dir());

    let link = scene.path().join("link");
    symlink("from/_é", &link).unwrap();
    let one = Announced::File { filesize: 0 };
    Target::plan(scene.path(), Some(&link), &name, one).unwrap().begin().unwrap().commit().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    assert_eq!(fs::read(from.join("_é")).unwrap(), b"accent");
}
