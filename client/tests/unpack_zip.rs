//! A zip archive that contradicts itself is refused with the reason, or repaired; what other
//! programs write is none of that.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path};

use tempfile::TempDir;
use wormhole_client::transfer::{Announced, ArrivalError, Target, UnpackError, Unpacked};

const DESCRIBED: u16 = 1 << 3;

/// An entry, all of whose parts may be wrong.
#[derive(Clone)]
struct Entry {
    name: &'static str,
    mode: u32,
    flags: u16,
    method: u16,
    crc: u32,
    size: u32,
    packed: Vec<u8>,
    local: Local,
    descriptor: Vec<u8>,
    /// What nobody lists.
    junk: Vec<u8>,
}

/// What the header before the content says.
#[derive(Clone)]
struct Local {
    name: &'static str,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    extra: Vec<u8>,
}

/// A stored file as Python, Go and we write it, with its sizes in a descriptor.
fn file(name: &'static str, content: &[u8]) -> Entry {
    let (crc, size) = (crc(content), content.len() as u32);
    let local =
        Local { name, flags: DESCRIBED, method: 0, crc: 0, packed: 0, size: 0, extra: vec![] };
    Entry {
        name,
        mode: 0o100_644,
        flags: DESCRIBED,
        method: 0,
        crc,
        size,
        packed: content.to_vec(),
        local,
        descriptor: descriptor(true, crc, size),
        junk: vec![],
    }
}

/// One whose header says everything, as programs write it that can go back.
fn plain(name: &'static str, content: &[u8]) -> Entry {
    let mut entry = Entry { flags: 0, descriptor: vec![], ..file(name, content) };
    let size = content.len() as u32;
    entry.local = Local { flags: 0, crc: entry.crc, packed: size, size, ..entry.local };
    entry
}

fn folder(name: &'static str) -> Entry {
    Entry { mode: 0o040_755, ..plain(name, b"") }
}

fn crc(content: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    };
    !content.iter().fold(!0, step)
}

fn descriptor(signature: bool, crc: u32, size: u32) -> Vec<u8> {
    let mut out = if signature { b"PK\x07\x08".to_vec() } else { vec![] };
    [crc, size, size].into_iter().for_each(|number| out.extend(number.to_le_bytes()));
    out
}

fn wide_descriptor(signature: bool, crc: u32, size: u64) -> Vec<u8> {
    let mut out = if signature { b"PK\x07\x08".to_vec() } else { vec![] };
    out.extend(crc.to_le_bytes());
    [size, size].into_iter().for_each(|number| out.extend(number.to_le_bytes()));
    out
}

/// What stands around the entries.
#[derive(Clone, Default)]
struct Around {
    before: Vec<u8>,
    between: Vec<u8>,
    behind: Vec<u8>,
    /// What is added to the numbers at the end: both disks, both counts, size and beginning of the
    /// directory, and the length of the comment.
    end: [i64; 7],
}

