//! What is about to be sent.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    fs::{self, Metadata},
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use wormhole_protocol::transfer::{
    Ability, AppVersions, DirectoryOffer, FileOffer, Offer, StreamOffer,
};

use super::{
    Reason, Rules, SafeName, Symlinks, Unsendable,
    listing::Listing,
    native::FileId,
    steady::{Grown, Steady},
    tree::{Found, Tree, size_of},
    unpack::folded,
    zip::{EMPTY_ARCHIVE, ZipStream},
};

/// What several paths are called together where they do not lie in one folder that has a name.
const UNNAMED: &str = "files";

/// Something that can be offered.
pub enum Plan {
    /// One file, sent as it is.
    File(FilePlan),
    /// A folder or several paths, sent as one zip archive.
    Folder(FolderPlan),
    /// Data whose length nobody knows yet.
    Stream(StreamPlan),
}

/// A file to be sent.
pub struct FilePlan {
    /// Its name and its size.
    pub offer: FileOffer,
    source: Source,
    grown: Grown,
}

/// A folder to be sent, measured to the byte.
pub struct FolderPlan {
    /// Its name, the exact length of its archive, and how many files of how many bytes it has;
    /// links to files count, folders do not.
    pub offer: DirectoryOffer,
    /// The number of the folders in it that have names of their own.
    pub folders: u64,
    /// What is left out. Under [`WhenUnsendable::Refuse`](super::WhenUnsendable::Refuse) those are
    /// only links to folders that are sent under another name ([`Reason::SentElsewhere`]).
    pub skipped: Vec<Unsendable>,
    /// On the heap: a plan is handed on from one to the other.
    entries: Box<Listing>,
    /// The length of the archive with entries for all folders, and whether it has them.
    zipsize_with_folders: u64,
    names_folders: bool,
    grown: Grown,
}

/// Data of unknown length to be sent.
///
/// A peer that has said so takes it as it comes; for others it is first read to its end, into a
/// temporary file without a name.
pub struct StreamPlan {
    /// Its name.
    pub offer: StreamOffer,
    pub(super) source: Box<dyn Read + Send>,
}

enum Source {
    Path(PathBuf, FileId),
    Reader(Box<dyn Read + Send>),
}

impl Plan {
    /// Measures what lies at a path.
    ///
    /// The offered name is the last component of the path, `.` and `..` and trailing slashes
    /// removed by their text alone; the content is that of the path with every link followed
    /// [file-transfer.md: command line]. Of a folder only a list is made, which is spilled into a
    /// temporary file where it is long: its files are read when they are sent.
    ///
    /// # Errors
    /// [`Unsendable`] when the path is missing, unreadable, nameless or neither a file nor a
    /// folder, or against the rules; likewise for anything inside a folder, unless those are to be
    /// skipped.
    pub fn of(path: &Path, rules: impl Into<Rules>) -> Result<Self, Unsendable> {
        let rules = rules.into();
        let Top { name, place, about } = Top::of(path, rules).map_err(|reason| reason.at(path))?;
        if !about.is_dir() {
            let filesize = size_of(&place, &about).map_err(|reason| reason.at(path))?;
            let source = Source::Path(place, FileId::of(&about));
            return Ok(Self::File(FilePlan {
                offer: FileOffer { filename: name, filesize },
                source,
                grown: Grown::default(),
            }));
        }
        let mut tree = Tree::new(place.clone(), rules);
        tree.folder(String::new(), place.clone())?;
        FolderPlan::of(name, tree).map(Self::Folder).map_err(|error| Reason::from(error).at(&place))
    }

