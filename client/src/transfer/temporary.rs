//! A file that fills beside the target until it is in its place.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Write},
    sync::Arc,
};

use super::{
    dir::Dir,
    partial::Partial,
    staging::{CONTENT, Staging},
};

/// A file that fills beside the target. Dropped, it removes itself, unless it is to be kept.
pub(super) struct Temporary {
    folder: Arc<Dir>,
    file: File,
    name: Name,
}

/// Under which name it fills.
enum Name {
    /// None: it vanishes by itself, however this program ends.
    Nothing,
    /// Where only this user can go, as disks have it that know no files without names.
    Staged(Staging),
    /// Beside the target, to stay with its note where the transfer is interrupted.
    Kept(Partial),
}

impl Temporary {
    /// Makes a file that can be [placed](Self::place), with these permissions as far as the umask
    /// allows them.
    pub(super) fn to_place(folder: &Arc<Dir>, mode: u32) -> io::Result<Self> {
        let (file, name) = match folder.make_unnamed(mode)? {
            Some(file) => (file, Name::Nothing),
            None => {
                let staging = Staging::beside(folder)?;
                (staging.dir().make_file(CONTENT, mode)?, Name::Staged(staging))
            }
        };
        Ok(Self { folder: Arc::clone(folder), file, name })
    }

    /// Makes a file for this user alone that will not be placed.
    pub(super) fn nameless(folder: &Arc<Dir>) -> io::Result<Self> {
        let mut made = Self::to_place(folder, 0o600)?;
        if cfg!(unix)
            && let Name::Staged(staging) = &made.name
        {
            staging.dir().remove_file(CONTENT)?;
            made.name = Name::Nothing;
        }
        Ok(made)
    }

    /// Makes a file that stays, with its note, where it is dropped after something was written.
    pub(super) fn kept(folder: &Arc<Dir>, partial: Partial, mode: u32) -> io::Result<Self> {
        match folder.make_file(partial.name(), mode) {
            Ok(file) => Ok(Self { folder: Arc::clone(folder), file, name: Name::Kept(partial) }),
            Err(error) => {
                partial.discard(folder);
                Err(error)
            }
        }
    }

    /// The name under which it stays when dropped, where it does.
    pub(super) fn partial_name(&self) -> Option<&str> {
        match &self.name {
            Name::Kept(partial) => Some(partial.name()),
            Name::Nothing | Name::Staged(_) => None,
        }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Brings it to its place in the same folder, over what is there or where nothing is.
    ///
    /// What it replaces hands down its permissions. Before, it is brought to the disk, so that a
    /// power cut does not take the old and the new; apart from that, when it gets there is left to
    /// the system.
    pub(super) fn place(mut self, name: &OsStr, replaces: bool) -> io::Result<()> {
        if replaces {
            self.folder.liken(&self.file, name)?;
            self.file.sync_data()?;
        }
        match &self.name {
            Name::Nothing if !replaces => self.folder.link_new(&self.file, name),
            Name::Nothing => {
                // A link replaces nothing, only a rename does.
                let staging = Staging::beside(&self.folder)?;
                staging.dir().link_new(&self.file, CONTENT)?;
                self.rename(staging.dir(), CONTENT, name, replaces)
            }
            Name::Staged(staging) => self.rename(staging.dir(), CONTENT, name, replaces),
            Name::Kept(partial) => {
                self.rename(&self.folder, partial.name(), name, replaces)?;
                if let Name::Kept(partial) = std::mem::replace(&mut self.name, Name::Nothing) {
                    partial.discard(&self.folder);
                }
                Ok(())
            }
        }
    }

    /// Renames it to its place, and makes sure that it is there: in a folder that others may write
    /// into, they may put something of theirs under any name.
    fn rename(&self, from: &Dir, own: &str, to: &OsStr, replaces: bool) -> io::Result<()> {
        if !from.holds(own, &self.file)? {
            return Err(swapped());
        }
        if replaces {
            from.rename_over(own, &self.folder, to)?;
        } else {
            from.rename_new(own, &self.folder, to)?;
        }
        if self.folder.holds(to, &self.file)? { Ok(()) } else { Err(swapped()) }
    }

    /// Removes it, also where it was to be kept.
    pub(super) fn discard(mut self) {
        if let Name::Kept(partial) = std::mem::replace(&mut self.name, Name::Nothing) {
            let _ = self.folder.remove_file(partial.name());
            partial.discard(&self.folder);
        }
    }
}

/// The error where something is not what was put there.
pub(super) fn swapped() -> io::Error {
    io::Error::other("somebody put something else in the place of what came")
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        if let Name::Kept(partial) = &mut self.name {
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
        let Name::Kept(partial) = std::mem::replace(&mut self.name, Name::Nothing) else { return };
        let data = partial.name().to_owned();
        // Nobody is left to be told of a failure.
        if !partial.leave(&self.folder) {
            let _ = self.folder.remove_file(data);
        }
    }
}
