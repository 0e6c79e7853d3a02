//! A folder to be sent, walked and measured.

use std::{
    collections::{HashSet, VecDeque},
    fs::{self, DirEntry, File, Metadata},
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{shown, zip::DosTime};

/// Says what becomes of a file inside a folder that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUnsendable {
    /// The whole folder is refused.
    Refuse,
    /// The file is left out and listed in [`FolderPlan::skipped`](super::FolderPlan).
    Skip,
}

/// Tells which path cannot be sent, and why.
#[derive(Debug, Error)]
#[error("'{}' cannot be sent: {reason}", shown(path))]
pub struct Unsendable {
    /// The path on this machine.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What makes a path unsendable.
#[derive(Debug, Error)]
pub enum Reason {
    /// It does not exist, is a broken link, or may not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is a device, a pipe or a socket.
    #[error("it is neither a file nor a folder")]
    Special,
    /// Its name cannot be written in the protocol's UTF-8.
    #[error("its name is not valid UTF-8")]
    NotUtf8,
    /// Its path inside the sent folder has more than 65535 bytes, the limit of a zip archive.
    #[error("its path is too long for a zip archive")]
    TooLong,
    /// It is the root of the file system.
    #[error("it has no name")]
    Nameless,
}

impl Reason {
    pub(super) fn at(self, path: &Path) -> Unsendable {
        Unsendable { path: path.to_owned(), reason: self }
    }
}

/// One entry of the archive to come.
pub(super) struct Entry {
    /// The path inside the folder with `/`; a folder's ends with one.
    pub(super) name: Box<str>,
    pub(super) content: Content,
    /// Type and permissions as in `st_mode`.
    pub(super) mode: u16,
    pub(super) modified: DosTime,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A folder without anything in it.
    EmptyFolder,
    /// A regular file, with its size in bytes.
    File(u64),
}

/// What the walk found: the files and empty folders below a folder.
///
/// Links are followed; each real folder is entered once, by its own path rather than through a link
/// where it has both, so loops end [file-transfer.md: directory].
#[derive(Default)]
pub(super) struct Tree {
    pub(super) entries: Vec<Entry>,
    pub(super) skipped: Vec<Unsendable>,
}

impl Tree {
    /// Walks a folder; `root` is resolved already.
    pub(super) fn below(root: &Path, policy: WhenUnsendable) -> Result<Self, Unsendable> {
        let mut walk = Walk {
            policy,
            seen: HashSet::from([root.to_owned()]),
            folders: vec![Below { path: root.to_owned(), name: String::new() }],
            links: VecDeque::new(),
            tree: Self::default(),
        };
        fs::read_dir(root).map_err(|error| Reason::from(error).at(root))?;
        while let Some(folder) = walk.next_folder() {
            walk.folder(&folder)?;
        }
        Ok(walk.tree)
    }
}

/// A path on this machine, and what the archive calls it.
struct Below {
    path: PathBuf,
    name: String,
}

struct Walk {
    policy: WhenUnsendable,
    /// The resolved paths of the folders entered.
    seen: HashSet<PathBuf>,
    folders: Vec<Below>,
    /// Links to folders wait until no folder of the tree itself is left.
    links: VecDeque<Below>,
    tree: Tree,
}

impl Walk {
    fn next_folder(&mut self) -> Option<Below> {
        self.folders.pop().or_else(|| self.links.pop_front())
    }

    fn folder(&mut self, folder: &Below) -> Result<(), Unsendable> {
        let children = match self.children(folder) {
            Ok(children) => children,
            Err(reason) => return self.refuse(reason.at(&folder.path)),
        };
        let first = self.folders.len();
        for child in children {
            if let Err(reason) = self.child(&folder.name, &child) {
                self.refuse(reason.at(&child.path()))?;
            }
        }
        // They are taken from the end.
        self.folders[first..].reverse();
        Ok(())
    }

    fn refuse(&mut self, unsendable: Unsendable) -> Result<(), Unsendable> {
        if self.policy == WhenUnsendable::Refuse {
            return Err(unsendable);
        }
        self.tree.skipped.push(unsendable);
        Ok(())
    }

    /// Lists a folder by name; one that was entered before has nothing new.
    fn children(&mut self, folder: &Below) -> Result<Vec<DirEntry>, Reason> {
        let is_root = folder.name.is_empty();
        if !is_root && !self.seen.insert(fs::canonicalize(&folder.path)?) {
            return Ok(Vec::new());
        }
        let mut children = fs::read_dir(&folder.path)?.collect::<io::Result<Vec<_>>>()?;
        if children.is_empty() && !is_root {
            let metadata = fs::metadata(&folder.path)?;
            self.add(format!("{}/", folder.name), Content::EmptyFolder, &metadata)?;
        }
        children.sort_by_key(DirEntry::file_name);
        Ok(children)
    }

    fn child(&mut self, parent: &str, entry: &DirEntry) -> Result<(), Reason> {
        let path = entry.path();
        let own = entry.file_name().into_string().map_err(|_| Reason::NotUtf8)?;
        let name = if parent.is_empty() { own } else { format!("{parent}/{own}") };
        let metadata = fs::metadata(&path)?;
        if metadata.is_dir() {
            let is_link = entry.file_type()?.is_symlink();
            let below = Below { path, name };
            if is_link {
                self.links.push_back(below);
            } else {
                self.folders.push(below);
            }
            return Ok(());
        }
        let size = size_of(&path, &metadata)?;
        self.add(name, Content::File(size), &metadata)
    }

    fn add(&mut self, name: String, content: Content, metadata: &Metadata) -> Result<(), Reason> {
        if name.len() > usize::from(u16::MAX) {
            return Err(Reason::TooLong);
        }
        let modified = metadata.modified().map_or(DosTime::EARLIEST, DosTime::of);
        let mode = mode(metadata);
        self.tree.entries.push(Entry { name: name.into(), content, mode, modified });
        Ok(())
    }
}

/// Returns the size of a regular file that can be opened for reading.
pub(super) fn size_of(path: &Path, metadata: &Metadata) -> Result<u64, Reason> {
    if !metadata.is_file() {
        return Err(Reason::Special);
    }
    File::open(path)?;
    Ok(metadata.len())
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u16 {
    use std::os::unix::fs::MetadataExt;

    // Type and permissions take sixteen bits on every Unix.
    (metadata.mode() & 0xffff) as u16
}

#[cfg(not(unix))]
fn mode(metadata: &Metadata) -> u16 {
    if metadata.is_dir() { 0o040_755 } else { 0o100_644 }
}
