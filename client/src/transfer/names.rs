//! The names in one folder, in one piece of memory.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fs::{self, FileType},
    hash::{BuildHasher, RandomState},
    io,
    path::Path,
};

use super::{
    native::{from_bytes, to_bytes},
    unpack::folded,
};

/// What stands in a folder under a name, as far as the folder itself tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    Link,
    /// A file, if it is not something special.
    Other,
}

/// The names in one folder, sorted, given one after the other. A hundred thousand of them take a
/// few megabytes.
pub(super) struct Names {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    next: usize,
}

struct Span {
    start: usize,
    len: u32,
    kind: Kind,
}

impl Names {
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let mut names = Self { bytes: Vec::new(), spans: Vec::new(), next: 0 };
        for child in fs::read_dir(folder)? {
            let child = child?;
            names.push(&child.file_name(), child.file_type()?);
        }
        let Self { bytes, spans, .. } = &mut names;
        spans.sort_unstable_by_key(|span| span.of(bytes));
        Ok(names)
    }

    fn push(&mut self, name: &OsStr, kind: FileType) {
        let kind = match kind {
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_symlink() => Kind::Link,
            _ => Kind::Other,
        };
        let start = self.bytes.len();
        to_bytes(name, &mut self.bytes);
        self.spans.push(Span { start, len: (self.bytes.len() - start) as u32, kind });
    }

    /// Returns a name that differs from another only in case or in how a letter is encoded.
    pub(super) fn collision(&self) -> Option<String> {
        // Fingerprints take less room than names; by chance no two of other names are alike.
        let key = RandomState::new();
        let mut seen = HashSet::with_capacity(self.spans.len());
        self.spans.iter().find_map(|span| {
            let name = from_bytes(span.of(&self.bytes)).into_string().ok()?;
            (!seen.insert(key.hash_one(folded(&name)))).then_some(name)
        })
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        let mut wanted = Vec::new();
        to_bytes(OsStr::new(name), &mut wanted);
        self.spans.binary_search_by_key(&&wanted[..], |span| span.of(&self.bytes)).is_ok()
    }
}

impl Span {
    fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start..][..self.len as usize]
    }
}

impl Iterator for Names {
    type Item = (OsString, Kind);

    fn next(&mut self) -> Option<Self::Item> {
        let span = self.spans.get(self.next)?;
        self.next += 1;
        Some((from_bytes(span.of(&self.bytes)), span.kind))
    }
}
