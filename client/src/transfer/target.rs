//! Where something offered will land.

use std::{
    ffi::OsString,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use wormhole_protocol::transfer::{DirectoryOffer, FileOffer};

use super::{
    ArrivalError, Begun, SafeName,
    dir::{Dir, Found},
    shown,
    unpack::{GIVES_BACK, Packing},
};

/// What the peer announced, in bytes and numbers of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// A file of this many bytes.
    File {
        /// The size of the file.
        filesize: u64,
    },
    /// A folder as an archive.
    Folder {
        /// The length of the archive.
        zipsize: u64,
        /// The sum of the sizes of the files in it.
        numbytes: u64,
        /// The number of the files in it.
        numfiles: u64,
    },
    /// A file of unknown length.
    Stream,
}

impl Announced {
    /// Returns the bytes that come over the wire, where that is known.
    pub fn wire_size(&self) -> Option<u64> {
        match *self {
            Self::File { filesize } => Some(filesize),
            Self::Folder { zipsize, .. } => Some(zipsize),
            Self::Stream => None,
        }
    }

    /// Returns the bytes that are needed on the disk at the least; none that are known for data of
    /// unknown length, for which [`Begun`] looks at the disk as they come.
    ///
    /// Linux gives back what was unpacked of an archive, so that a folder takes the room of its
    /// archive or of its files, whichever is larger. Where the disk cannot do that, and on other
    /// systems, it takes both; that shows when the target begins.
    pub fn room(&self) -> u64 {
        match *self {
            Self::File { filesize } => filesize,
            Self::Folder { zipsize, numbytes, .. } if GIVES_BACK => zipsize.max(numbytes),
            Self::Folder { zipsize, numbytes, .. } => zipsize.saturating_add(numbytes),
            Self::Stream => 0,
        }
    }

    /// Tells whether it fits into this many free bytes; where those are unknown, it does.
    pub fn fits(&self, free: Option<u64>) -> bool {
        free.is_none_or(|free| self.room() <= free)
    }
}

impl From<&FileOffer> for Announced {
    fn from(offer: &FileOffer) -> Self {
        Self::File { filesize: offer.filesize }
    }
}

impl From<&DirectoryOffer> for Announced {
    fn from(offer: &DirectoryOffer) -> Self {
        let DirectoryOffer { zipsize, numbytes, numfiles, .. } = *offer;
        Self::Folder { zipsize, numbytes, numfiles }
    }
}

/// A place that was free, or may be overwritten, when it was planned; nothing is touched yet.
///
/// The folder around it is held open from now on: whoever swaps it for another, or for a link,
/// changes nothing about where the received thing goes.
#[derive(Debug)]
pub struct Target {
    pub(super) folder: Arc<Dir>,
    pub(super) name: OsString,
    /// The same for people.
    pub(super) path: PathBuf,
    pub(super) replaces: bool,
    pub(super) announced: Announced,
    pub(super) offered: SafeName,
    pub(super) packing: Option<Packing>,
    pub(super) keep_partial: bool,
    pub(super) accept_collisions: bool,
}

/// Tells why something offered cannot land.
#[derive(Debug, Error)]
pub enum TargetError {
    /// Something is there and was not named as the output.
    #[error("refusing to overwrite existing '{}'", shown(.0))]
    Occupied(PathBuf),
    /// What would be overwritten is a folder, a device, a pipe or a socket.
    #[error("refusing to replace '{}', which is not a file", shown(.0))]
    NotAFile(PathBuf),
    /// The disk is too full.
    #[error("insufficient free space, {free} bytes are left and {needed} bytes are needed")]
    NoRoom {
        /// Bytes an ordinary user may still write.
        free: u64,
        /// Bytes that the announced thing takes.
        needed: u64,
    },
    /// The system refused.
    #[error("'{}': {source}", shown(path))]
    Io {
        /// The path looked at.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Target {
    /// Finds the place, after the rules of the Python client [file-transfer.md: receiving].
    ///
    /// Without an `output`, that is `folder/name`, where nothing may exist. An `output` (relative
    /// to `folder`; an empty one counts as none) which does not exist is itself the place; one that
    /// is a file is overwritten; in one that is a folder the place is `output/name`, and a file
    /// there is overwritten. A link counts as existing, also a broken one; overwriting replaces the
    /// link and not what it leads to. Only files are ever overwritten.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn plan(
        folder: &Path,
        output: Option<&Path>,
        name: &SafeName,
        announced: Announced,
    ) -> Result<Self, TargetError> {
        let packing = match announced {
            Announced::Folder { .. } => Some(Packing::Zip),
            _ => None,
        };
        let output = output.filter(|output| !output.as_os_str().is_empty());
        let (path, folder, own) = match output {
            None => (folder.join(name.as_str()), open(folder)?, None),
            Some(output) => inside_or_itself(&folder.join(output), name)?,
        };
        let failed = |source| TargetError::Io { path: path.clone(), source };
        let own = own.unwrap_or_else(|| name.as_str().into());
        let found = folder.found(&own).map_err(failed)?;
        if found != Found::Nothing && output.is_none() {
            return Err(TargetError::Occupied(path));
        }
        if found == Found::Other {
            return Err(TargetError::NotAFile(path));
        }
        if let Some(free) = folder.free_space().map_err(failed)?
            && !announced.fits(Some(free))
        {
            return Err(TargetError::NoRoom { free, needed: announced.room() });
        }
        Ok(Self {
            folder: Arc::new(folder),
            name: own,
            path,
            replaces: found == Found::File,
            announced,
            offered: name.clone(),
            packing,
            keep_partial: false,
            accept_collisions: false,
        })
    }

