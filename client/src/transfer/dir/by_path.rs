//! [`Dir`] by paths, for systems without calls that take an open folder.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::Found;

/// A folder, by its path.
#[derive(Debug)]
pub(in crate::transfer) struct Dir(PathBuf);

impl Dir {
    pub(in crate::transfer) fn open(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        if !fs::metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self(path))
    }

    pub(in crate::transfer) fn open_below(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let path = self.0.join(name.as_ref());
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self(path))
    }

    pub(in crate::transfer) fn make(
        &self,
        name: impl AsRef<OsStr>,
        _mode: u32,
    ) -> io::Result<Self> {
        let path = self.0.join(name.as_ref());
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(in crate::transfer) fn make_file(
        &self,
        name: impl AsRef<OsStr>,
        _mode: u32,
    ) -> io::Result<File> {
        let mut fresh = File::options();
        fresh.read(true).write(true).create_new(true).open(self.0.join(name.as_ref()))
    }

    pub(in crate::transfer) fn open_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        File::options().read(true).write(true).open(self.0.join(name.as_ref()))
    }

    pub(in crate::transfer) fn make_unnamed(&self, _mode: u32) -> io::Result<Option<File>> {
        Ok(None)
    }

    pub(in crate::transfer) fn link_new(
        &self,
        _file: &File,
        _name: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::transfer) fn holds(
        &self,
        name: impl AsRef<OsStr>,
        _file: &File,
    ) -> io::Result<bool> {
        fs::exists(self.0.join(name.as_ref()))
    }

    pub(in crate::transfer) fn holds_folder(
        &self,
        name: impl AsRef<OsStr>,
        _folder: &Self,
    ) -> io::Result<bool> {
        fs::exists(self.0.join(name.as_ref()))
    }

    pub(in crate::transfer) fn own_number(&self) -> io::Result<Option<u64>> {
        Ok(Some(0))
    }

    pub(in crate::transfer) fn names(&self, beginning: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name().into_string().unwrap_or_default();
            if name.starts_with(beginning) {
                names.push(name);
            }
        }
        Ok(names)
    }

    pub(in crate::transfer) fn mode_of(&self, _name: impl AsRef<OsStr>) -> Option<u32> {
        None
    }

    pub(in crate::transfer) fn liken(
        &self,
        _file: &File,
        _name: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        Ok(())
    }

    pub(in crate::transfer) fn check_writable(&self) -> io::Result<()> {
        tempfile::tempfile_in(&self.0).map(drop)
    }

    /// These systems' disks do.
    pub(in crate::transfer) fn folds_names(&self) -> io::Result<bool> {
        Ok(true)
    }

    pub(in crate::transfer) fn found(&self, name: impl AsRef<OsStr>) -> io::Result<Found> {
        let path = self.0.join(name.as_ref());
        match fs::symlink_metadata(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        }
        let other = fs::metadata(&path).is_ok_and(|found| !found.is_file());
        Ok(if other { Found::Other } else { Found::File })
    }

    pub(in crate::transfer) fn rename_new(
        &self,
        from: impl AsRef<OsStr>,
        to: &Self,
        name: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let (from, to) = (self.0.join(from.as_ref()), to.0.join(name.as_ref()));
        if fs::metadata(&from)?.is_dir() {
            // Windows never renames a folder onto something.
            return fs::rename(from, to);
        }
        drop(File::options().write(true).create_new(true).open(&to)?);
        fs::rename(from, &to).inspect_err(|_| {
            let _ = fs::remove_file(&to);
        })
    }

    pub(in crate::transfer) fn rename_over(
        &self,
        from: impl AsRef<OsStr>,
        to: &Self,
        name: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        fs::rename(self.0.join(from.as_ref()), to.0.join(name.as_ref()))
    }

    pub(in crate::transfer) fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        fs::remove_file(self.0.join(name.as_ref()))
    }

    pub(in crate::transfer) fn remove_content(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    pub(in crate::transfer) fn remove_folder(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        fs::remove_dir(self.0.join(name.as_ref()))
    }

    pub(in crate::transfer) fn mode(&self) -> io::Result<u32> {
        Ok(0o777)
    }

    pub(in crate::transfer) fn set_mode(&self, _mode: u32) -> io::Result<()> {
        Ok(())
    }

    pub(in crate::transfer) fn free_space(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }
}

pub(in crate::transfer) fn largest_file() -> Option<u64> {
    None
}
