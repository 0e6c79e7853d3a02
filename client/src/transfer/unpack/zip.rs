//! A zip archive as members: what its central directory says counts, and is read as a stream.

use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use rawzip::{
    CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipEntry, ZipFileHeaderRecord,
    ZipLocator,
};

use super::{
    UnpackError,
    member::{Kind, Member, shown},
    stored::Stored,
};

/// Holds the longest record of a central directory: three fields of 64 KiB each.
const BUFFER: usize = 4 * RECOMMENDED_BUFFER_SIZE;
/// The bits of the Unix mode which tell the type, and the type of a symbolic link.
const TYPE: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
/// What the header before each content takes at least.
const HEADER: u64 = 30;

/// An archive whose end was found.
pub(super) struct Zip {
    archive: ZipArchive<Stored>,
    buffer: Vec<u8>,
}

impl Zip {
    pub(super) fn open(stored: Stored) -> Result<Self, UnpackError> {
        let mut buffer = vec![0; BUFFER];
        let length = stored.length();
        let archive = ZipLocator::new().locate_in_reader(stored, &mut buffer, length);
        Ok(Self { archive: archive.map_err(|(_, error)| error)?, buffer })
    }

    /// Visits all members without their contents.
    ///
    /// The contents must follow each other as their records do, and not overlap: that is how
    /// programs write archives, and nothing is in two members at once then.
    pub(super) fn members(
        &mut self,
        mut visit: impl FnMut(&Member) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let mut got = 0;
        let mut free_from = 0;
        let end = self.archive.directory_offset();
        let mut records = self.archive.entries(&mut self.buffer);
        while let Some(record) = records.next_entry()? {
            visit(&member(&record)?)?;
            let name = record.file_path().as_bytes().len() as u64;
            let content = HEADER + name + record.compressed_size_hint();
            free_from = after(&record, free_from, content, end)?;
            got += 1;
        }
        let expected = self.archive.entries_hint();
        if got != expected {
            return Err(UnpackError::Entries { expected, got });
        }
        Ok(())
    }

    /// Visits all members with their contents, which give their place on the disk back.
    pub(super) fn contents(
        &mut self,
        give_back: bool,
        mut visit: impl FnMut(&Member, &mut dyn Read) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let end = self.archive.directory_offset();
        if give_back {
            self.archive.get_ref().consume_below(end);
        }
        let mut inflater = None;
        let mut free_from = 0;
        let mut records = self.archive.entries(&mut self.buffer);
        while let Some(record) = records.next_entry()? {
            let member = member(&record)?;
            if member.kind == Kind::Folder {
                visit(&member, &mut io::empty())?;
                continue;
            }
            let entry = self.archive.get_entry(record.wayfinder())?;
            let (_, content_end) = entry.compressed_data_range();
            let content = content_end.saturating_sub(record.local_header_offset());
            free_from = after(&record, free_from, content, end)?;
            let packed = Packed { entry: &entry, stored: self.archive.get_ref() };
            packed.visit(record.compression_method(), &mut inflater, |content| {
                visit(&member, content)
            })?;
        }
        Ok(())
    }
}

/// Returns where the next content may begin, unless this one begins too early or ends too late.
fn after(
    record: &ZipFileHeaderRecord<'_>,
    free_from: u64,
    content: u64,
    directory: u64,
) -> Result<u64, UnpackError> {
    let begin = record.local_header_offset();
    let end = begin.checked_add(content).filter(|end| *end <= directory && begin >= free_from);
    end.ok_or_else(|| UnpackError::Overlap { shown: shown(record.file_path().as_bytes()) })
}

/// Reads a record of the central directory.
fn member(record: &ZipFileHeaderRecord<'_>) -> Result<Member, UnpackError> {
    let file_path = record.file_path();
    let raw = file_path.as_bytes();
    let kind = if raw.ends_with(b"/") {
        Kind::Folder
    } else {
        let (size, packed) = (record.uncompressed_size_hint(), record.compressed_size_hint());
        Kind::File { size, packed }
    };
    let mode = record.external_attributes() >> 16;
    let member = Member::of(raw, kind, mode)?;
    if mode & TYPE == LINK {
        return Err(UnpackError::Link { shown: shown(raw) });
    }
    if kind != Kind::Folder && !is_readable(record) {
        return Err(UnpackError::Method { shown: shown(raw) });
    }
    Ok(member)
}

/// Whether the content of an entry can be read here.
fn is_readable(record: &ZipFileHeaderRecord<'_>) -> bool {
    let method = record.compression_method();
    !record.flags().is_encrypted()
        && (method == CompressionMethod::STORE || method == CompressionMethod::DEFLATE)
}

type Inflater<'a> = DeflateDecoder<super::stored::Piece<'a>>;

/// The content of one entry.
struct Packed<'a, 'e> {
    entry: &'e ZipEntry<'a, Stored>,
    stored: &'a Stored,
}

impl<'a> Packed<'a, '_> {
    /// Gives the content to be read. It fails as soon as it is longer than the central directory
    /// says, and at its end unless size and CRC-32 are the ones given there. All deflated entries
    /// share one inflater.
    fn visit(
        &self,
        method: CompressionMethod,
        inflater: &mut Option<Inflater<'a>>,
        visit: impl FnOnce(&mut dyn Read) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let (from, to) = self.entry.compressed_data_range();
        let mut packed = self.stored.range(from, to.saturating_sub(from));
        if method == CompressionMethod::STORE {
            return visit(&mut self.entry.verifying_reader(&mut packed));
        }
        let inflating = match inflater.take() {
            Some(mut used) => {
                used.reset(packed);
                used
            }
            None => DeflateDecoder::new(packed),
        };
        visit(&mut self.entry.verifying_reader(inflater.insert(inflating)))
    }
}
