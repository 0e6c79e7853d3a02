//! Where something offered will land.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use wormhole_protocol::transfer::{DirectoryOffer, FileOffer};

use super::{ArrivalError, Begun, SafeName, shown};

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

    /// Returns the bytes needed on the disk: for a folder, its archive and its files; none that are
    /// known for data of unknown length, for which [`Begun`] looks at the disk as they come.
    pub fn room(&self) -> u64 {
        match *self {
            Self::File { filesize } => filesize,
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
#[derive(Debug)]
pub struct Target {
    pub(super) path: PathBuf,
    pub(super) replaces: bool,
    pub(super) announced: Announced,
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
        let output = output.filter(|output| !output.as_os_str().is_empty());
        let (path, may_replace) = match output {
            None => (folder.join(name.as_str()), false),
            Some(output) => (inside_or_itself(&folder.join(output), name), true),
        };
        let replaces = fs::symlink_metadata(&path).is_ok();
        if replaces && !may_replace {
            return Err(TargetError::Occupied(path));
        }
        if replaces && fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(TargetError::NotAFile(path));
        }
        let planned = Self { path, replaces, announced };
        planned.check_room()?;
        Ok(planned)
    }

    /// Returns the path at which the received thing will appear.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether a file is there which will be overwritten.
    pub fn replaces(&self) -> bool {
        self.replaces
    }

    /// Makes a fresh temporary file or folder beside the place, which only this user can open while
    /// it fills.
    ///
    /// # Errors
    /// [`ArrivalError::Io`].
    pub fn begin(self) -> Result<Begun, ArrivalError> {
        Begun::beside(self)
    }

    /// The folder in which the place lies.
    pub(super) fn parent(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    fn check_room(&self) -> Result<(), TargetError> {
        let failed = |source| TargetError::Io { path: self.parent().to_owned(), source };
        let free = free_space(self.parent()).map_err(failed)?;
        match free {
            Some(free) if !self.announced.fits(Some(free)) => {
                Err(TargetError::NoRoom { free, needed: self.announced.room() })
            }
            _ => Ok(()),
        }
    }
}

fn inside_or_itself(output: &Path, name: &SafeName) -> PathBuf {
    if output.is_dir() {
        return output.join(name.as_str());
    }
    // Without a trailing slash, which would make a folder of a name that does not exist yet.
    output.components().collect()
}

#[cfg(unix)]
pub(super) fn free_space(folder: &Path) -> io::Result<Option<u64>> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
}

#[cfg(not(unix))]
pub(super) fn free_space(folder: &Path) -> io::Result<Option<u64>> {
    fs::metadata(folder).map(|_| None)
}
