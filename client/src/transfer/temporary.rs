//! What lies beside the target until it is in its place, under names of chance.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Write},
    sync::Arc,
};

use data_encoding::BASE32_NOPAD;

use super::{dir::Dir, partial::Partial};
use crate::random::random;

/// The beginning of every hidden temporary name; random characters follow. Where this program is
/// killed, one of it may stay.
const PREFIX: &str = ".wormhole-";

/// Eight random characters for a name.
pub(super) fn chance() -> String {
    BASE32_NOPAD.encode(&random::<5>()).to_ascii_lowercase()
}

/// A file that fills beside the target. Dropped, it removes itself, unless it is to be kept.
pub(super) struct Temporary {
    folder: Arc<Dir>,
    /// `None` where it has no name, or not any more.
    name: Option<String>,
    file: File,
    partial: Option<Partial>,
}

impl Temporary {
    /// Makes a file that will be renamed, with the permissions of any new file.
    pub(super) fn hidden(folder: &Arc<Dir>) -> io::Result<Self> {
        Self::of(folder, format!("{PREFIX}{}", chance()), 0o666)
    }

    /// Makes a file for this user alone that will not be renamed, and which Unix removes by itself
    /// when this program ends, however it does.
    pub(super) fn nameless(folder: &Arc<Dir>) -> io::Result<Self> {
        let mut made = Self::of(folder, format!("{PREFIX}{}", chance()), 0o600)?;
        if cfg!(unix) {
            made.remove()?;
        }
        Ok(made)
    }

    /// Makes a file that stays, with its note, where it is dropped after something was written.
    pub(super) fn kept(folder: &Arc<Dir>, partial: Partial, mode: u32) -> io::Result<Self> {
        match Self::of(folder, partial.name().to_owned(), mode) {
            Ok(made) => Ok(made.with(partial)),
            Err(error) => {
                partial.discard(folder);
                Err(error)
            }
        }
    }

    fn of(folder: &Arc<Dir>, name: String, mode: u32) -> io::Result<Self> {
        let file = folder.make_file(&name, mode)?;
        Ok(Self { folder: Arc::clone(folder), name: Some(name), file, partial: None })
    }

    fn with(mut self, partial: Partial) -> Self {
        self.partial = Some(partial);
        self
    }

    /// The name under which it stays when dropped, where it does.
    pub(super) fn partial_name(&self) -> Option<&str> {
        self.partial.as_ref().map(Partial::name)
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Renames it to its place in the same folder, over what is there or where nothing is.
    ///
    /// Before it replaces something it is brought to the disk, so that a power cut does not take
    /// the old and the new; apart from that, when it gets there is left to the system.
    pub(super) fn place(mut self, name: &OsStr, replaces: bool) -> io::Result<()> {
        let Some(own) = &self.name else { return Err(io::ErrorKind::NotFound.into()) };
        if replaces {
            self.file.sync_data()?;
            self.folder.rename_over(own, &self.folder, name)?;
        } else {
            self.folder.rename_new(own, &self.folder, name)?;
        }
        self.name = None;
        self.discard();
        Ok(())
    }

    /// Removes it, also where it was to be kept.
    pub(super) fn discard(mut self) {
        if let Some(partial) = self.partial.take() {
            partial.discard(&self.folder);
        }
    }

    fn remove(&mut self) -> io::Result<()> {
        match self.name.take() {
            Some(name) => self.folder.remove_file(name),
            None => Ok(()),
        }
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        if let Some(partial) = &mut self.partial {
            partial.took(&bytes[..n]);
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nobody is left to be told of a failure.
        let left = self.partial.take().is_some_and(|partial| partial.leave(&self.folder));
        if !left {
            let _ = self.remove();
        }
    }
}

/// A folder that only this user can enter, which removes itself with all that is in it.
pub(super) struct Staging {
    folder: Arc<Dir>,
    name: String,
    dir: Dir,
}

impl Staging {
    pub(super) fn beside(folder: &Arc<Dir>) -> io::Result<Self> {
        let name = format!("{PREFIX}{}", chance());
        let dir = folder.make(&name, 0o700)?;
        Ok(Self { folder: Arc::clone(folder), name, dir })
    }

    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = self.folder.remove_all(&self.name);
    }
}
