//! Something on its way in, not yet under its name.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile, TempDir};
use thiserror::Error;

use super::{Announced, Target, UnpackError, growth::Growth, shown, unpack, unpack::Limits};

/// The beginning of every temporary name; random characters follow.
const PREFIX: &str = ".wormhole-";
/// In the temporary folder: the archive, the files from it, and the file that makes way.
const ARCHIVE: &str = "archive.zip";
const CONTENT: &str = "content";
const REPLACED: &str = "replaced";

/// A [`Target`] which takes in the announced bytes, and shows nothing at its place before
/// [`Begun::commit`]. Dropped without it, it leaves nothing behind.
pub struct Begun {
    target: Target,
    store: Store,
    written: u64,
    growth: Growth,
}

/// Both variants remove themselves when dropped.
enum Store {
    File(NamedTempFile),
    Folder { staging: TempDir, archive: File, limits: Limits },
}

/// Tells why received data did not come to its place; nothing of it is left.
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
        let store = Store::of(&target).map_err(|source| failed(&target.path, source))?;
        Ok(Self { target, store, written: 0, growth: Growth::default() })
    }

    /// Returns the number of bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Puts everything at its place and returns that: a file by renaming, a folder by unpacking its
    /// archive and renaming the whole. A file there is replaced only if [`Target::replaces`] said
    /// so.
    ///
    /// # Errors
    /// [`ArrivalError`]; a replaced file is back at its place then.
    pub fn commit(self) -> Result<PathBuf, ArrivalError> {
        let Self { target, store, written, .. } = self;
        if let Some(expected) = target.announced.wire_size()
            && written != expected
        {
            return Err(ArrivalError::Short { expected, got: written });
        }
        let placed = match store {
            Store::File(file) => place_file(file, &target),
            Store::Folder { staging, archive, limits } => {
                let content = staging.path().join(CONTENT);
                fs::create_dir(&content).map_err(|source| failed(&target.path, source))?;
                unpack::unpack(archive, &content, limits)?;
                place_folder(&staging, &target)
            }
        };
        match placed {
            Ok(()) => Ok(target.path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(ArrivalError::Occupied(target.path))
            }
            Err(source) => Err(failed(&target.path, source)),
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
            None => self.growth.check(self.written, self.target.parent())?,
        }
        let n = self.store.file().write(bytes)?;
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.store.file().flush()
    }
}

impl Store {
    fn of(target: &Target) -> io::Result<Self> {
        let mut named = Builder::new();
        let named = named.prefix(PREFIX);
        let Announced::Folder { numbytes, numfiles, .. } = target.announced else {
            return as_umask_says(named).tempfile_in(target.parent()).map(Self::File);
        };
        let staging = named.tempdir_in(target.parent())?;
        let mut fresh = File::options();
        let fresh = fresh.read(true).write(true).create_new(true);
        let archive = fresh.open(staging.path().join(ARCHIVE))?;
        Ok(Self::Folder { staging, archive, limits: Limits { numfiles, numbytes } })
    }

    fn file(&mut self) -> &mut File {
        match self {
            Self::File(file) => file.as_file_mut(),
            Self::Folder { archive, .. } => archive,
        }
    }
}

fn failed(path: &Path, source: io::Error) -> ArrivalError {
    ArrivalError::Io { path: path.to_owned(), source }
}

fn place_file(file: NamedTempFile, target: &Target) -> io::Result<()> {
    let placed = if target.replaces {
        file.persist(&target.path)
    } else {
        file.persist_noclobber(&target.path)
    };
    placed.map(drop).map_err(|error| error.error)
}

fn place_folder(staging: &TempDir, target: &Target) -> io::Result<()> {
    let content = staging.path().join(CONTENT);
    if !target.replaces {
        return rename_to_free(&content, &target.path);
    }
    let replaced = staging.path().join(REPLACED);
    fs::rename(&target.path, &replaced)?;
    rename_to_free(&content, &target.path).inspect_err(|_| {
        // Should this fail too, the first error still is the one to tell.
        let _ = fs::rename(&replaced, &target.path);
    })
}

/// Renames a folder to a path at which nothing exists.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match rename_exclusively(from, to) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        renamed => return renamed,
    }
    // A folder made now is surely ours, and a rename replaces an empty folder at once.
    fs::create_dir(to)?;
    fs::rename(from, to).inspect_err(|_| {
        let _ = fs::remove_dir(to);
    })
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_exclusively(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };

    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // What kernels and file systems without the flag say.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Err(io::ErrorKind::Unsupported.into()),
        renamed => Ok(renamed?),
    }
}

#[cfg(windows)]
fn rename_exclusively(from: &Path, to: &Path) -> io::Result<()> {
    // Windows never renames a folder onto something.
    fs::rename(from, to)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)))]
fn rename_exclusively(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The temporary file becomes the received one, so it has the permissions of any new file.
#[cfg(unix)]
fn as_umask_says<'a, 'b, 'c>(builder: &'a mut Builder<'b, 'c>) -> &'a mut Builder<'b, 'c> {
    use std::os::unix::fs::PermissionsExt;

    builder.permissions(fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn as_umask_says<'a, 'b, 'c>(builder: &'a mut Builder<'b, 'c>) -> &'a mut Builder<'b, 'c> {
    builder
}
