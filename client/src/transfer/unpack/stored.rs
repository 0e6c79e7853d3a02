//! An archive on the disk: read through one buffer, and given back to the disk where it is read.

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::{self, Read},
};

use rawzip::{FileReader, ReaderAt};

/// Bytes read at a time, unless more are wanted.
const AHEAD: usize = 64 * 1024;
/// Bytes given back at a time, which are whole blocks of every disk.
#[cfg(any(target_os = "linux", target_os = "android"))]
const PIECE: u64 = 1 << 20;

/// Whether this system can take back what was read of a file, where its disk can too.
pub(in crate::transfer) const GIVES_BACK: bool =
    cfg!(any(target_os = "linux", target_os = "android"));

/// The bytes of an archive.
pub(super) struct Stored {
    reader: FileReader,
    file: File,
    length: u64,
    ahead: RefCell<Ahead>,
    /// Up to where reading gives back what lies before.
    consumed_below: Cell<u64>,
    given_back: Cell<u64>,
}

/// What was read in advance.
struct Ahead {
    at: u64,
    bytes: Vec<u8>,
}

impl Stored {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self {
            reader: file.try_clone()?.into(),
            file: file.try_clone()?,
            length: file.metadata()?.len(),
            ahead: RefCell::new(Ahead { at: 0, bytes: Vec::with_capacity(AHEAD) }),
            consumed_below: Cell::new(0),
            given_back: Cell::new(0),
        })
    }

    /// The number of its bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// From now on, whoever reads below `end` has no use for what lies before.
    pub(super) fn consume_below(&self, end: u64) {
        self.consumed_below.set(end);
    }

    /// Reads what lies in a range.
    pub(super) fn range(&self, from: u64, length: u64) -> Piece<'_> {
        Piece { stored: self, at: from, left: length }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn give_back_before(&self, at: u64) {
        let from = self.given_back.get();
        let whole = at.saturating_sub(from) / PIECE * PIECE;
        if whole > 0 && at < self.consumed_below.get() {
            punch(&self.file, from, whole);
            self.given_back.set(from + whole);
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn give_back_before(&self, _at: u64) {
        let _ = (&self.file, &self.consumed_below, &self.given_back);
    }
}

impl ReaderAt for Stored {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.give_back_before(offset);
        let mut ahead = self.ahead.borrow_mut();
        if buffer.len() >= AHEAD && !ahead.holds(offset) {
            return self.reader.read_at(buffer, offset);
        }
        if !ahead.holds(offset) {
            ahead.bytes.resize(AHEAD, 0);
            let n = self.reader.read_at(&mut ahead.bytes, offset);
            ahead.bytes.truncate(*n.as_ref().unwrap_or(&0));
            ahead.at = offset;
            n?;
        }
        let held = &ahead.bytes[(offset - ahead.at) as usize..];
        let n = held.len().min(buffer.len());
        buffer[..n].copy_from_slice(&held[..n]);
        Ok(n)
    }
}

impl Ahead {
    fn holds(&self, offset: u64) -> bool {
        offset.checked_sub(self.at).is_some_and(|into| into < self.bytes.len() as u64)
    }
}

/// A range of an archive while it is read.
pub(super) struct Piece<'a> {
    stored: &'a Stored,
    at: u64,
    left: u64,
}

impl Read for Piece<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        match self.stored.read_at(&mut buffer[..most], self.at)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                self.at += n as u64;
                self.left -= n as u64;
                Ok(n)
            }
        }
    }
}

/// Tells whether the disk of an empty file takes back what was read.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::transfer) fn gives_back(file: &File) -> bool {
    punch(file, 0, PIECE)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::transfer) fn gives_back(_file: &File) -> bool {
    false
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn punch(file: &File, from: u64, length: u64) -> bool {
    use rustix::fs::{FallocateFlags, fallocate};

    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(file, hole, from, length).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;

    fn stored(length: usize) -> (Stored, Vec<u8>) {
        let content: Vec<u8> = (0..length).map(|n| (n / 7 % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        file.sync_all().unwrap();
        (Stored::of(&file).unwrap(), content)
    }

    #[test]
    fn whatever_is_read_is_what_is_there() {
        let (stored, content) = stored(300_000);
        for (from, length) in [(0, 10), (5, 70_000), (299_990, 10), (64_000, 10_000), (3, 0)] {
            let mut read = Vec::new();
            stored.range(from as u64, length as u64).read_to_end(&mut read).unwrap();
            assert!(read == content[from..from + length], "{from} {length}");
        }
        let short = stored.range(299_990, 11).read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_read_is_given_back_and_nothing_else() {
        use std::os::unix::fs::MetadataExt;

        let (stored, content) = stored(5 << 20);
        if !gives_back(&tempfile::tempfile().unwrap()) {
            eprintln!("skipped: the disk for temporary files takes nothing back");
            return;
        }
        let blocks = || stored.file.metadata().unwrap().blocks();
        let before = blocks();
        let mut read = Vec::new();
        stored.range(0, 3 << 20).read_to_end(&mut read).unwrap();
        assert_eq!(blocks(), before);
        stored.consume_below(4 << 20);
        stored.range(0, 3 << 20).read_to_end(&mut read).unwrap();
        assert!(blocks() < before / 5 * 4, "{before} {}", blocks());
        let mut rest = Vec::new();
        stored.range(3 << 20, 2 << 20).read_to_end(&mut rest).unwrap();
        assert!(rest == content[3 << 20..]);
        assert!(blocks() >= 2 * 1024, "what lies behind the end stays");
    }
}
