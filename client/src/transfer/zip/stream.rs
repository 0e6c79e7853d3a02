//! The archive as a stream of bytes, made while it is read.

use std::{
    fs::File,
    io::{self, Read, Write},
    mem,
};

use crc32fast::Hasher;

use super::record;
use crate::transfer::{
    listing::{Content, Entry, Listing},
    spill::{self, Reader, Writer},
    steady::{Grown, Steady},
};

/// Reads as the zip archive of a list of entries.
///
/// Holds one open file and one record at a time, however many entries there are: their sums are
/// spilled as the entries are. `read` fills the buffer it is given except at the end.
pub(in crate::transfer) struct ZipStream {
    entries: Listing,
    /// Whether folders that hold something have entries.
    names_folders: bool,
    /// Notes what has grown since it was measured.
    grown: Grown,
    record: Vec<u8>,
    /// How much of the record has been read.
    taken: usize,
    stage: Stage,
}

enum Stage {
    /// The next entry begins, or the central directory; with the sums of the entries before.
    Between(Writer),
    /// A file's content is on its way.
    Content { entry: Entry, file: Steady<File>, sum: Hasher, sums: Writer },
    /// The central directory: what comes next in it.
    Directory { sums: Reader, count: u64, offset: u64, size: u64 },
    /// All records are made.
    Done,
}

impl ZipStream {
    pub(in crate::transfer) fn new(entries: Listing, names_folders: bool, grown: Grown) -> Self {
        let (record, stage) = (Vec::new(), Stage::Between(spill::begin()));
        Self { entries, names_folders, grown, record, taken: 0, stage }
    }

    fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        loop {
            match self.entries.next()? {
                Some(Entry { content: Content::Folder, .. }) if !self.names_folders => {}
                next => return Ok(next),
            }
        }
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
        let Stage::Content { file, sum, .. } = &mut self.stage else { return Ok(0) };
        let n = file.read(buffer)?;
        sum.update(&buffer[..n]);
        Ok(n)
    }

    /// Makes the next record.
    fn step(&mut self) -> io::Result<()> {
        self.record.clear();
        self.taken = 0;
        self.stage = match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Between(sums) => self.begin_entry(sums)?,
            Stage::Content { entry, sum, mut sums, .. } => {
                let sum = sum.finalize();
                record::descriptor(&entry, sum, &mut self.record);
                sums.write_all(&sum.to_le_bytes())?;
                Stage::Between(sums)
            }
            Stage::Directory { sums, count, offset, size } => {
                self.list(sums, count, offset, size)?
            }
            Stage::Done => Stage::Done,
        };
        Ok(())
    }

    fn begin_entry(&mut self, mut sums: Writer) -> io::Result<Stage> {
        let Some(entry) = self.next_entry()? else {
            self.entries.rewind()?;
            let sums = spill::read(sums)?;
            return Ok(Stage::Directory { sums, count: 0, offset: 0, size: 0 });
        };
        record::local(&entry, &mut self.record);
        match entry.content {
            Content::File(size) => {
                let file = Steady::open(&entry.place, size, entry.id, &self.grown)?;
                Ok(Stage::Content { entry, file, sum: Hasher::new(), sums })
            }
            Content::EmptyFolder | Content::Folder => {
                sums.write_all(&[0; 4])?;
                Ok(Stage::Between(sums))
            }
        }
    }

    fn list(&mut self, mut sums: Reader, count: u64, offset: u64, size: u64) -> io::Result<Stage> {
        let Some(entry) = self.next_entry()? else {
            record::end(count, offset, size, &mut self.record);
            return Ok(Stage::Done);
        };
        let mut sum = [0; 4];
        sums.read_exact(&mut sum)?;
        let behind = offset + record::entry_size(&entry, &mut self.record);
        self.record.clear();
        record::central(&entry, u32::from_le_bytes(sum), offset, &mut self.record);
        let size = size + self.record.len() as u64;
        Ok(Stage::Directory { sums, count: count + 1, offset: behind, size })
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
