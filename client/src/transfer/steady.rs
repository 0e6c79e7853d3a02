//! What must keep the size it had when it was offered.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::shown;

/// Tells that a file, or a source of a known size, is not what was offered; the inner error of what a reader of
/// [`Plan::open`](super::Plan::open) returns then.
#[derive(Debug, Error)]
#[error("'{}' changed while it was being sent, expected {expected} bytes", shown(path))]
pub struct Changed {
    /// The file on this machine; of another source, the name it was offered by.
    pub path: PathBuf,
    /// The size it was offered with, in bytes.
    pub expected: u64,
}

/// Reads exactly the announced number of bytes, and fails when there are fewer or more.
pub(super) struct Steady<R> {
    source: R,
    path: PathBuf,
    size: u64,
    left: u64,
    /// Whether a read that does not fill its room has come to the end, as with a file.
    short_is_end: bool,
    ended: bool,
}

impl Steady<File> {
    /// Opens a regular file of a known size.
    ///
    /// # Errors
    /// What opening says; [`Changed`] when the size is another one by now.
    pub(super) fn open(path: &Path, size: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let now = file.metadata()?;
        let opened = Self { short_is_end: true, ..Self::of(file, path.to_owned(), size) };
        if !now.is_file() || now.len() != size {
            return Err(opened.changed());
        }
        Ok(opened)
    }
}

impl<R: Read> Steady<R> {
    /// Reads something that is called `path` where it turns out to have another size.
    pub(super) fn of(source: R, path: PathBuf, size: u64) -> Self {
        Self { source, path, size, left: size, short_is_end: false, ended: false }
    }

    fn changed(&self) -> io::Error {
        io::Error::other(Changed { path: self.path.clone(), expected: self.size })
    }
}

impl<R: Read> Read for Steady<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.ended {
            return Ok(0);
        }
        // One byte more than is left, which must not be there: mostly that spares a read of its own.
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).saturating_add(1);
        let room = room.min(buffer.len());
        let n = self.source.read(&mut buffer[..room])?;
        let whole = n as u64 == self.left;
        if n as u64 > self.left || n == 0 && !whole {
            return Err(self.changed());
        }
        self.left -= n as u64;
        self.ended = whole && (n == 0 || self.short_is_end && n < room);
        Ok(n)
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

        let mut shrinking = Steady::open(&path, 5).unwrap();
        fs::write(&path, b"123").unwrap();
        assert!(is_changed(&io::copy(&mut shrinking, &mut io::sink()).unwrap_err()));
        assert!(is_changed(&Steady::open(&path, 5).err().unwrap()));

        let mut growing = Steady::open(&path, 3).unwrap();
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"4").unwrap();
        assert!(is_changed(&io::copy(&mut growing, &mut io::sink()).unwrap_err()));
    }

    /// Gives what it has by a byte a time.
    struct Drops<'a>(&'a [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn a_source_of_another_size_is_an_error() {
        let read = |bytes, size, room| {
            let mut steady = Steady::of(Drops(bytes), "s".into(), size);
            let mut all = Vec::new();
            loop {
                let mut piece = vec![0; room];
                match steady.read(&mut piece) {
                    Ok(0) => return Ok(all),
                    Ok(n) => all.extend_from_slice(&piece[..n]),
                    Err(error) => return Err(error),
                }
            }
        };
        for room in 1..5 {
            assert_eq!(read(b"abc", 3, room).unwrap(), b"abc");
            assert_eq!(read(b"", 0, room).unwrap(), b"");
            assert!(is_changed(&read(b"ab", 3, room).unwrap_err()));
            assert!(is_changed(&read(b"abcd", 3, room).unwrap_err()));
            assert!(is_changed(&read(b"a", 0, room).unwrap_err()));
        }
    }
}
