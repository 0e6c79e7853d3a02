//! Where something offered will land.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use wormhole_protocol::transfer::{DirectoryOffer, FileOffer};

use super::{
    ArrivalError, Begun, Destination, NameError, SafeName,
    dir::{Dir, largest_file},
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

/// A place in a [`Destination`] that was free, or may be overwritten, when it was planned; nothing
/// is touched yet.
#[derive(Debug)]
pub struct Target {
    pub(super) folder: Arc<Dir>,
    pub(super) name: OsString,
    /// The same for people.
    pub(super) path: PathBuf,
    pub(super) replaces: bool,
    pub(super) announced: Announced,
    /// The name by which the peer offered it, as it came.
    pub(super) offered: String,
    pub(super) packing: Option<Packing>,
    pub(super) keep_partial: bool,
    pub(super) accept_collisions: bool,
    /// What the peer says that some disks take for something else in the same folder.
    pub(super) collision: Option<String>,
}

/// Tells why something offered cannot land.
#[derive(Debug, Error)]
pub enum TargetError {
    /// The name by which it is offered is none that a file may have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A file is there which was not named as the output.
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
    /// No file may become so large here (`ulimit -f`).
    #[error("files may have {limit} bytes here (ulimit -f), and {needed} bytes are needed")]
    FileLimit {
        /// Bytes a file may have.
        limit: u64,
        /// Bytes that the announced thing has.
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
    /// Finds the place for something of a name that may be stored: [`Destination::of`], and then
    /// [`Destination::target`].
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn plan(
        folder: &Path,
        output: Option<&Path>,
        name: &SafeName,
        announced: Announced,
    ) -> Result<Self, TargetError> {
        Destination::of(folder, output)?.target(name.as_str(), announced)
    }

    /// Finds the place for what an archive unpacks to: [`Destination::of`], and then
    /// [`Destination::unpacked`].
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn plan_unpacked(
        folder: &Path,
        output: Option<&Path>,
        name: &SafeName,
        announced: Announced,
    ) -> Result<Self, TargetError> {
        Destination::of(folder, output)?.unpacked(name.as_str(), announced)
    }

    /// Says whether what came stays where the transfer is interrupted; by default nothing does.
    ///
    /// It is in `NAME.part-RANDOM` beside the target then, for a folder as its archive, with a note
    /// `NAME.part-RANDOM.json` of what was announced, how much came, and its SHA-256.
    pub fn keep_partial(self, keep_partial: bool) -> Self {
        Self { keep_partial, ..self }
    }

    /// Says whether an archive may hold names that differ only in case or in how a letter is encoded,
    /// on a disk that takes some such names for one; by default it is refused there. Where the disk
    /// does so with these, the transfer fails: nothing takes the place of something else.
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

    /// Refuses what is larger than a file may become.
    pub(super) fn check_size(&self) -> Result<(), TargetError> {
        match (self.announced.wire_size(), largest_file()) {
            (Some(needed), Some(limit)) if needed > limit => {
                Err(TargetError::FileLimit { limit, needed })
            }
            _ => Ok(()),
        }
    }

    /// Refuses where the disk, as far as it tells, has fewer bytes left than are needed.
    pub(super) fn check_room(&self, needed: u64) -> Result<(), TargetError> {
        let failed = |source| TargetError::Io { path: self.path.clone(), source };
        match self.folder.free_space().map_err(failed)? {
            Some(free) if free < needed => Err(TargetError::NoRoom { free, needed }),
            _ => Ok(()),
        }
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
