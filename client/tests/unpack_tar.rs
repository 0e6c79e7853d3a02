//! A `.tar` that is unpacked on request: what the Rust client sends, what `tar` makes, and what
//! nobody should.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use proptest::prelude::*;
use tempfile::TempDir;
use wormhole_client::transfer::{Announced, ArrivalError, Target, UnpackError};

/// A header as the Rust client writes it: what it does not set is zero.
fn header(path: &[u8], kind: u8, mode: u32, size: usize) -> Vec<u8> {
    let mut block = vec![0; 512];
    let path = &path[..path.len().min(100)];
    block[..path.len()].copy_from_slice(path);
    block[100..108].copy_from_slice(format!("{mode:07o}\0").as_bytes());
    if size > 0 {
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    }
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar  \0");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn member(path: &str, kind: u8, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut member = Vec::new();
    if path.len() > 100 {
        member = header(b"././@LongLink", b'L', 0o644, path.len() + 1);
        member.extend(path.as_bytes());
        member.push(0);
        member.resize(member.len().next_multiple_of(512), 0);
    }
    member.extend(header(path.as_bytes(), kind, mode, content.len()));
    member.extend(content);
    member.resize(member.len().next_multiple_of(512), 0);
    member
}

fn file(path: &str, content: &[u8]) -> Vec<u8> {
    member(path, b'0', 0o644, content)
}

fn folder(path: &str) -> Vec<u8> {
    member(path, b'5', 0o755, b"")
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    let mut archive = members.concat();
    archive.extend([0; 1024]);
    archive
}

/// Unpacks an archive that is offered by this name into an empty folder.
fn unpacked(offered: &str, archive: &[u8]) -> (TempDir, Result<PathBuf, ArrivalError>) {
    let scene = tempfile::tempdir().unwrap();
    let announced = Announced::File { filesize: archive.len() as u64 };
    let name = offered.parse().unwrap();
    let target = Target::plan_unpacked(scene.path(), None, &name, announced).unwrap();
    let mut begun = target.begin().unwrap();
    begun.write_all(archive).unwrap();
    let landed = begun.commit();
    (scene, landed)
}