    /// Finds the place for what an archive unpacks to, which is a file by what was announced.
    ///
    /// The place of `photos.tar` is the folder `photos`, by the rules of [`Target::plan`]; and where
    /// all that is in the archive lies in one folder `photos`, as the Rust client makes it, that is
    /// the folder [file-transfer.md: sending a directory or several files from rs]. Anything but a
    /// file whose name ends in `.tar` is planned as [`Target::plan`] does.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn plan_unpacked(
        folder: &Path,
        output: Option<&Path>,
        name: &SafeName,
        announced: Announced,
    ) -> Result<Self, TargetError> {
        match (announced, name.without_tar()) {
            (Announced::File { .. }, Some(top)) => {
                let planned = Self::plan(folder, output, &top, announced)?;
                Ok(Self {
                    offered: name.clone(),
                    packing: Some(Packing::Tar { top: top.as_str().to_owned() }),
                    ..planned
                })
            }
            _ => Self::plan(folder, output, name, announced),
        }
    }

    /// Says whether what came stays where the transfer is interrupted; by default nothing does.
    ///
    /// It is in `NAME.part-RANDOM` beside the target then, for a folder as its archive, with a note
    /// `NAME.part-RANDOM.json` of what was announced, how much came, and its SHA-256.
    pub fn keep_partial(self, keep_partial: bool) -> Self {
        Self { keep_partial, ..self }
    }

    /// Says whether an archive may hold names that differ only in case or in how a letter is
    /// encoded; by default it is refused, for where the disk does not tell them apart one would
    /// take the place of the other. There it fails even so.
    pub fn accept_colliding_names(self, accept_collisions: bool) -> Self {
        Self { accept_collisions, ..self }
    }

    /// Tells whether a folder will be at the place, rather than a file.
    pub fn is_folder(&self) -> bool {
        self.packing.is_some()
    }

    /// Returns the path at which the received thing will appear.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether a file is there which will be overwritten.
    pub fn replaces(&self) -> bool {
        self.replaces
    }

    /// Makes a fresh temporary file beside the place.
    ///
    /// # Errors
    /// [`ArrivalError::Target`] where there is no room, [`ArrivalError::Io`].
    pub fn begin(self) -> Result<Begun, ArrivalError> {
        Begun::beside(self)
    }

    /// The bytes that both an archive and what is in it take; without an archive, the file.
    pub(super) fn room_for_both(&self) -> u64 {
        match (self.announced, &self.packing) {
            (Announced::Folder { zipsize, numbytes, .. }, _) => zipsize.saturating_add(numbytes),
            (announced, Some(_)) => announced.room().saturating_mul(2),
            (announced, None) => announced.room(),
        }
    }
}

fn open(folder: &Path) -> Result<Dir, TargetError> {
    Dir::open(folder).map_err(|source| TargetError::Io { path: folder.to_owned(), source })
}

/// An output that is a folder is where the place lies, any other one is the place, by its own name.
fn inside_or_itself(
    output: &Path,
    name: &SafeName,
) -> Result<(PathBuf, Dir, Option<OsString>), TargetError> {
    match Dir::open(output) {
        Ok(folder) => return Ok((output.join(name.as_str()), folder, None)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
        Err(source) => return Err(TargetError::Io { path: output.to_owned(), source }),
    }
    // Without a trailing slash, which would make a folder of a name that does not exist yet.
    let path: PathBuf = output.components().collect();
    let Some(own) = path.file_name() else {
        return Err(TargetError::Io { path, source: ErrorKind::NotFound.into() });
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = open(parent.unwrap_or(Path::new(".")))?;
    let own = own.to_owned();
    Ok((path, folder, Some(own)))
}
