//! Something on its way in, not yet under its name.

use std::{
    ffi::OsStr,
    io::{self, Write},
    path::PathBuf,
};

use thiserror::Error;

use super::{
    Announced, Target, TargetError, UnpackError,
    dir::Dir,
    escape,
    growth::Growth,
    partial::Partial,
    shown,
    staging::{self, CONTENT, REPLACED, Staging},
    temporary::{Temporary, swapped},
    unpack::{self, Bounds, Limits, Unpacked},
};

/// A [`Target`] which takes in the announced bytes, and shows nothing at its place before
/// [`Begun::commit`].
///
/// Dropped without it, it leaves nothing behind, or what came where
/// [`Target::keep_partial`] was said. Where the program is killed, a hidden folder may stay whose
/// name begins with `.wormhole-`; the next to begin beside it [clears](Self::cleared) it.
pub struct Begun {
    target: Target,
    store: Temporary,
    written: u64,
    growth: Growth,
    cleared: Vec<PathBuf>,
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
    /// A file may become no larger (`ulimit -f`, or a limit of the disk); the inner error of what
    /// writing returns.
    #[error("a file may not become larger than {written} bytes here (see ulimit -f)")]
    FileLimit {
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
        let cleared = staging::clear(&target.folder).into_iter();
        let cleared = cleared.map(|name| target.path.with_file_name(name)).collect();
        let store = store(&target).map_err(|source| failed(&target, source))?;
        let begun = Self { target, store, written: 0, growth: Growth::default(), cleared };
        begun.check_room()?;
        begun.check_collision()?;
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

    /// Returns what killed programs had left in the folder, and is removed now.
    pub fn cleared(&self) -> &[PathBuf] {
        &self.cleared
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
        let Self { target, mut store, written, .. } = self;
        if let Some(expected) = target.announced.wire_size()
            && written != expected
        {
            return Err(ArrivalError::Short { expected, got: written });
        }
        let placed = match &target.packing {
            None => store.place(&target.name, target.replaces).map(|()| None),
            Some(packing) => {
                let io = |source| failed(&target, source);
                store.settle().map_err(io)?;
                let staging = Staging::beside(&target.folder).map_err(io)?;
                let content = staging.dir().make(CONTENT, 0o777).map_err(io)?;
                let tells_apart = || Ok(!content.folds_names()?);
                let bounds = Bounds {
                    limits: Limits::of(&target.announced),
                    accept_collisions: target.accept_collisions || tells_apart().map_err(io)?,
                    give_back: store.partial_name().is_none(),
                };
                let unpacked = unpack::unpack(store.file(), packing, &content, bounds)?;
                let placed = place_folder(&staging, &content, &target).and_then(|allowed| {
                    unpacked.top_mode.map_or(Ok(()), |mode| content.set_mode(mode & allowed))
                });
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

    /// Refuses what is told to hold two names that the disk takes for one.
    fn check_collision(&self) -> Result<(), ArrivalError> {
        let target = &self.target;
        let Some(collision) = target.collision.as_ref().filter(|_| !target.accept_collisions)
        else {
            return Ok(());
        };
        let staging = Staging::beside(&target.folder);
        let folds = staging.and_then(|staging| staging.dir().folds_names());
        match folds.map_err(|source| failed(target, source))? {
            true => Err(UnpackError::Collision { shown: escape(collision) }.into()),
            false => Ok(()),
        }
    }

    /// Refuses where there is less room than it takes, as far as that is known beforehand.
    fn check_room(&self) -> Result<(), ArrivalError> {
        let target = &self.target;
        let gives_back =
            self.store.partial_name().is_none() && unpack::gives_back(self.store.file());
        let needed = if gives_back { target.announced.room() } else { target.room_for_both() };
        Ok(target.check_room(needed)?)
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
        let written = self.written;
        let n = self.store.write(bytes).map_err(|error| match error.kind() {
            kind @ io::ErrorKind::FileTooLarge => {
                io::Error::new(kind, ArrivalError::FileLimit { written })
            }
            _ => error,
        })?;
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.store.flush()
    }
}

/// Makes the file for the bytes that come.
fn store(target: &Target) -> io::Result<Temporary> {
    let folder = &target.folder;
    let is_archive = target.packing.is_some();
    // What is replaced hands down its permissions, also to what is on its way.
    let old = if target.replaces { folder.mode_of(&target.name) } else { None };
    let mode = if is_archive { 0o600 } else { 0o666 & old.unwrap_or(0o666) };
    if target.keep_partial {
        let place = target.name.to_string_lossy();
        let partial = Partial::begin(folder, &place, &target.offered, &target.announced)?;
        return Temporary::kept(folder, partial, mode);
    }
    Temporary::beside(folder, mode)
}

fn failed(target: &Target, source: io::Error) -> ArrivalError {
    ArrivalError::Io { path: target.path.clone(), source }
}

/// Brings the folder to its place; returns the permissions that it may have there.
fn place_folder(staging: &Staging, content: &Dir, target: &Target) -> io::Result<u32> {
    let (staging, folder, name) = (staging.dir(), &target.folder, &target.name);
    if !target.replaces {
        staging.rename_new(CONTENT, folder, name)?;
        is_there(folder, name, content)?;
        return Ok(0o777);
    }
    let allowed = enterable(folder.mode_of(name).unwrap_or(0o777));
    content.set_mode(content.mode()? & allowed)?;
    folder.rename_over(name, staging, REPLACED)?;
    let placed = staging.rename_new(CONTENT, folder, name);
    placed.inspect_err(|_| {
        // Should this fail too, the first error still is the one to tell.
        let _ = staging.rename_over(REPLACED, folder, name);
    })?;
    is_there(folder, name, content)?;
    Ok(allowed)
}

/// Who could read a file may enter the folder that replaces it, and its owner may do all.
fn enterable(file: u32) -> u32 {
    0o700 | file | (file & 0o444) >> 2
}

/// Makes sure that what was renamed is what came, also on a disk that keeps nobody out.
fn is_there(folder: &Dir, name: &OsStr, content: &Dir) -> io::Result<()> {
    match folder.holds_folder(name, content)? {
        true => Ok(()),
        false => Err(swapped()),
    }
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
