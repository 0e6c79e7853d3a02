//! What is planned to be sent: several paths, links, odd names, and how little memory the plan of
//! many takes.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::{
    ffi::OsStr,
    fs, io,
    io::Read,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use wormhole_client::transfer::{
    FolderPlan, NonUtf8, Plan, Reason, Rules, SafeName, Symlinks, WhenUnsendable,
};
use wormhole_protocol::transfer::Offer;

const REFUSE: Rules = Rules {
    unsendable: WhenUnsendable::Refuse,
    symlinks: Symlinks::Refuse,
    non_utf8: NonUtf8::Refuse,
};
const ESCAPE: Rules = Rules {
    unsendable: WhenUnsendable::Refuse,
    symlinks: Symlinks::Follow,
    non_utf8: NonUtf8::Escape,
};

/// Makes these files, each of which holds its own path; a path that ends with `/` is a folder.
fn scene(paths: &[&[u8]]) -> TempDir {
    let scene = tempfile::tempdir().unwrap();
    for path in paths {
        let at = scene.path().join(OsStr::from_bytes(path));
        if path.ends_with(b"/") {
            fs::create_dir_all(at).unwrap();
        } else {
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, path).unwrap();
        }
    }
    scene
}

fn folder(plan: Plan) -> FolderPlan {
    match plan {
        Plan::Folder(folder) => folder,
        _ => panic!("expected a folder"),
    }
}

/// The entries of the archive in order, with their contents.
fn entries(plan: FolderPlan) -> Vec<(String, Vec<u8>)> {
    let mut archive = Vec::new();
    Plan::Folder(plan).open().unwrap().read_to_end(&mut archive).unwrap();
    let mut archive = zip::ZipArchive::new(io::Cursor::new(archive)).unwrap();
    let mut entries = Vec::new();
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        entries.push((entry.name().unwrap().into_owned(), content));
    }
    entries
}

