//! What lies in a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Is the whole content of a folder: each path in it, with mode bits and the sha256 of files.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, Entry>);

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Folder {
        mode: u32,
    },
    File {
        mode: u32,
        bytes: usize,
        sha256: String,
    },
    /// A link, a pipe, a device: nothing a transfer may make.
    Other,
}

impl Snapshot {
    /// Reads a folder.
    ///
    /// # Panics
    ///
    /// When something in it cannot be read.
    pub fn of(folder: &Path) -> Self {
        let mut entries = BTreeMap::new();
        visit(folder, Path::new(""), &mut entries);
        Self(entries)
    }

    /// Puts everything into a folder of this name, with the usual mode.
    pub fn inside(self, name: &str) -> Self {
        let below = self.0.into_iter().map(|(path, entry)| (Path::new(name).join(path), entry));
        let folder = (PathBuf::from(name), Entry::Folder { mode: 0o755 });
        Self(below.chain([folder]).collect())
    }

    /// Lists what is in one alone, or different in the other, a line each.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let paths: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let differs = |path: &&&PathBuf| self.0.get(**path) != other.0.get(**path);
        let line = |path: &PathBuf| {
            format!("{}: {:?} became {:?}", path.display(), self.0.get(path), other.0.get(path))
        };
        paths.iter().filter(differs).map(|path| line(path)).collect()
    }

    /// Forgets all mode bits, where a program on the way loses them.
    pub fn without_modes(mut self) -> Self {
        for entry in self.0.values_mut() {
            if let Entry::Folder { mode } | Entry::File { mode, .. } = entry {
                *mode = 0;
            }
        }
        self
    }

    /// Tells whether the folder holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the paths inside the folder, in order.
    pub fn paths(&self) -> Vec<&Path> {
        self.0.keys().map(PathBuf::as_path).collect()
    }
}

fn visit(root: &Path, inside: &Path, entries: &mut BTreeMap<PathBuf, Entry>) {
    for item in fs::read_dir(root.join(inside)).expect("the folder can be read") {
        let item = item.expect("the folder can be read");
        let path = inside.join(item.file_name());
        let about = item.metadata().expect("the entry can be looked at");
        let mode = about.permissions().mode() & 0o7777;
        let entry = if about.is_dir() {
            visit(root, &path, entries);
            Entry::Folder { mode }
        } else if about.is_file() {
            let content = fs::read(item.path()).expect("the file can be read");
            let sha256 = format!("{:x}", Sha256::digest(&content));
            Entry::File { mode, bytes: content.len(), sha256 }
        } else {
            Entry::Other
        };
        entries.insert(path, entry);
    }
}
