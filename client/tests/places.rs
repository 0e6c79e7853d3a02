//! What lies in a folder while something comes into it, and what is there afterwards.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use wormhole_client::transfer::{Announced, ArrivalError, Destination, Plan, Rules, Target};

fn target(folder: &Path, output: &str, announced: Announced) -> Target {
    Destination::of(folder, Some(Path::new(output))).unwrap().target("f", announced).unwrap()
}

fn file_of(filesize: u64) -> Announced {
    Announced::File { filesize }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_on_its_way_has_no_name() {
    let scene = tempfile::tempdir().unwrap();
    fs::write(scene.path().join("old"), b"old").unwrap();
    for (output, replaces) in [("new", false), ("old", true)] {
        let before = names(scene.path());
        let mut begun = target(scene.path(), output, file_of(3)).begin().unwrap();
        begun.write_all(b"new").unwrap();
        assert_eq!(names(scene.path()), before);
        let landed = begun.commit().unwrap();
        assert_eq!(fs::read(&landed).unwrap(), b"new");
        assert_eq!(fs::metadata(&landed).unwrap().nlink(), 1);
        assert_eq!(names(scene.path()).len(), before.len() + usize::from(!replaces));
    }
}

#[test]
fn what_is_replaced_hands_down_its_permissions() {
    let scene = tempfile::tempdir().unwrap();
    let at = |name: &str| scene.path().join(name);
    for (old, is_linked) in
        [(0o600, false), (0o640, false), (0o755, false), (0o400, false), (0o600, true)]
    {
        for keep_partial in [false, true] {
            fs::write(at("old"), b"old").unwrap();
            fs::set_permissions(at("old"), Permissions::from_mode(old)).unwrap();
            let output = if is_linked { "link" } else { "old" };
            let _ = fs::remove_file(at("link"));
            symlink("old", at("link")).unwrap();
            let target = target(scene.path(), output, file_of(3)).keep_partial(keep_partial);
            let mut begun = target.begin().unwrap();
            begun.write_all(b"new").unwrap();
            if let Some(partial) = begun.partial() {
                assert_eq!(mode(&partial) & !old, 0, "wider on its way: {old:o}");
            }
            let landed = begun.commit().unwrap();
            assert!(fs::symlink_metadata(&landed).unwrap().is_file());
            assert_eq!((mode(&landed), fs::read(&landed).unwrap()), (old, b"new".to_vec()));
            assert_eq!(names(scene.path()), ["link", "old"]);
            let _ = fs::remove_file(at("old"));
        }
    }
    // Those of a new file are what the umask leaves.
    fs::write(at("usual"), b"").unwrap();
    let landed = target(scene.path(), "new", file_of(0)).begin().unwrap().commit().unwrap();
    assert_eq!(mode(&landed), mode(&at("usual")));
}

#[test]
fn a_folder_that_replaces_a_file_is_for_nobody_who_could_not_read_that() {
    let scene = tempfile::tempdir().unwrap();
    let from = scene.path().join("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("f"), b"x").unwrap();
    for (old, new) in [(0o600, 0o700), (0o640, 0o750), (0o644, 0o755)] {
        let plan = Plan::of(&from, Rules::default()).unwrap();
        let Plan::Folder(folder) = &plan else { panic!("a folder") };
        let announced = Announced::from(&folder.offer);
        fs::write(scene.path().join("old"), b"old").unwrap();
        fs::set_permissions(scene.path().join("old"), Permissions::from_mode(old)).unwrap();
        let mut begun = target(scene.path(), "old", announced).begin().unwrap();
        io::copy(&mut plan.open().unwrap(), &mut begun).unwrap();
        let landed = begun.commit().unwrap();
        assert_eq!(mode(&landed) & !new, 0, "{old:o}");
        assert_eq!(mode(&landed) & 0o700, 0o700);
        fs::remove_dir_all(landed).unwrap();
    }
}

#[test]
fn what_somebody_puts_in_the_place_of_what_came_is_not_confirmed() {
    let scene = tempfile::tempdir().unwrap();
    fs::write(scene.path().join("theirs"), b"theirs").unwrap();
    fs::write(scene.path().join("old"), b"old").unwrap();
    for output in ["new", "old"] {
        // The part that is to be kept has a name that others in a shared folder see.
        let target = target(scene.path(), output, file_of(3)).keep_partial(true);
        let mut begun = target.begin().unwrap();
        begun.write_all(b"new").unwrap();
        let partial = begun.partial().unwrap();
        fs::remove_file(&partial).unwrap();
        symlink("theirs", &partial).unwrap();
        let failed = begun.commit().unwrap_err();
        assert!(failed.to_string().contains("something else in the place"), "{failed}");
        assert!(matches!(failed, ArrivalError::Io { .. }));
    }
    assert!(!scene.path().join("new").exists());
    assert_eq!(fs::read(scene.path().join("old")).unwrap(), b"old");
}

#[test]
fn a_disk_that_knows_no_figures_is_not_full() {
    let scene = tempfile::tempdir().unwrap();
    let mount = Command::new("mount").args(["-t", "ramfs", "none"]).arg(scene.path()).output();
    if !mount.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: nothing can be mounted here");
        return;
    }
    let planned = Destination::of(scene.path(), None)
        .and_then(|destination| destination.target("f", file_of(3)));
    let landed = planned.map(|target| {
        let mut begun = target.begin().unwrap();
        begun.write_all(b"new").unwrap();
        begun.commit().unwrap()
    });
    let content = landed.map(|landed| fs::read(landed).unwrap());
    Command::new("umount").arg(scene.path()).status().unwrap();
    assert_eq!(content.unwrap(), b"new");
}
