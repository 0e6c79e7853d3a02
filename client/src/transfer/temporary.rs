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
    sparse::Sparse,
    staging::{CONTENT, Staging},
};

/// A file that fills beside the target. Dropped, it removes itself, unless it is to be kept.
pub(super) struct Temporary {
    folder: Arc<Dir>,
    file: Sparse,
    /// Behind the file, which is closed first.
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
    /// Makes a file with these permissions as far as the umask allows them.
    pub(super) fn beside(folder: &Arc<Dir>, mode: u32) -> io::Result<Self> {
        let (file, name) = match folder.make_unnamed(mode)? {
            Some(file) => (file, Name::Nothing),
            None => {
                let staging = Staging::beside(folder)?;
                (staging.dir().make_file(CONTENT, mode)?, Name::Staged(staging))
            }
        };
        Ok(Self { folder: Arc::clone(folder), file: Sparse::of(file), name })
    }

    /// Makes a file that stays, with its note, where it is dropped after something was written.
    pub(super) fn kept(folder: &Arc<Dir>, partial: Partial, mode: u32) -> io::Result<Self> {
        match folder.make_file(partial.name(), mode) {
            Ok(file) => {
                let (folder, file) = (Arc::clone(folder), Sparse::of(file));
                Ok(Self { folder, file, name: Name::Kept(partial) })
            }
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

    /// The file, which has its length once it is [settled](Self::settle).
    pub(super) fn file(&self) -> &File {
        self.file.file()
    }

    /// Gives the file the length of what was written.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.file.settle()
    }

    /// Brings it to its place in the same folder, over what is there or where nothing is.
    ///
    /// What it replaces hands down its permissions. Before, it is brought to the disk, so that a
    /// power cut does not take the old and the new; apart from that, when it gets there is left to
    /// the system.
    pub(super) fn place(mut self, name: &OsStr, replaces: bool) -> io::Result<()> {
        self.settle()?;
        if replaces {
            self.folder.liken(self.file(), name)?;
            self.file().sync_data()?;
        }
        match &self.name {
            Name::Nothing if !replaces => self.folder.link_new(self.file(), name),
            Name::Nothing => {
                // A link replaces nothing, only a rename does.
                let staging = Staging::beside(&self.folder)?;
                staging.dir().link_new(self.file(), CONTENT)?;
                self.rename(staging.dir(), CONTENT, name, replaces)
            }
            Name::Staged(staging) => self.rename(staging.dir(), CONTENT, name, replaces),
            Name::Kept(partial) => {
                self.rename(&self.folder, partial.name(), name, replaces)?;
                if let Some(partial) = self.take_partial() {
                    partial.discard(&self.folder);
                }
                Ok(())
            }
        }
    }

    /// Renames it to its place, and makes sure that it is there: in a folder that others may write
    /// into, they may put something of theirs under any name.
    fn rename(&self, from: &Dir, own: &str, to: &OsStr, replaces: bool) -> io::Result<()> {
        if !from.holds(own, self.file())? {
            return Err(swapped());
        }
        if replaces {
            from.rename_over(own, &self.folder, to)?;
        } else {
            from.rename_new(own, &self.folder, to)?;
        }
        if self.folder.holds(to, self.file())? { Ok(()) } else { Err(swapped()) }
    }

    /// Removes it, also where it was to be kept.
    pub(super) fn discard(mut self) {
        if let Some(partial) = self.take_partial() {
            let _ = self.folder.remove_file(partial.name());
            partial.discard(&self.folder);
        }
    }

    /// Takes the note of a file that is to be kept, which is then kept no longer. Any other stays
    /// as it is: where it is removed, it must be closed before, as some disks keep files that are
    /// open under another name.
    fn take_partial(&mut self) -> Option<Partial> {
        match std::mem::replace(&mut self.name, Name::Nothing) {
            Name::Kept(partial) => Some(partial),
            other => {
                self.name = other;
                None
            }
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
        let Some(partial) = self.take_partial() else { return };
        let data = partial.name().to_owned();
        // Nobody is left to be told of a failure.
        let _ = self.settle();
        if !partial.leave(&self.folder) {
            let _ = self.folder.remove_file(data);
        }
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::*;

    /// As on a disk that knows no files without names.
    fn staged(folder: &Path) -> Temporary {
        let folder = Arc::new(Dir::open(folder).unwrap());
        let staging = Staging::beside(&folder).unwrap();
        let file = staging.dir().make_file(CONTENT, 0o666).unwrap();
        Temporary { folder, file: Sparse::of(file), name: Name::Staged(staging) }
    }

    fn staged_content(folder: &Path) -> std::path::PathBuf {
        let mut inside = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        inside.find(|path| path.is_dir()).unwrap().join(CONTENT)
    }

    #[test]
    fn what_has_a_name_on_its_way_is_placed_like_what_has_none() {
        let scene = tempfile::tempdir().unwrap();
        let place = scene.path().join("f");
        for replaces in [false, true] {
            let mut temporary = staged(scene.path());
            temporary.write_all(&[u8::from(replaces)]).unwrap();
            temporary.place("f".as_ref(), replaces).unwrap();
            assert_eq!(fs::read(&place).unwrap(), [u8::from(replaces)]);
            assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 1);
        }
        let occupied = staged(scene.path()).place("f".as_ref(), false).unwrap_err();
        assert_eq!(occupied.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_the_file_that_was_written_is_not_placed() {
        let scene = tempfile::tempdir().unwrap();
        let theirs = scene.path().join("theirs");
        for is_link in [false, true] {
            fs::write(&theirs, b"theirs").unwrap();
            let temporary = staged(scene.path());
            let content = staged_content(scene.path());
            fs::remove_file(&content).unwrap();
            if is_link {
                symlink(&theirs, &content).unwrap();
            } else {
                fs::hard_link(&theirs, &content).unwrap();
            }
            temporary.place("f".as_ref(), false).unwrap_err();
            assert!(fs::symlink_metadata(scene.path().join("f")).is_err());
        }
    }
}