    /// Measures what lies at several paths, which lie side by side in one folder at the receiver,
    /// each under its name as [`Plan::of`] finds it. One path alone is sent as by that.
    ///
    /// The folder is named as the one in which they all lie here, else `files`.
    ///
    /// # Errors
    /// As those of [`Plan::of`]; [`Reason::SameName`] where two would lie at one place.
    pub fn of_all<P: AsRef<Path>>(
        paths: &[P],
        rules: impl Into<Rules>,
    ) -> Result<Self, Unsendable> {
        let rules = rules.into();
        if let [path] = paths {
            return Self::of(path.as_ref(), rules);
        }
        let mut tree = Tree::new(PathBuf::new(), rules);
        let (mut names, mut folded_names) = (HashMap::new(), HashSet::new());
        for path in paths.iter().map(AsRef::as_ref) {
            let refuse = |reason: Reason| reason.at(path);
            let Top { name, place, about } = Top::of(path, rules).map_err(refuse)?;
            if let Some(other) = names.insert(name.clone(), path) {
                return Err(refuse(Reason::SameName(other.to_owned())));
            }
            if !folded_names.insert(folded(&name)) {
                tree.collides(&name);
            }
            if about.is_dir() {
                tree.folder(name, place)?;
            } else {
                tree.file(&name, &place, &about).map_err(refuse)?;
            }
        }
        let dirname = common_name(paths).unwrap_or_else(|| UNNAMED.to_owned());
        let planned = FolderPlan::of(dirname, tree).map(Self::Folder);
        planned.map_err(|error| Reason::from(error).at(Path::new("")))
    }

    /// Sends `size` bytes that a reader gives, as a file. The reader is read on a blocking thread.
    pub fn reader(name: &SafeName, size: u64, reader: impl Read + Send + 'static) -> Self {
        Self::File(FilePlan::reading(name.as_str().to_owned(), size, Box::new(reader)))
    }

    /// Sends what a reader gives until its end, as a file. The reader is read on a thread of its
    /// own, for which nobody waits when the transfer ends before the reader does.
    pub fn stream(name: &SafeName, reader: impl Read + Send + 'static) -> Self {
        let offer = StreamOffer { filename: name.as_str().to_owned() };
        Self::Stream(StreamPlan { offer, source: Box::new(reader) })
    }

    /// Offers it under another name.
    #[must_use]
    pub fn named(mut self, name: &SafeName) -> Self {
        let offered = match &mut self {
            Self::File(file) => &mut file.offer.filename,
            Self::Folder(folder) => &mut folder.offer.dirname,
            Self::Stream(stream) => &mut stream.offer.filename,
        };
        name.as_str().clone_into(offered);
        self
    }

    /// Returns what to tell the peer.
    pub fn offer(&self) -> Offer {
        match self {
            Self::File(file) => Offer::File(file.offer.clone()),
            Self::Folder(folder) => Offer::Directory(folder.offer.clone()),
            Self::Stream(stream) => Offer::Stream(stream.offer.clone()),
        }
    }

    /// Returns what tells which files have grown since they were measured, as far as the reader of
    /// [`Plan::open`] has come.
    pub fn grown(&self) -> Grown {
        match self {
            Self::File(file) => file.grown.clone(),
            Self::Folder(folder) => folder.grown.clone(),
            Self::Stream(_) => Grown::default(),
        }
    }

    /// Makes the most of what the peer can do: an archive for a program of ours has all folders in
    /// it, with their permissions [abilities.md: app_versions]. Sending does so by itself; the offer
    /// and the size are others afterwards.
    #[must_use]
    pub fn made_for(self, peer: &AppVersions) -> Self {
        match self {
            Self::Folder(mut folder) if peer.has(Ability::FolderModes) => {
                folder.offer.zipsize = folder.zipsize_with_folders;
                folder.names_folders = true;
                Self::Folder(folder)
            }
            plan => plan,
        }
    }

    /// Whether it is an archive of nothing, by which most programs make no folder.
    pub(super) fn is_hollow(&self) -> bool {
        matches!(self, Self::Folder(folder) if !folder.names_folders && folder.offer.zipsize == EMPTY_ARCHIVE)
    }

