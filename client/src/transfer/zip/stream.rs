//! The archive as a stream of bytes, made while it is read.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use crc32fast::Hasher;

use super::record;
use crate::transfer::{
    steady::SteadyFile,
    tree::{Content, Entry},
};

/// Reads as the zip archive of a folder's entries.
///
/// Holds one open file and one record at a time, besides the entries and a sum of four bytes for
/// each of them. `read` fills the buffer it is given except at the end.
pub(in crate::transfer) struct ZipStream {
    root: PathBuf,
    entries: Vec<Entry>,
    /// The CRC-32 of the entries that are through.
    sums: Vec<u32>,
    record: Vec<u8>,
    /// How much of the record has been read.
    taken: usize,
    stage: Stage,
}

enum Stage {
    /// The next entry begins, or the central directory.
    Between,
    /// A file's content is on its way.
    Content { file: SteadyFile, sum: Hasher },
    /// The entry `next` of the central directory, whose header lies at `offset`.
    Directory { next: usize, offset: u64, size: u64 },
    /// All records are made.
    Done,
}

impl ZipStream {
    pub(in crate::transfer) fn new(root: PathBuf, entries: Vec<Entry>) -> Self {
        let sums = Vec::with_capacity(entries.len());
        Self { root, entries, sums, record: Vec::new(), taken: 0, stage: Stage::Between }
    }

    /// Gives some bytes, or 0 when the next step must be made first.
    fn give(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let waiting = &self.record[self.taken..];
        if !waiting.is_empty() {
            let n = waiting.len().min(buffer.len());
            buffer[..n].copy_from_slice(&waiting[..n]);
            self.taken += n;
            return Ok(n);
        }
        let Stage::Content { file, sum } = &mut self.stage else { return Ok(0) };
        let n = file.read(buffer)?;
        sum.update(&buffer[..n]);
        Ok(n)
    }

    /// Makes the next record.
    fn step(&mut self) -> io::Result<()> {
        self.record.clear();
        self.taken = 0;
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Between => self.begin_entry()?,
            Stage::Content { sum, .. } => self.end_content(&sum),
            Stage::Directory { next, offset, size } => self.list(next, offset, size),
            Stage::Done => {}
        }
        Ok(())
    }

    fn begin_entry(&mut self) -> io::Result<()> {
        let Some(entry) = self.entries.get(self.sums.len()) else {
            self.stage = Stage::Directory { next: 0, offset: 0, size: 0 };
            return Ok(());
        };
        self.stage = match entry.content {
            Content::File(size) => {
                let file = SteadyFile::open(&self.root.join(&*entry.name), size)?;
                Stage::Content { file, sum: Hasher::new() }
            }
            Content::EmptyFolder => {
                self.sums.push(0);
                Stage::Between
            }
        };
        record::local(entry, &mut self.record);
        Ok(())
    }

    fn end_content(&mut self, sum: &Hasher) {
        let sum = sum.clone().finalize();
        if let Some(entry) = self.entries.get(self.sums.len()) {
            record::descriptor(entry, sum, &mut self.record);
        }
        self.sums.push(sum);
        self.stage = Stage::Between;
    }

    fn list(&mut self, next: usize, offset: u64, size: u64) {
        let (Some(entry), Some(sum)) = (self.entries.get(next), self.sums.get(next)) else {
            return record::end(self.entries.len() as u64, offset, size, &mut self.record);
        };
        let behind = offset + record::entry_size(entry, &mut self.record);
        self.record.clear();
        record::central(entry, *sum, offset, &mut self.record);
        let size = size + self.record.len() as u64;
        self.stage = Stage::Directory { next: next + 1, offset: behind, size };
    }
}

impl Read for ZipStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.give(&mut buffer[filled..])? {
                0 if matches!(self.stage, Stage::Done) => break,
                0 => self.step()?,
                n => filled += n,
            }
        }
        Ok(filled)
    }
}
