//! A file that must keep the size it had when it was offered.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::shown;

/// Tells that a file no longer is what was offered; the inner error of what a reader of
/// [`Plan::open`](super::Plan::open) returns then.
#[derive(Debug, Error)]
#[error("'{}' changed while it was being sent, expected {expected} bytes", shown(path))]
pub struct Changed {
    /// The file on this machine.
    pub path: PathBuf,
    /// The size it was offered with, in bytes.
    pub expected: u64,
}

/// Reads exactly the announced number of bytes, and fails when the file has fewer or more.
pub(super) struct SteadyFile {
    file: File,
    path: PathBuf,
    size: u64,
    left: u64,
}

impl SteadyFile {
    /// Opens a regular file of a known size.
    ///
    /// # Errors
    /// What opening says; [`Changed`] when the size is another one by now.
    pub(super) fn open(path: &Path, size: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let now = file.metadata()?;
        let opened = Self { file, path: path.to_owned(), size, left: size };
        if !now.is_file() || now.len() != size {
            return Err(opened.changed());
        }
        Ok(opened)
    }

    fn changed(&self) -> io::Error {
        io::Error::other(Changed { path: self.path.clone(), expected: self.size })
    }

    fn expect_end(&mut self) -> io::Result<usize> {
        match self.file.read(&mut [0])? {
            0 => Ok(0),
            _ => Err(self.changed()),
        }
    }
}

impl Read for SteadyFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return self.expect_end();
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        match self.file.read(&mut buffer[..room])? {
            0 => Err(self.changed()),
            n => {
                self.left -= n as u64;
                Ok(n)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    fn is_changed(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Changed>())
    }

    #[test]
    fn a_file_that_shrinks_or_grows_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, b"12345").unwrap();

        let mut shrinking = SteadyFile::open(&path, 5).unwrap();
        fs::write(&path, b"123").unwrap();
        assert!(is_changed(&io::copy(&mut shrinking, &mut io::sink()).unwrap_err()));
        assert!(is_changed(&SteadyFile::open(&path, 5).err().unwrap()));

        let mut growing = SteadyFile::open(&path, 3).unwrap();
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"4").unwrap();
        assert!(is_changed(&io::copy(&mut growing, &mut io::sink()).unwrap_err()));
    }
}
