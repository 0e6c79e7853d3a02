//! What must keep the size it had when it was offered.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use thiserror::Error;

use super::{
    native::{self, FileId},
    shown,
};

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

/// The files that have grown since they were measured, of which what was measured is sent: a log
/// does not give up a whole folder.
#[derive(Clone, Debug, Default)]
pub struct Grown(Arc<Mutex<Vec<PathBuf>>>);

impl Grown {
    /// Returns those that were found so far, in the order in which they are read.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, path: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    }
}

/// Reads exactly the announced number of bytes, and fails when there are fewer; also where there
/// are more, unless it is a file, of which the rest is new.
pub(super) struct Steady<R> {
    source: R,
    path: PathBuf,
    size: u64,
    left: u64,
    /// Where it is noted that a file has grown.
    grown: Option<Grown>,
    ended: bool,
}

impl Steady<File> {
    /// Opens the regular file again that was offered; it may be larger by now.
    ///
    /// # Errors
    /// What opening says; [`Changed`] when it is another file by now, or smaller. What is no file any
    /// more is not even opened, for a device does something then.
    pub(super) fn open(path: &Path, size: u64, id: FileId, grown: &Grown) -> io::Result<Self> {
        let named = |error: io::Error| naming(path, &error);
        let is_it = |now: &Metadata| now.is_file() && now.len() >= size && FileId::of(now) == id;
        let changed = || io::Error::other(Changed { path: path.to_owned(), expected: size });
        if !is_it(&fs::metadata(path).map_err(named)?) {
            return Err(changed());
        }
        // Somebody may be quick.
        let file = native::open(path).map_err(named)?;
        if !is_it(&file.metadata().map_err(named)?) {
            return Err(changed());
        }
        Ok(Self { grown: Some(grown.clone()), ..Self::of(file, path.to_owned(), size) })
    }
}

impl<R: Read> Steady<R> {
    /// Reads something that is called `path` where it turns out to have another size.
    pub(super) fn of(source: R, path: PathBuf, size: u64) -> Self {
        Self { source, path, size, left: size, grown: None, ended: false }
    }

    fn changed(&self) -> io::Error {
        io::Error::other(Changed { path: self.path.clone(), expected: self.size })
    }

    /// Ends where there is more than was announced.
    fn end_early(&mut self) -> io::Result<()> {
        let grown = self.grown.as_ref().ok_or_else(|| self.changed())?;
        grown.add(&self.path);
        self.ended = true;
        Ok(())
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
        let read = self.source.read(&mut buffer[..room]);
        let n = read.map_err(|error| naming(&self.path, &error))?;
        if n as u64 > self.left {
            self.end_early()?;
            return Ok(self.left as usize);
        }
        let whole = n as u64 == self.left;
        if n == 0 && !whole {
            return Err(self.changed());
        }
        self.left -= n as u64;
        if whole {
            // Before the last bytes are given, so that nobody takes them for the whole. A read of a
            // file that does not fill its room has come to the end.
            let is_end = n == 0 || self.grown.is_some() && n < room;
            // What has come must not be lost because of a signal.
            self.ended = is_end || self.source.by_ref().take(1).read_to_end(&mut Vec::new())? == 0;
            if !self.ended {
                self.end_early()?;
            }
        }
        Ok(n)
    }
}

/// Says which file an error is about.
fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("'{}': {error}", shown(path)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    fn is_changed(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Changed>())
    }

    fn id_of(path: &Path) -> FileId {
        FileId::of(&fs::metadata(path).unwrap())
    }

    #[test]
    fn a_file_that_shrinks_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, b"12345").unwrap();
        let grown = Grown::default();

        let mut shrinking = Steady::open(&path, 5, id_of(&path), &grown).unwrap();
        fs::write(&path, b"123").unwrap();
        assert!(is_changed(&io::copy(&mut shrinking, &mut io::sink()).unwrap_err()));
        assert!(is_changed(&Steady::open(&path, 5, id_of(&path), &grown).err().unwrap()));
        assert!(is_changed(
            &Steady::open(folder.path(), 0, id_of(folder.path()), &grown).err().unwrap()
        ));
        assert!(grown.paths().is_empty());
    }

    #[test]
    fn of_a_file_that_grows_what_was_measured_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        for (size, room) in [(3, 1), (3, 2), (3, 3), (3, 4), (3, 9), (0, 1)] {
            let grown = Grown::default();
            fs::write(&path, &b"123"[..size]).unwrap();
            let mut growing = Steady::open(&path, size as u64, id_of(&path), &grown).unwrap();
            fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"4").unwrap();
            let mut read = Vec::new();
            let mut piece = vec![0; room];
            loop {
                match growing.read(&mut piece).unwrap() {
                    0 => break,
                    n => read.extend_from_slice(&piece[..n]),
                }
            }
            assert_eq!(read, &b"123"[..size], "{room}");
            assert_eq!(grown.paths(), std::slice::from_ref(&path), "{room}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        assert!(is_changed(
            &Steady::open(&path, 0, id_of(&path), &Grown::default()).err().unwrap()
        ));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_put_in_the_place_of_a_file_is_neither_waited_for_nor_read() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("offered"), b"12345").unwrap();
        let (id, grown) = (id_of(&at("offered")), Grown::default());
        fs::write(at("other"), b"54321").unwrap();
        fs::create_dir(at("folder")).unwrap();
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        for other in ["other", "folder", "pipe"] {
            fs::rename(at("offered"), at("kept")).unwrap();
            fs::rename(at(other), at("offered")).unwrap();
            let error = Steady::open(&at("offered"), 5, id, &grown).err().unwrap();
            assert!(is_changed(&error), "{other}: {error}");
            fs::rename(at("offered"), at(other)).unwrap();
            fs::rename(at("kept"), at("offered")).unwrap();
        }
        // A pipe is not waited for, even where it comes between looking and opening.
        assert!(native::open(&at("pipe")).is_ok());
        // By another path it is the same file.
        std::os::unix::fs::symlink("offered", at("link")).unwrap();
        let mut text = String::new();
        Steady::open(&at("link"), 5, id, &grown).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "12345");
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
