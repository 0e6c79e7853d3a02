//! What is about to be sent, with every size known.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use wormhole_protocol::transfer::{DirectoryOffer, FileOffer, Offer};

use super::{
    steady::SteadyFile,
    tree::{Content, Entry, Reason, Tree, Unsendable, WhenUnsendable, size_of},
    zip::{ZipStream, archive_size},
};

/// A file or folder that can be offered, measured before any byte is sent.
pub enum Plan {
    /// One file, sent as it is.
    File(FilePlan),
    /// A folder, sent as one zip archive.
    Folder(FolderPlan),
}

/// A file to be sent.
pub struct FilePlan {
    /// Its name and its size.
    pub offer: FileOffer,
    path: PathBuf,
}

/// A folder to be sent.
pub struct FolderPlan {
    /// Its name, the exact length of its archive, and how many files of how many bytes it has;
    /// links to files count, folders do not.
    pub offer: DirectoryOffer,
    /// What is left out; empty under [`WhenUnsendable::Refuse`].
    pub skipped: Vec<Unsendable>,
    root: PathBuf,
    entries: Vec<Entry>,
}

impl Plan {
    /// Measures what lies at a path.
    ///
    /// The offered name is the last component of the path, `.` and `..` and trailing slashes
    /// removed by their text alone; the content is that of the path with every link followed
    /// [file-transfer.md: command line].
    ///
    /// # Errors
    /// [`Unsendable`] when the path is missing, unreadable, nameless, not UTF-8 or neither a file
    /// nor a folder; likewise for anything inside a folder, unless those are to be skipped.
    pub fn of(path: &Path, inside: WhenUnsendable) -> Result<Self, Unsendable> {
        let refuse = |reason: Reason| reason.at(path);
        let resolved = fs::canonicalize(path).map_err(|error| refuse(error.into()))?;
        let name = sent_name(path).map_err(refuse)?;
        let metadata = fs::metadata(&resolved).map_err(|error| refuse(error.into()))?;
        if metadata.is_dir() {
            return FolderPlan::of(name, resolved, inside).map(Self::Folder);
        }
        let filesize = size_of(&resolved, &metadata).map_err(refuse)?;
        Ok(Self::File(FilePlan { offer: FileOffer { filename: name, filesize }, path: resolved }))
    }

    /// Returns what to tell the peer.
    pub fn offer(&self) -> Offer {
        match self {
            Self::File(file) => Offer::File(file.offer.clone()),
            Self::Folder(folder) => Offer::Directory(folder.offer.clone()),
        }
    }

    /// Returns the number of bytes that [`Plan::open`] will give.
    pub fn size(&self) -> u64 {
        match self {
            Self::File(file) => file.offer.filesize,
            Self::Folder(folder) => folder.offer.zipsize,
        }
    }

    /// Starts reading what goes over the wire: the file, or the archive of the folder made on the
    /// way. It gives [`Plan::size`] bytes exactly, or an error that ends it.
    ///
    /// # Errors
    /// What opening the file says. The reader fails with the system's error, or with
    /// [`Changed`](super::Changed) inside when a file no longer has its measured size.
    pub fn open(self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::File(file) => Box::new(SteadyFile::open(&file.path, file.offer.filesize)?),
            Self::Folder(folder) => Box::new(ZipStream::new(folder.root, folder.entries)),
        })
    }
}

impl FolderPlan {
    fn of(dirname: String, root: PathBuf, inside: WhenUnsendable) -> Result<Self, Unsendable> {
        let Tree { entries, skipped } = Tree::below(&root, inside)?;
        let sizes = entries.iter().filter_map(|entry| match entry.content {
            Content::File(size) => Some(size),
            Content::EmptyFolder => None,
        });
        let (numfiles, numbytes) = sizes.fold((0, 0), |(n, sum), size| (n + 1, sum + size));
        let zipsize = archive_size(&entries);
        let offer = DirectoryOffer { dirname, zipsize, numbytes, numfiles };
        Ok(Self { offer, skipped, root, entries })
    }
}

fn sent_name(path: &Path) -> Result<String, Reason> {
    let absolute = std::path::absolute(path)?;
    let mut names: Vec<&OsStr> = Vec::new();
    for component in absolute.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::ParentDir => {
                names.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let name = names.pop().ok_or(Reason::Nameless)?;
    name.to_str().map(str::to_owned).ok_or(Reason::NotUtf8)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_sent_name_is_found_in_the_text_of_the_path() {
        let name = |path: &str| sent_name(Path::new(path)).unwrap();
        assert_eq!(name("/x/a/b/.."), "a");
        assert_eq!(name("/x/a/"), "a");
        assert_eq!(name("/x/./a/."), "a");
        assert_eq!(name("a"), "a");
        let working = std::env::current_dir().unwrap();
        assert_eq!(name("."), working.file_name().unwrap().to_str().unwrap());
        assert!(matches!(sent_name(Path::new("/")), Err(Reason::Nameless)));
        assert!(matches!(sent_name(Path::new("/a/..")), Err(Reason::Nameless)));
    }
}