    /// Returns the number of bytes that [`Plan::open`] will give, where it is known.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File(file) => Some(file.offer.filesize),
            Self::Folder(folder) => Some(folder.offer.zipsize),
            Self::Stream(_) => None,
        }
    }

    /// Starts reading what goes over the wire: the file, or the archive of the folder made on the
    /// way. It gives [`Plan::size`] bytes exactly, or an error that ends it. Of a file that has
    /// grown it gives what was measured, and [`Plan::grown`] tells.
    ///
    /// # Errors
    /// What opening the file says. The reader fails with the system's error, or with
    /// [`Changed`](super::Changed) inside when a file is smaller than it was measured.
    pub fn open(self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::File(FilePlan { offer: FileOffer { filename, filesize }, source, grown }) => {
                match source {
                    Source::Path(path, id) => Box::new(Steady::open(&path, filesize, id, &grown)?),
                    Source::Reader(reader) => {
                        Box::new(Steady::of(reader, filename.into(), filesize))
                    }
                }
            }
            Self::Folder(FolderPlan { entries, names_folders, grown, .. }) => {
                Box::new(ZipStream::new(*entries, names_folders, grown))
            }
            Self::Stream(stream) => stream.source,
        })
    }
}

impl FilePlan {
    pub(super) fn reading(filename: String, filesize: u64, reader: Box<dyn Read + Send>) -> Self {
        let (offer, source) = (FileOffer { filename, filesize }, Source::Reader(reader));
        Self { offer, source, grown: Grown::default() }
    }
}

impl FolderPlan {
    fn of(dirname: String, tree: Tree) -> io::Result<Self> {
        let Found { entries, zipsize, zipsize_with_folders, totals, skipped, collision } =
            tree.finish()?;
        let (numfiles, numbytes) = (totals.files, totals.bytes);
        Ok(Self {
            offer: DirectoryOffer { dirname, zipsize, numbytes, numfiles, collision },
            folders: totals.folders,
            skipped,
            entries: Box::new(entries),
            zipsize_with_folders,
            names_folders: false,
            grown: Grown::default(),
        })
    }
}

/// A path that the sender named.
struct Top {
    /// Under which name it is sent.
    name: String,
    /// Where it lies, all links followed.
    place: PathBuf,
    about: Metadata,
}

impl Top {
    fn of(path: &Path, rules: Rules) -> Result<Self, Reason> {
        if rules.symlinks == Symlinks::Refuse && fs::symlink_metadata(path)?.is_symlink() {
            return Err(Reason::Link);
        }
        let place = fs::canonicalize(path)?;
        let absolute = in_text(path)?;
        let own = absolute.file_name().ok_or(Reason::Nameless)?;
        let name = rules.non_utf8.name(own)?.into_owned();
        let about = fs::metadata(&place)?;
        Ok(Self { name, place, about })
    }
}

/// The name of the folder in which all the paths lie by their texts, if they lie in one.
fn common_name(paths: &[impl AsRef<Path>]) -> Option<String> {
    let mut parents = paths.iter().map(|path| {
        let absolute = in_text(path.as_ref()).ok()?;
        Some(absolute.parent()?.to_owned())
    });
    let first = parents.next()??;
    let alike = parents.all(|parent| parent.as_ref() == Some(&first));
    let name = first.file_name().and_then(OsStr::to_str)?;
    alike.then(|| name.to_owned())
}

/// Makes a path absolute, without `.` and `..`, by its text alone.
fn in_text(path: &Path) -> io::Result<PathBuf> {
    let mut plain = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    Ok(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_sent_name_is_found_in_the_text_of_the_path() {
        let name = |path: &str| {
            let absolute = in_text(Path::new(path)).unwrap();
            absolute.file_name().map(|name| name.to_str().unwrap().to_owned())
        };
        assert_eq!(name("/x/a/b/..").unwrap(), "a");
        assert_eq!(name("/x/a/").unwrap(), "a");
        assert_eq!(name("/x/./a/.").unwrap(), "a");
        assert_eq!(name("a").unwrap(), "a");
        let working = std::env::current_dir().unwrap();
        assert_eq!(name(".").unwrap(), working.file_name().unwrap().to_str().unwrap());
        assert_eq!(name("/"), None);
        assert_eq!(name("/a/.."), None);
    }

    #[test]
    fn several_paths_are_called_after_their_folder() {
        let name = |paths: &[&str]| common_name(paths);
        assert_eq!(name(&["/x/a", "/x/b/"]).unwrap(), "x");
        assert_eq!(name(&["/x/a", "/x/y/../b"]).unwrap(), "x");
        assert_eq!(name(&["/x/a", "/y/b"]), None);
        assert_eq!(name(&["/a", "/b"]), None);
    }
}