fn archive(entries: &[Entry], around: &Around) -> Vec<u8> {
    let mut out = around.before.clone();
    let mut directory = Vec::new();
    for entry in entries {
        let (offset, local) = (out.len() as u32, &entry.local);
        out.extend(b"PK\x03\x04\x14\0");
        [local.flags, local.method, 0, 33].into_iter().for_each(|n| out.extend(n.to_le_bytes()));
        [local.crc, local.packed, local.size].into_iter().for_each(|n| out.extend(n.to_le_bytes()));
        out.extend((local.name.len() as u16).to_le_bytes());
        out.extend((local.extra.len() as u16).to_le_bytes());
        out.extend(local.name.as_bytes());
        out.extend(&local.extra);
        out.extend(&entry.packed);
        out.extend(&entry.descriptor);
        out.extend(&entry.junk);
        directory.extend(b"PK\x01\x02\x14\x03\x14\0");
        [entry.flags, entry.method, 0, 33]
            .into_iter()
            .for_each(|n| directory.extend(n.to_le_bytes()));
        [entry.crc, entry.packed.len() as u32, entry.size]
            .into_iter()
            .for_each(|n| directory.extend(n.to_le_bytes()));
        directory.extend((entry.name.len() as u16).to_le_bytes());
        directory.extend([0; 8]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let (begin, size) = (out.len() as i64, directory.len() as i64);
    out.extend(directory);
    out.extend(&around.between);
    out.extend(b"PK\x05\x06");
    let count = entries.len() as i64;
    let numbers = [0, 0, count, count, size, begin, 0];
    for (at, (number, more)) in numbers.into_iter().zip(around.end).enumerate() {
        let width = if matches!(at, 4 | 5) { 4 } else { 2 };
        out.extend(&(number + more).to_le_bytes()[..width]);
    }
    out.extend(&around.behind);
    out
}

/// Unpacks what is announced as this many files.
fn unpack(archive: &[u8], numfiles: u64) -> (TempDir, Result<Unpacked, ArrivalError>) {
    let scene = tempfile::tempdir().unwrap();
    let announced = Announced::Folder { zipsize: archive.len() as u64, numbytes: 1000, numfiles };
    let target = Target::plan(scene.path(), None, &"d".parse().unwrap(), announced).unwrap();
    let mut begun = target.begin().unwrap();
    begun.write_all(archive).unwrap();
    let placed = begun.place().map(|(_, unpacked)| unpacked.unwrap());
    (scene, placed)
}

fn refused(entries: &[Entry], around: &Around) -> String {
    let files = entries.iter().filter(|entry| !entry.name.ends_with('/')).count();
    let (scene, placed) = unpack(&archive(entries, around), files as u64);
    assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 0);
    match placed {
        Err(ArrivalError::Unpack(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_programs_write_is_unpacked() {
    let long = [7; 600];
    let sum = crc(&long);
    let wide =
        |signature| Entry { descriptor: wide_descriptor(signature, sum, 600), ..file("w", &long) };
    let bare = Entry { descriptor: descriptor(false, sum, 600), ..file("w", &long) };
    // Two readings of its descriptor are right, of which one leaves something over.
    let empty = Entry { descriptor: wide_descriptor(true, 0, 0), ..file("w", b"") };
    let mut said_twice = file("w", &long);
    said_twice.local = Local { crc: sum, packed: 600, size: 600, ..said_twice.local };
    let mut large = file("w", &long);
    let extra = [&[1, 0, 16, 0][..], &[0; 16]].concat();
    large.local = Local { packed: u32::MAX, size: u32::MAX, extra, ..large.local };
    let mut dated = plain("w", &long);
    dated.local.extra = vec![b'U', b'T', 1, 0, 0];
    for entry in [
        wide(true),
        wide(false),
        bare,
        empty,
        said_twice,
        large,
        dated,
        plain("w", &long),
        file("w", &long),
    ] {
        let size = entry.size;
        let entries = [file("a", b"1"), entry, folder("e/"), plain("z", b"")];
        for around in [
            Around::default(),
            Around { behind: b"said".to_vec(), end: [0, 0, 0, 0, 0, 0, 4], ..Around::default() },
        ] {
            let (scene, placed) = unpack(&archive(&entries, &around), 3);
            let placed = placed.unwrap();
            assert_eq!((placed.files, placed.folders, placed.bytes), (3, 1, 1 + u64::from(size)));
            assert_eq!(fs::metadata(scene.path().join("d/w")).unwrap().len(), u64::from(size));
        }
    }
    let mut described = folder("e/");
    (described.flags, described.local.flags) = (DESCRIBED, DESCRIBED);
    for descriptor in [vec![], descriptor(true, 0, 0)] {
        let described = Entry { descriptor, ..described.clone() };
        unpack(&archive(&[described, file("a", b"1")], &Around::default()), 1).1.unwrap();
    }
    // The archive of an empty folder, as Python writes it and as we do.
    for entries in [&[folder("./")][..], &[]] {
        let (scene, placed) = unpack(&archive(entries, &Around::default()), 0);
        let placed = placed.unwrap();
        assert_eq!((placed.files, placed.folders, placed.bytes), (0, 0, 0));
        assert!(scene.path().join("d").is_dir());
    }
}

/// Those of Python's library, of all kinds, which the fuzzer begins with. The first byte tells the
/// number of files.
#[test]
fn what_python_writes_is_unpacked() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/zip");
    let mut seen = 0;
    for seed in fs::read_dir(seeds).unwrap() {
        let seed = fs::read(seed.unwrap().path()).unwrap();
        let (files, archive) = seed.split_first().unwrap();
        assert_eq!(unpack(archive, u64::from(*files)).1.unwrap().files, u64::from(*files));
        seen += 1;
    }
    assert!(seen > 7);
}

#[test]
fn the_two_ends_of_a_large_archive_agree() {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/zip/large-end");
    let archive = &fs::read(seed).unwrap()[1..];
    let at = archive.windows(4).rposition(|window| window == b"PK\x06\x06").unwrap();
    // The record's own length; entries on this disk and in all; length and beginning of the
    // directory; where the other record says that this one lies; and the other's two counts, its
    // length and its beginning.
    for wrong in
        [at + 4, at + 24, at + 32, at + 40, at + 48, at + 64, at + 84, at + 86, at + 88, at + 92]
    {
        let mut archive = archive.to_vec();
        archive[wrong] = archive[wrong].wrapping_sub(1);
        let (scene, placed) = unpack(&archive, 2);
        assert!(matches!(placed, Err(ArrivalError::Unpack(_))), "{}: {placed:?}", wrong - at);
        assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 0);
    }
}

#[test]
fn an_entry_that_contradicts_itself_is_refused() {
    let good = file("b", b"1234567890");
    let plain = plain("b", b"1234567890");
    let local = |change: fn(&mut Local)| {
        let mut entry = good.clone();
        change(&mut entry.local);
        entry
    };
    let in_plain = |change: fn(&mut Local)| {
        let mut entry = plain.clone();
        change(&mut entry.local);
        entry
    };
    // A stored block of deflate, and a byte that is not its content.
    let deflated = |more: &[u8]| {
        let packed = [&[1, 10, 0, !10, !0], &b"1234567890"[..], more].concat();
        let (size, mut entry) = (packed.len() as u32, plain.clone());
        entry.local = Local { method: 8, packed: size, ..entry.local };
        Entry { method: 8, packed, ..entry }
    };
    let accepted = [deflated(b""), good.clone(), plain.clone()];
    for entry in accepted {
        unpack(&archive(&[entry], &Around::default()), 1).1.unwrap();
    }
    let wrong = descriptor(true, good.crc, 11);
    for (entry, why) in [
        (local(|local| local.name = "x"), "another name"),
        (local(|local| local.name = "longer"), "another name"),
        (local(|local| local.method = 8), "packed in one way"),
        (local(|local| local.flags = 0), "packed in one way"),
        (local(|local| local.flags |= 1), "packed in one way"),
        (in_plain(|local| local.flags = DESCRIBED), "packed in one way"),
        (local(|local| local.crc = 1), "another size or sum"),
        (local(|local| local.size = 9), "another size or sum"),
        (local(|local| local.packed = 9), "another size or sum"),
        (in_plain(|local| local.crc = 0), "another size or sum"),
        (in_plain(|local| local.size = 0), "another size or sum"),
        (Entry { descriptor: wrong, ..good.clone() }, "behind its content"),
        (Entry { descriptor: descriptor(true, 1, 10), ..good.clone() }, "behind its content"),
        (Entry { descriptor: vec![], ..good.clone() }, "behind its content"),
        (Entry { junk: b"x".to_vec(), ..good.clone() }, "nobody lists"),
        (Entry { junk: b"x".to_vec(), ..plain.clone() }, "nobody lists"),
        (Entry { descriptor: descriptor(true, good.crc, 10), ..plain.clone() }, "nobody lists"),
        (Entry { mode: 0o040_755, ..good.clone() }, "a file by name"),
        (Entry { mode: 0o100_644, ..folder("b/") }, "a folder by name"),
        (Entry { mode: 0o010_644, ..good.clone() }, "unknown way"),
        (Entry { mode: 0o120_777, ..good.clone() }, "the link"),
        (Entry { size: 1, ..folder("b/") }, "a folder has content"),
        (Entry { size: 11, ..good.clone() }, "in another size"),
        (deflated(b"x"), "ends before"),
    ] {
        for entries in [&[entry.clone()][..], &[entry.clone(), file("z", b"1")]] {
            let said = refused(entries, &Around::default());
            assert!(said.contains(why) && said.contains("'b"), "{said}, not {why}");
        }
    }
    for twice in [[good.clone(), good], [folder("b/"), folder("b//")], [folder("./"), folder("./")]]
    {
        let said = refused(&twice, &Around::default());
        assert!(said.contains("twice"), "{said}");
    }
}

#[test]
fn an_archive_that_contradicts_itself_is_refused() {
    let entries = [file("a", b"1"), file("b", b"2")];
    let junk = || b"junk".to_vec();
    let end = |end| Around { end, ..Around::default() };
    for (around, why) in [
        (Around { before: junk(), ..Around::default() }, "before its beginning"),
        // The same where the offsets count from behind it.
        (Around { before: junk(), end: [0, 0, 0, 0, 0, -4, 0], ..Around::default() }, "before its"),
        (Around { behind: junk(), ..Around::default() }, "behind its end"),
        (Around { between: junk(), ..Around::default() }, "ends elsewhere"),
        (end([1, 0, 0, 0, 0, 0, 0]), "part of several"),
        (end([0, 1, 0, 0, 0, 0, 0]), "part of several"),
        (end([0, 0, -1, 0, 0, 0, 0]), "part of several"),
        (end([0, 0, 1, 1, 0, 0, 0]), "3 entries with 2"),
        (end([0, 0, -1, -1, 0, 0, 0]), "1 entries with 2"),
        (end([0, 0, 0, 0, 1, 0, 0]), "ends elsewhere"),
    ] {
        let said = refused(&entries, &around);
        assert!(said.contains(why), "{said}, not {why}");
    }
    for entries in [&entries[..], &[]] {
        let said = refused(entries, &Around { before: junk(), ..Around::default() });
        assert!(said.contains("before its beginning"), "{said}");
    }
    let (_scene, few) = unpack(&archive(&entries, &Around::default()), 3);
    let Err(ArrivalError::Unpack(UnpackError::TooFew { announced: 3, got: 2 })) = few else {
        panic!("{few:?}");
    };
}

#[test]
fn who_would_be_locked_out_is_let_in_alone() {
    let entries = [
        Entry { mode: 0o100_000, ..file("none", b"1") },
        Entry { mode: 0o100_044, ..file("others", b"1") },
        Entry { mode: 0, ..file("unsaid", b"1") },
        Entry { mode: 0o040_000, ..folder("closed/") },
        file("closed/f", b"1"),
        Entry { mode: 0o040_300, ..folder("./") },
    ];
    let (scene, placed) = unpack(&archive(&entries, &Around::default()), 4);
    let placed = placed.unwrap();
    assert_eq!((placed.files, placed.folders, placed.freed), (4, 1, 4));
    let mode = |path: &str| mode(&scene.path().join(path));
    assert_eq!([mode("d"), mode("d/closed"), mode("d/none")], [0o700, 0o700, 0o600]);
    assert_eq!(mode("d/others") & 0o700, 0o600);
    assert_eq!(mode("d/unsaid") & 0o600, 0o600);
}