fn names(plan: FolderPlan) -> Vec<String> {
    entries(plan).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn several_paths_lie_side_by_side_in_one_folder() {
    let scene = scene(&[b"in/a/x", b"in/a/empty/", b"in/y", b"in/nothing/", b"elsewhere/z"]);
    let at = |path: &str| scene.path().join(path);
    let plan = Plan::of_all(&[at("in/y"), at("in/a/"), at("in/nothing")], ESCAPE).unwrap();
    let plan = folder(plan);
    assert_eq!(
        (plan.offer.dirname.as_str(), plan.offer.numfiles, plan.offer.numbytes),
        ("in", 2, 10)
    );
    let content = |name: &str, content: &str| (name.to_owned(), content.as_bytes().to_vec());
    assert_eq!(
        entries(plan),
        [
            content("y", "in/y"),
            content("a/empty/", ""),
            content("a/x", "in/a/x"),
            content("nothing/", "")
        ]
    );

    let apart = folder(Plan::of_all(&[at("in/y"), at("elsewhere/z")], ESCAPE).unwrap());
    assert_eq!(apart.offer.dirname, "files");
    let named = Plan::Folder(apart).named(&"mine".parse::<SafeName>().unwrap());
    assert_eq!(names(folder(named)), ["y", "z"]);

    let alone = Plan::of_all(&[at("in/y")], ESCAPE).unwrap();
    assert!(matches!(alone.offer(), Offer::File(file) if file.filename == "y"));
}

#[test]
fn one_folder_inside_another_is_sent_with_both() {
    let scene = scene(&[b"d/sub/x"]);
    let plan = Plan::of_all(&[scene.path().join("d"), scene.path().join("d/sub")], ESCAPE).unwrap();
    assert_eq!(names(folder(plan)), ["d/sub/x", "sub/x"]);
}

#[test]
fn two_of_one_name_are_refused() {
    let scene = scene(&[b"a/x", b"b/x", b"c/x%FF", b"c/x\xff"]);
    let at = |path: &[u8]| scene.path().join(OsStr::from_bytes(path));
    for (first, second) in
        [(&b"a/x"[..], &b"b/x"[..]), (b"a/x", b"b/./../a/x"), (b"c/x%FF", b"c/x\xff")]
    {
        let refused = Plan::of_all(&[at(first), at(second)], ESCAPE).err().unwrap();
        assert_eq!(refused.path, at(second));
        assert!(matches!(refused.reason, Reason::SameName(path) if path == at(first)));
    }
    let missing = Plan::of_all(&[at(b"a/x"), at(b"nowhere")], ESCAPE).err().unwrap();
    assert!(matches!(missing.reason, Reason::Io(_)) && missing.path == at(b"nowhere"));
}

#[test]
fn names_that_some_disks_take_for_one_are_announced() {
    let scene = scene(&[b"d/sub/Makefile", b"d/sub/makefile", b"d/sub/x", b"e/\xc3\xa9", b"e/x"]);
    let at = |path: &str| scene.path().join(path);
    let collision = |paths: &[PathBuf]| {
        let Offer::Directory(offer) = Plan::of_all(paths, ESCAPE).unwrap().offer() else {
            panic!("no folder")
        };
        offer.collision
    };
    assert_eq!(collision(&[at("d")]).as_deref(), Some("sub/makefile"));
    assert_eq!(collision(&[at("d/sub"), at("e")]).as_deref(), Some("sub/makefile"));
    assert_eq!(collision(&[at("d/sub/x"), at("e")]), None);
    fs::write(at("e/e\u{301}"), b"").unwrap();
    assert!(collision(&[at("e")]).is_some());
    fs::create_dir(at("D")).unwrap();
    assert_eq!(collision(&[at("D"), at("d/sub/x"), at("d")]).as_deref(), Some("d"));
}

#[test]
fn links_are_followed_or_refused() {
    let scene = scene(&[b"d/x", b"d/sub/y", b"outside/z"]);
    let at = |path: &str| scene.path().join(path);
    symlink("x", at("d/file-link")).unwrap();
    symlink("../outside", at("d/link")).unwrap();
    symlink(".", at("d/sub/loop")).unwrap();
    symlink("d", at("itself")).unwrap();

    let all = names(folder(Plan::of(&at("d"), ESCAPE).unwrap()));
    assert_eq!(all, ["file-link", "sub/y", "x", "link/z"]);
    assert_eq!(names(folder(Plan::of(&at("itself"), ESCAPE).unwrap())), all);

    for path in ["d", "itself"] {
        let refused = Plan::of(&at(path), REFUSE).err().unwrap();
        assert!(matches!(refused.reason, Reason::Link), "{refused}");
    }
    let skipping = Rules { unsendable: WhenUnsendable::Skip, ..REFUSE };
    let plan = folder(Plan::of(&at("d"), skipping).unwrap());
    let skipped: Vec<_> = plan.skipped.iter().map(|skipped| skipped.path.clone()).collect();
    assert_eq!(skipped, ["d/file-link", "d/link", "d/sub/loop"].map(at));
    assert_eq!(names(plan), ["sub/y", "x"]);
}

#[test]
fn what_is_left_out_is_told_and_no_folder_vanishes() {
    let scene = scene(&[b"d/all/\xff", b"d/deep/er/\xfe", b"d/only/", b"d/x", b"out/z"]);
    let at = |path: &str| scene.path().join(path);
    // Folders in which there are only links: to what is sent elsewhere, to what is new, to another
    // folder of links, and to themselves.
    for (link, to) in [
        ("d/only/known", "../deep"),
        ("d/new/it", "../../out"),
        ("d/chain/a/b", "../../../links"),
        ("links/again", "../d/new"),
        ("d/loop", "."),
    ] {
        fs::create_dir_all(at(link).parent().unwrap()).unwrap();
        symlink(to, at(link)).unwrap();
    }
    let rules = Rules { unsendable: WhenUnsendable::Skip, ..Rules::default() };
    let plan = folder(Plan::of(&at("d"), rules).unwrap());
    let (odd, known): (Vec<_>, Vec<_>) =
        plan.skipped.iter().partition(|skipped| !matches!(skipped.reason, Reason::SentElsewhere));
    assert_eq!(odd.len(), 2, "{odd:?}");
    let mut known: Vec<_> = known.iter().map(|skipped| skipped.path.clone()).collect();
    known.sort();
    assert_eq!(known, ["d/chain/a/b/again", "d/loop", "d/only/known"].map(at));
    assert_eq!((plan.offer.numfiles, plan.folders), (2, 9));
    let mut entries = names(plan);
    entries.sort();
    assert_eq!(entries, ["all/", "chain/a/b/", "deep/er/", "new/it/z", "only/", "x"]);

    // That is no fault, so the strictest rule lets it pass.
    symlink(".", at("out/loop")).unwrap();
    let strict = folder(Plan::of(&at("out"), WhenUnsendable::Refuse).unwrap());
    assert!(matches!(strict.skipped[..], [ref told] if told.path == at("out/loop")));
}

#[test]
fn odd_names_are_refused_or_escaped_but_never_two_alike() {
    let scene = scene(&[b"d/100%", b"d/5%\xff/e\xfe", b"d/\xe4/", b"one\xff"]);
    let at = |path: &[u8]| scene.path().join(OsStr::from_bytes(path));
    let refused = Plan::of(&at(b"d"), REFUSE).err().unwrap();
    assert!(matches!(refused.reason, Reason::NotUtf8));
    let content = |name: &str, content: &[u8]| (name.to_owned(), content.to_vec());
    let expected = [
        content("100%", b"d/100%"),
        content("5%25%FF/e%FE", b"d/5%\xff/e\xfe"),
        content("%E4/", b""),
    ];
    assert_eq!(entries(folder(Plan::of(&at(b"d"), ESCAPE).unwrap())), expected);
    let one = Plan::of(&at(b"one\xff"), ESCAPE).unwrap();
    assert!(matches!(one.offer(), Offer::File(file) if file.filename == "one%FF"));

    fs::write(at(b"d/%E4"), b"taken").unwrap();
    let taken = Plan::of(&at(b"d"), ESCAPE).err().unwrap();
    assert_eq!(taken.path, at(b"d/\xe4"));
    assert!(matches!(taken.reason, Reason::EscapedTwice(name) if name == "%E4"));
}

#[test]
fn what_is_planned_is_told_when_it_is_gone_later() {
    let scene = scene(&[b"d/a", b"d/b"]);
    let plan = Plan::of(&scene.path().join("d"), ESCAPE).unwrap();
    fs::remove_file(scene.path().join("d/b")).unwrap();
    let error = io::copy(&mut plan.open().unwrap(), &mut io::sink()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("d/b"), "{error}");
}

#[test]
fn a_deep_folder_is_walked() {
    let scene = tempfile::tempdir().unwrap();
    let deep: PathBuf = std::iter::repeat_n("d", 200).collect();
    fs::create_dir_all(scene.path().join("top").join(&deep)).unwrap();
    fs::write(scene.path().join("top").join(&deep).join("x"), b"1").unwrap();
    let plan = folder(Plan::of(&scene.path().join("top"), ESCAPE).unwrap());
    assert_eq!(names(plan), [Path::new(&deep).join("x").to_str().unwrap()]);
}
