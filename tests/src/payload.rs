//! What a transfer carries.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Makes a file or folder at a path.
type Make = fn(&Path);

/// Is one thing to send.
#[derive(Clone, Copy)]
pub enum Payload {
    /// A message.
    Text(&'static str),
    /// A file or folder of this name, and how it is made inside a folder.
    Tree(&'static str, Make),
    /// Several of them at once, which arrive in one folder.
    Several(&'static [(&'static str, Make)]),
}

/// Everything the matrix sends, by name.
pub const PAYLOADS: &[(&str, Payload)] = &[
    ("text", Payload::Text("Grüße, 世界: 7 wormholes ✓")),
    ("empty_file", Payload::Tree("empty.bin", |at| file(at, &[], 0o644))),
    ("one_byte", Payload::Tree("one.bin", one)),
    ("five_megabytes", Payload::Tree("big.bin", |at| file(at, &noise(5_000_000), 0o644))),
    ("odd_name", Payload::Tree("brève note ☃ 7.txt", |at| file(at, b"snow", 0o644))),
    ("empty_subfolder", Payload::Tree("album", album)),
    ("nested_files", Payload::Tree("nested", nested)),
    ("executable", Payload::Tree("tools", tools)),
    ("many_files", Payload::Tree("many", many)),
    ("several_paths", Payload::Several(&[("tools", tools), ("nested", nested), ("one.bin", one)])),
];

impl Payload {
    /// Makes the payload in `folder` and returns the arguments of `send` for it.
    pub fn make(self, folder: &Path) -> Vec<&'static str> {
        match self {
            Self::Text(text) => vec!["--text", text],
            Self::Tree(name, make) => {
                make(&folder.join(name));
                vec![name]
            }
            Self::Several(parts) => {
                parts.iter().for_each(|(name, make)| make(&folder.join(name)));
                parts.iter().map(|(name, _)| *name).collect()
            }
        }
    }
}

/// Writes a file with exactly these mode bits.
fn file(at: &Path, content: &[u8], mode: u32) {
    let parent = at.parent().expect("a payload lies in a folder");
    fs::create_dir_all(parent).expect("a temporary folder can be written");
    fs::write(at, content).expect("a temporary folder can be written");
    fs::set_permissions(at, Permissions::from_mode(mode)).expect("the file is ours");
}

fn one(at: &Path) {
    file(at, b"x", 0o644);
}

fn album(at: &Path) {
    file(&at.join("cover.txt"), b"cover", 0o644);
    fs::create_dir(at.join("empty")).expect("a temporary folder can be written");
}

fn nested(at: &Path) {
    file(&at.join("top.txt"), b"top", 0o644);
    file(&at.join("a/b/c/deep.bin"), &noise(70_000), 0o644);
    file(&at.join("a/b/nothing"), &[], 0o644);
    file(&at.join("ä b/ü.txt"), b"umlauts", 0o644);
}

fn tools(at: &Path) {
    file(&at.join("run.sh"), b"#!/bin/sh\n", 0o755);
    file(&at.join("notes.txt"), b"notes", 0o644);
    file(&at.join("private.key"), b"none", 0o600);
}

fn many(at: &Path) {
    for number in 0..300 {
        let content = noise(number % 7 * 100);
        file(&at.join(format!("{}/{number}.bin", number % 10)), &content, 0o644);
    }
}

/// Bytes that do not compress and are the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[7]
    };
    std::iter::repeat_with(step).take(len).collect()
}
