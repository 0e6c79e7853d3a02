//! Replays the file-system half of `file-transfer.json`: what is shown and refused of an offer, and
//! what a sender offers. The vectors say what the Python client does; where ours does otherwise, the
//! case is named here with its reason.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::{
    fs::{self, File, Permissions},
    io::Read,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    time::SystemTime,
};

use chrono::{Local, TimeZone};
use data_encoding::BASE64;
use serde_json::{Value, json};
use wormhole_client::transfer::{
    Announced, Plan, Reason, SafeName, Target, TargetError, WhenUnsendable, escape,
};
use wormhole_protocol::transfer::{Message, Offer};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/file-transfer.json")).unwrap()
}

/// What becomes of an offered file or folder; the space of this machine does not count.
fn is_accepted(case: &Value, offered: &str, announced: Announced) -> bool {
    let scene = tempfile::tempdir().unwrap();
    for existing in case["existing"].as_array().unwrap() {
        fs::write(scene.path().join(existing.as_str().unwrap()), b"").unwrap();
    }
    let Ok(name) = offered.parse::<SafeName>() else { return false };
    let small = Announced::File { filesize: 0 };
    match Target::plan(scene.path(), None, &name, small) {
        Ok(_) => announced.fits(case["free_space"].as_u64()),
        Err(TargetError::Occupied(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Offers that Python accepts and we refuse, with the reason.
fn refused_by_us(offer: &Value, free: &Value) -> Option<&'static str> {
    if offer.get("message").is_some_and(|text| !text.is_string()) {
        return Some("a text that is none");
    }
    let file = &offer["file"];
    if file["filesize"] == -1 || file["filesize"] == 1.5 {
        return Some("a size that is none");
    }
    let name = file["filename"].as_str().or(offer["directory"]["dirname"].as_str());
    if name.is_some_and(|name| name.contains('/')) {
        return Some("a path where only a name is allowed");
    }
    let needs_archive_too = offer.get("directory").is_some() && *free == 50;
    needs_archive_too.then_some("a folder needs room for its archive and its files at once")
}

#[test]
fn offers_are_shown_and_accepted_as_python_does() {
    for case in vectors()["receiver_offers"].as_array().unwrap() {
        let message = json!({"offer": case["offer"]}).to_string();
        let accepted = match Message::parse(message.as_bytes()) {
            Ok(Message::Offer(Offer::Text(text))) => {
                assert_eq!(format!("{}\n", escape(&text)), case["stdout"].as_str().unwrap());
                true
            }
            Ok(Message::Offer(Offer::File(file))) => {
                is_accepted(case, &file.filename, Announced::from(&file))
            }
            Ok(Message::Offer(Offer::Directory(folder))) => {
                is_accepted(case, &folder.dirname, Announced::from(&folder))
            }
            _ => false,
        };
        let result = case["result"].as_str().unwrap();
        let python = result == "ok" || result.starts_with("accepted");
        match refused_by_us(&case["offer"], &case["free_space"]) {
            Some(_) => assert!(python && !accepted, "{case}"),
            None => assert_eq!(accepted, python, "{case}"),
        }
    }
}

/// Lays out what a case of `sender_offers` was recorded with.
fn lay_out(root: &Path, case: &Value) {
    let write = |path: &str, content: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let what = case["what"].as_str().unwrap();
    let size = case["offer"]["file"]["filesize"].as_u64().unwrap_or_default();
    let content = vec![b'x'; usize::try_from(size).unwrap()];
    let entries = case["zip_entries"].as_array().map_or(&[][..], Vec::as_slice);
    let has = |name: &str| entries.iter().any(|entry| entry["name"] == name);
    match what.trim_start_matches("./").trim_end_matches('/') {
        "link.txt" => {
            write("target.txt", &content);
            symlink("target.txt", root.join(what)).unwrap();
        }
        "dlink" => {
            write("real/a", b"a");
            symlink("real", root.join("dlink")).unwrap();
        }
        "d" | "d/sub/.." if has("a.txt") => known_folder(root),
        "d" if has("sub/okl") => {
            write("d/ok", b"1");
            write("d/sub/x", b"2");
            symlink("../ok", root.join("d/sub/okl")).unwrap();
            symlink("..", root.join("d/sub/up")).unwrap();
            symlink("sub", root.join("d/again")).unwrap();
        }
        "d" if has("./") => fs::create_dir(root.join("d")).unwrap(),
        "d" => {
            write("d/ok", b"1");
            // Recorded with a file of mode 0, which root could read: a broken link serves both.
            symlink("nowhere", root.join("d/bad")).unwrap();
        }
        // Recorded with a pipe.
        "p" => drop(UnixListener::bind(root.join("p")).unwrap()),
        "missing" => {}
        file => write(file, &content),
    }
}

/// The folder of `zip_built_by_sender`, with its modes and times.
fn known_folder(root: &Path) {
    let folder = root.join("d");
    fs::create_dir_all(folder.join("empty")).unwrap();
    fs::create_dir_all(folder.join("sub/deep/empty2")).unwrap();
    let time = Local.with_ymd_and_hms(2020, 1, 2, 3, 4, 6).unwrap();
    let files = [("a.txt", "12345", 0o755), ("sub/b.bin", "xyz", 0o600), ("tëst", "u", 0o644)];
    for (name, content, _) in files {
        fs::write(folder.join(name), content).unwrap();
    }
    let folders = [("empty", "", 0o755), ("sub/deep/empty2", "", 0o755)];
    for (name, _, mode) in files.into_iter().chain(folders) {
        let path = folder.join(name);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        File::open(path).unwrap().set_modified(SystemTime::from(time)).unwrap();
    }
}

fn offer(plan: &Plan) -> Value {
    let message: Value = serde_json::from_slice(&Message::Offer(plan.offer()).write()).unwrap();
    message["offer"].clone()
}

fn bytes(plan: Plan) -> Vec<u8> {
    let mut bytes = Vec::new();
    plan.open().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn entry_names(archive: &[u8]) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let mut names: Vec<_> = (0..archive.len())
        .map(|i| archive.by_index(i).unwrap().name().unwrap().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_sender_offers_what_python_offers() {
    let vectors = vectors();
    let mut replayed = 0;
    for case in vectors["sender_offers"].as_array().unwrap() {
        if case["text"].is_string() {
            // Texts are not planned, and win over a path before it is looked at.
            assert!(case["offer"].get("message").is_some());
            continue;
        }
        let scene = tempfile::tempdir().unwrap();
        lay_out(scene.path(), case);
        let skip = case["ignore_unsendable"] == true;
        let policy = if skip { WhenUnsendable::Skip } else { WhenUnsendable::Refuse };
        let path = scene.path().join(case["what"].as_str().unwrap());

        let planned = Plan::of(&path, policy);

        replayed += 1;
        let Some(expected) = case.get("offer") else {
            let refused = planned.err().unwrap();
            let is_right = match case["what"].as_str().unwrap() {
                "p" => matches!(refused.reason, Reason::Special),
                "missing" => matches!(refused.reason, Reason::Io(_)) && refused.path == path,
                _ => matches!(refused.reason, Reason::Io(_)) && refused.path.ends_with("d/bad"),
            };
            assert!(is_right, "{refused}");
            continue;
        };
        let plan = planned.unwrap();
        let (ours, size) = (offer(&plan), plan.size().unwrap());
        let archive = bytes(plan);
        assert_eq!(archive.len() as u64, size);
        let is_empty_folder = case["note"] == "an empty directory";
        if is_empty_folder {
            // Python sends the entry `./`, which its own receiver refuses; we send no entry.
            assert_eq!(ours["directory"]["zipsize"], 22);
            assert_eq!(entry_names(&archive).len(), 0);
            continue;
        }
        assert_eq!(ours, *expected);
        if let Some(entries) = case["zip_entries"].as_array() {
            let names: Vec<_> = entries.iter().map(|entry| entry["name"].clone()).collect();
            assert_eq!(json!(entry_names(&archive)), json!(names), "{case}");
        }
    }
    assert_eq!(replayed, REPLAYED_SENDS);
}

const REPLAYED_SENDS: usize = 16;

/// Cuts an archive without zip64 into what belongs to each entry: everything from its header to its
/// descriptor, and its record of the directory without the offset; sorted, so that the order of
/// entries does not matter.
fn pieces(archive: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([archive[at], archive[at + 1]]));
    let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
    let end = archive.len() - 22;
    let mut at = u32_at(end + 16);
    let mut pieces = Vec::new();
    while at < end {
        let (offset, name) = (u32_at(at + 42), u16_at(at + 28));
        let local = 30 + u16_at(offset + 26) + u16_at(offset + 28) + u32_at(at + 24);
        let descriptor = if u16_at(at + 8) & 8 == 0 { 0 } else { 16 };
        let content = archive[offset..offset + local + descriptor].to_vec();
        let mut record = archive[at..at + 46 + name].to_vec();
        record[42..46].fill(0);
        pieces.push((record, content));
        at += 46 + name;
    }
    pieces.sort();
    pieces
}

#[test]
fn the_archive_is_pythons_to_the_byte_except_for_the_order() {
    let vectors = vectors();
    let built = &vectors["zip_built_by_sender"];
    let python = BASE64.decode(built["zip_base64"].as_str().unwrap().as_bytes()).unwrap();
    let scene = tempfile::tempdir().unwrap();
    known_folder(scene.path());
    let plan = Plan::of(&scene.path().join("d"), WhenUnsendable::Refuse).unwrap();
    assert_eq!(offer(&plan), built["offer"]);
    let ours = bytes(plan);
    assert_eq!(ours.len(), python.len());
    assert_eq!(pieces(&ours), pieces(&python));
}
