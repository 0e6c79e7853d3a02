//! What stays of an interrupted transfer where the person asked for it: the data as
//! `NAME.part-RANDOM`, and beside it a note of what is needed to resume one day.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Seek, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    Announced,
    dir::Dir,
    name::{MAX_NAME_BYTES, misleads},
    staging::chance,
};

const NOTE: &str = ".json";

/// The note beside a file that comes in.
///
/// It is a JSON object: `offered_name`, `announced_bytes` (null where unknown), for a folder `folder` with `numbytes`
/// and `numfiles`, `data` (the name of the file with the bytes), `begun` in seconds since 1970; and
/// as soon as the transfer is interrupted `received` in bytes, their `sha256` in lower-case hex, and
/// `interrupted`, a time again. Without the last three the program was killed: then the length of
/// the file tells how much is there.
pub(super) struct Partial {
    name: String,
    note: File,
    record: Value,
    received: u64,
    hash: Sha256,
}

impl Partial {
    /// Makes the note in a folder, for something that would be named `place` there.
    pub(super) fn begin(
        folder: &Dir,
        place: &str,
        offered: &str,
        announced: &Announced,
    ) -> io::Result<Self> {
        let name = part_name(place);
        let note = folder.make_file(format!("{name}{NOTE}"), 0o666)?;
        let mut record = json!({
            "offered_name": offered,
            "announced_bytes": announced.wire_size(),
            "data": name,
            "begun": now(),
        });
        if let Announced::Folder { numbytes, numfiles, .. } = announced {
            record["folder"] = json!({ "numbytes": numbytes, "numfiles": numfiles });
        }
        let mut begun = Self { name, note, record, received: 0, hash: Sha256::new() };
        if let Err(error) = begun.write() {
            begun.discard(folder);
            return Err(error);
        }
        Ok(begun)
    }

    /// The name of the file with the bytes.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Counts bytes that were written into the file.
    pub(super) fn took(&mut self, bytes: &[u8]) {
        self.received += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// Leaves the note with what came; not where nothing did, which it tells.
    pub(super) fn leave(mut self, folder: &Dir) -> bool {
        if self.received == 0 {
            self.discard(folder);
            return false;
        }
        self.record["received"] = self.received.into();
        self.record["sha256"] = HEXLOWER.encode(&self.hash.clone().finalize()).into();
        self.record["interrupted"] = now().into();
        // The data is worth more than the note.
        let _ = self.write();
        true
    }

    /// Removes the note.
    pub(super) fn discard(self, folder: &Dir) {
        let _ = folder.remove_file(format!("{}{NOTE}", self.name));
    }

    /// Writes over what is there, which is shorter, so that it needs no room on a full disk.
    fn write(&mut self) -> io::Result<()> {
        let text = readable(&serde_json::to_string_pretty(&self.record)?);
        self.note.rewind()?;
        self.note.write_all(text.as_bytes())
    }
}

/// Writes out what JSON lets through and would mislead who looks at the note in a terminal.
fn readable(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        // A String takes everything.
        let _ = match c {
            '\n' => text.write_char(c),
            c if misleads(c) => write!(text, "\\u{:04x}", u32::from(c)),
            c => text.write_char(c),
        };
    }
    text.push('\n');
    text
}

/// Names what stays of what was to have this name, no longer than a name may be.
fn part_name(place: &str) -> String {
    let end = format!(".part-{}", chance());
    let room = MAX_NAME_BYTES - end.len() - NOTE.len();
    let cut = (0..=room.min(place.len())).rev().find(|at| place.is_char_boundary(*at));
    format!("{}{end}", &place[..cut.unwrap_or_default()])
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_note_controls_no_terminal_and_means_the_same() {
        let name = "esc\u{1b} csi\u{9b} del\u{7f} over\u{202e} ä\n";
        let text = readable(&serde_json::to_string_pretty(&json!({ "name": name })).unwrap());
        assert!(!text.trim_end().chars().any(|c| c != '\n' && misleads(c)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["name"], name);
    }

    #[test]
    fn a_name_says_what_it_is_a_part_of() {
        assert!(part_name("photo.jpg").starts_with("photo.jpg.part-"));
        assert_ne!(part_name("a"), part_name("a"));
        for long in ["b".repeat(255), "ä".repeat(127)] {
            assert!(part_name(&long).len() + NOTE.len() <= MAX_NAME_BYTES);
        }
    }
}