fn refused(archive: &[u8]) -> UnpackError {
    let (scene, landed) = unpacked("d.tar", archive);
    assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 0);
    match landed {
        Err(ArrivalError::Unpack(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_folder_of_the_rust_client_is_unpacked_to_its_name() {
    let long = format!("d/{}/f", "deep ".repeat(40));
    let sent = archive(&[
        folder("d"),
        file("d/a", b"1"),
        folder("d/empty"),
        folder(long.strip_suffix("/f").unwrap()),
        file(&long, &[7; 1000]),
        file("d/z", b""),
    ]);
    let (scene, landed) = unpacked("d.tar", &sent);
    let landed = landed.unwrap();
    assert_eq!(landed, scene.path().join("d"));
    assert_eq!(fs::read(landed.join("a")).unwrap(), b"1");
    assert_eq!(fs::read(scene.path().join(&long)).unwrap(), [7; 1000]);
    assert_eq!(fs::read(landed.join("z")).unwrap(), b"");
    assert!(landed.join("empty").is_dir());
    assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 1);
}

#[test]
fn several_things_land_in_one_folder() {
    let top = "<unnamed folder>";
    let sent = archive(&[folder(top), file("<unnamed folder>/a", b"1")]);
    let (scene, landed) = unpacked("<unnamed folder>.tar", &sent);
    assert_eq!(fs::read(landed.unwrap().join("a")).unwrap(), b"1");
    // Under another name, or with something beside it, the inner folder stays.
    let (_other, landed) = unpacked("renamed.tar", &sent);
    assert!(landed.unwrap().join(top).join("a").exists());
    let (_more, landed) = unpacked("d.tar", &archive(&[file("d/a", b"1"), file("e", b"2")]));
    assert!(landed.unwrap().join("d/a").exists());
    drop(scene);
}

#[test]
fn anything_else_stays_a_file() {
    let scene = tempfile::tempdir().unwrap();
    let announced = Announced::File { filesize: 1 };
    for name in ["a.zip", "tar", "a.tar.gz"] {
        let target =
            Target::plan_unpacked(scene.path(), None, &name.parse().unwrap(), announced).unwrap();
        assert!(!target.is_folder());
        assert_eq!(target.path(), scene.path().join(name));
    }
    fs::create_dir(scene.path().join("a")).unwrap();
    let name = "a.tar".parse().unwrap();
    let occupied = Target::plan_unpacked(scene.path(), None, &name, announced).unwrap_err();
    assert!(occupied.to_string().contains("not a file"), "{occupied}");
}

#[test]
fn what_programs_called_tar_make_is_unpacked() {
    let outside = tempfile::tempdir().unwrap();
    let tree = outside.path().join("d");
    let deep = "b".repeat(90) + "/" + &"c".repeat(90);
    fs::create_dir_all(tree.join(&deep)).unwrap();
    fs::write(tree.join(&deep).join("ä"), b"deep").unwrap();
    fs::write(tree.join("run"), b"#!").unwrap();
    fs::set_permissions(tree.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    for format in ["gnu", "pax", "ustar"] {
        let made = outside.path().join(format!("{format}.tar"));
        let mut tar = Command::new("tar");
        tar.current_dir(outside.path()).args(["--format", format, "-cf"]).arg(&made).arg("d");
        match tar.status() {
            Ok(status) if status.success() => {}
            other => {
                eprintln!("skipped {format}: no GNU tar ({other:?})");
                continue;
            }
        }
        let (scene, landed) = unpacked("d.tar", &fs::read(&made).unwrap());
        assert_eq!(landed.unwrap(), scene.path().join("d"), "{format}");
        let landed = scene.path().join("d");
        assert_eq!(fs::read(landed.join(&deep).join("ä")).unwrap(), b"deep", "{format}");
        assert_eq!(mode(&landed.join("run")) & 0o100, 0o100, "{format}");
    }
}

#[test]
fn hostile_members_are_refused_and_leave_nothing() {
    for path in ["../f", "/f", "d/../../f", "../d-x/f", "..", "."] {
        let error = refused(&archive(&[file("d/ok", b"1"), file(path, b"2")]));
        assert!(matches!(error, UnpackError::Unsafe { .. }), "{path}: {error}");
    }
    for kind in [b'1', b'2'] {
        let error = refused(&archive(&[member("d/link", kind, 0o777, b"")]));
        assert!(matches!(error, UnpackError::Link { shown } if shown == "d/link"));
    }
    for kind in [b'3', b'4', b'6', b'S', b'?'] {
        let error = refused(&archive(&[member("d/odd", kind, 0o644, b"")]));
        assert!(matches!(error, UnpackError::Method { shown } if shown == "d/odd"));
    }
    let twice = refused(&archive(&[file("d/f", b"1"), file("d/f", b"2")]));
    assert!(matches!(twice, UnpackError::Twice { shown } if shown == "f"));
}

#[test]
fn setuid_is_forgotten_and_no_mode_is_a_usual_one() {
    let sent = archive(&[member("d/suid", b'0', 0o6755, b"1"), member("d/none", b'0', 0, b"2")]);
    let landed = unpacked("d.tar", &sent);
    let landed = landed.1.unwrap();
    assert_eq!(mode(&landed.join("suid")) & 0o7700, 0o700);
    assert_eq!(mode(&landed.join("none")) & 0o7700, 0o600);
}

#[test]
fn what_is_damaged_is_refused() {
    let good = archive(&[file("d/f", &[7; 2000])]);
    for cut in [100, 512, 1024, 2047] {
        assert!(matches!(refused(&good[..cut]), UnpackError::BadTar(_)), "{cut}");
    }
    let mut flipped = good;
    flipped[0] ^= 1;
    assert!(matches!(refused(&flipped), UnpackError::BadTar(why) if why.contains("checksum")));
    // A length that would be believed before the bytes are there.
    let huge = archive(&[header(b"././@LongLink", b'L', 0o644, 0o77_777_777_777)]);
    assert!(matches!(refused(&huge), UnpackError::BadTar(_)));
    let size = archive(&[header(b"d/f", b'0', 0o644, 0o77_777_777_777)]);
    assert!(matches!(refused(&size), UnpackError::BadTar(_)));
    for record in ["9999 path=x\n", "0 path=x\n", "x", "11 path=abc", "5 a\n\n", "10 size=-1\n"] {
        let bad = archive(&[member("x", b'x', 0o644, record.as_bytes()), file("d/f", b"")]);
        assert!(matches!(refused(&bad), UnpackError::BadTar(_)), "{record}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damaged_archives_never_panic_and_land_inside_or_nowhere(
        at in 0_usize..3072, bit in 0_u8..8,
    ) {
        let mut sent = archive(&[folder("d"), file("d/a", b"content"), folder("d/e")]);
        let at = at % sent.len();
        sent[at] ^= 1 << bit;
        let (scene, landed) = unpacked("d.tar", &sent);
        let left = fs::read_dir(scene.path()).unwrap().count();
        prop_assert_eq!(left, usize::from(landed.is_ok()));
    }
}
