//! Something on its way in, not yet under its name.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use thiserror::Error;

use super::{
    Announced, Target, TargetError, UnpackError,
    growth::Growth,
    partial::Partial,
    shown,
    temporary::{Staging, Temporary},
    unpack::{self, Bounds, Limits, Unpacked},
};

/// In the temporary folder: the files from the archive, and the file that makes way.
const CONTENT: &str = "content";
const REPLACED: &str = "replaced";

/// A [`Target`] which takes in the announced bytes, and shows nothing at its place before
/// [`Begun::commit`].
///
/// Dropped without it, it leaves nothing behind, or what came where
/// [`Target::keep_partial`] was said. Where the program is killed, a hidden file or folder may stay
/// whose name begins with `.wormhole-`; it may be deleted.
pub struct Begun {
    target: Target,
    store: Temporary,
    written: u64,
    growth: Growth,
}

/// Tells why received data did not come to its place.
#[derive(Debug, Error)]
pub enum ArrivalError {
    /// The peer sent fewer bytes than it had announced.
    #[error("the peer announced {expected} bytes and sent {got}")]
    Short {
        /// Announced bytes.
        expected: u64,
        /// Received bytes.
        got: u64,
    },
    /// The peer sent more bytes than it had announced; the inner error of what writing returns.
    #[error("the peer announced {expected} bytes and sent more")]
    Overshoot {
        /// Announced bytes.
        expected: u64,
    },
    /// Data of unknown length has all but filled the disk; the inner error of what writing returns.
    #[error("insufficient free space, {free} bytes are left after {written} bytes")]
    NoRoom {
        /// Bytes an ordinary user may still write.
        free: u64,
        /// Received bytes.
        written: u64,
    },
    /// Somebody put something at the place in the meantime.
    #[error("'{}' appeared during the transfer and is not overwritten", shown(.0))]
    Occupied(PathBuf),
    /// The place no longer is one, for want of room.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The archive of a folder is refused.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// The system refused; a full disk shows here.
    #[error("'{}': {source}", shown(path))]
    Io {
        /// The place of the received thing.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Begun {
    pub(super) fn beside(target: Target) -> Result<Self, ArrivalError> {
        let store = store(&target).map_err(|source| failed(&target, source))?;
        let begun = Self { target, store, written: 0, growth: Growth::default() };
        begun.check_room()?;
        Ok(begun)
    }

    /// Returns the number of bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Returns the file in which the bytes stay if the transfer is interrupted, where they do.
    pub fn partial(&self) -> Option<PathBuf> {
        let name = self.store.partial_name()?;
        Some(self.target.path.with_file_name(name))
    }

    /// Puts everything at its place and returns that: a file by renaming, a folder by unpacking its
    /// archive and renaming the whole. A file there is replaced only if [`Target::replaces`] said
    /// so.
    ///
    /// # Errors
    /// [`ArrivalError`]; a replaced file is back at its place then.
    pub fn commit(self) -> Result<PathBuf, ArrivalError> {
        self.place().map(|(path, _)| path)
    }

    /// Does the same, and tells what came out of an archive, where it was one.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn place(self) -> Result<(PathBuf, Option<Unpacked>), ArrivalError> {
        let Self { target, store, written, .. } = self;
        if let Some(expected) = target.announced.wire_size()
            && written != expected
        {
            return Err(ArrivalError::Short { expected, got: written });
        }
        let placed = match &target.packing {
            None => store.place(&target.name, target.replaces).map(|()| None),
            Some(packing) => {
                let io = |source| failed(&target, source);
                let staging = Staging::beside(&target.folder).map_err(io)?;
                let content = staging.dir().make(CONTENT, 0o777).map_err(io)?;
                let bounds = Bounds {
                    limits: Limits::of(&target.announced),
                    accept_collisions: target.accept_collisions,
                    give_back: store.partial_name().is_none(),
                };
                let unpacked = unpack::unpack(store.file(), packing, &content, bounds)?;
                let placed = place_folder(&staging, &target)
                    .and_then(|()| unpacked.top_mode.map_or(Ok(()), |mode| content.set_mode(mode)));
                if placed.is_ok() {
                    store.discard();
                }
                placed.map(|()| Some(unpacked))
            }
        };
        match placed {
            Ok(unpacked) => Ok((target.path, unpacked)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(ArrivalError::Occupied(target.path))
            }
            Err(source) => Err(failed(&target, source)),
        }
    }

    /// Refuses where there is less room than it takes, as far as that is known beforehand.
    fn check_room(&self) -> Result<(), ArrivalError> {
        let target = &self.target;
        let gives_back =
            self.store.partial_name().is_none() && unpack::gives_back(self.store.file());
        let needed = if gives_back { target.announced.room() } else { target.room_for_both() };
        match target.folder.free_space().map_err(|source| failed(target, source))? {
            Some(free) if free < needed => Err(TargetError::NoRoom { free, needed }.into()),
            _ => Ok(()),
        }
    }
}

impl Write for Begun {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.target.announced.wire_size() {
            Some(expected) if bytes.len() as u64 > expected - self.written => {
                return Err(io::Error::other(ArrivalError::Overshoot { expected }));
            }
            Some(_) => {}
            None => self.growth.check(self.written, || self.target.folder.free_space())?,
        }
        let n = self.store.write(bytes)?;
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.store.flush()
    }
}

/// Makes the file for the bytes that come.
fn store(target: &Target) -> io::Result<Temporary> {
    let is_archive = target.packing.is_some();
    if target.keep_partial {
        let (place, offered) = (target.name.to_string_lossy(), target.offered.as_str());
        let partial = Partial::begin(&target.folder, &place, offered, &target.announced)?;
        let mode = if is_archive { 0o600 } else { 0o666 };
        return Temporary::kept(&target.folder, partial, mode);
    }
    if is_archive { Temporary::nameless(&target.folder) } else { Temporary::hidden(&target.folder) }
}

fn failed(target: &Target, source: io::Error) -> ArrivalError {
    ArrivalError::Io { path: target.path.clone(), source }
}

fn place_folder(staging: &Staging, target: &Target) -> io::Result<()> {
    let (staging, folder, name) = (staging.dir(), &target.folder, &target.name);
    if !target.replaces {
        return staging.rename_new(CONTENT, folder, name);
    }
    folder.rename_over(name, staging, REPLACED)?;
    staging.rename_new(CONTENT, folder, name).inspect_err(|_| {
        // Should this fail too, the first error still is the one to tell.
        let _ = staging.rename_over(REPLACED, folder, name);
    })
}

impl Limits {
    /// What may come out of the archive of something announced.
    fn of(announced: &Announced) -> Self {
        match *announced {
            Announced::Folder { numbytes, numfiles, .. } => {
                Self { numfiles, numbytes, promised: numfiles }
            }
            // Each member of a tar archive takes a block at least.
            Announced::File { filesize } => {
                Self { numfiles: filesize / unpack::TAR_BLOCK, numbytes: filesize, promised: 0 }
            }
            Announced::Stream => Self { numfiles: 0, numbytes: 0, promised: 0 },
        }
    }
}
