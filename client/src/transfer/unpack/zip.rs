//! A zip archive as members, read as a stream: what its central directory says counts, and all that
//! is said elsewhere must agree.

mod behind;
mod end;
mod local;

use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use rawzip::{
    CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipEntry, ZipFileHeaderRecord,
    ZipLocator,
};

use self::{behind::Behind, local::Local};
use super::{
    UnpackError,
    member::{Kind, Member, shown},
    stored::{Piece, Stored},
};

/// Holds the longest record of a central directory: three fields of 64 KiB each.
const BUFFER: usize = 4 * RECOMMENDED_BUFFER_SIZE;
/// The bits of the Unix mode which tell the type.
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
/// What the header before each content takes at least, and what a record of the directory does.
const HEADER: u64 = 30;
const RECORD: u64 = 46;

/// An archive whose end was found.
pub(super) struct Zip {
    archive: ZipArchive<Stored>,
    /// Where the directory ends.
    end: u64,
    buffer: Vec<u8>,
}

impl Zip {
    pub(super) fn open(stored: Stored) -> Result<Self, UnpackError> {
        let mut buffer = vec![0; BUFFER];
        let length = stored.length();
        let archive = ZipLocator::new().locate_in_reader(stored, &mut buffer, length);
        let archive = archive.map_err(|(_, error)| error)?;
        let end = end::checked(&archive)?;
        Ok(Self { archive, end, buffer })
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
        let mut listed_to = self.archive.directory_offset();
        let directory = listed_to;
        let mut records = self.archive.entries(&mut self.buffer);
        while let Some(record) = records.next_entry()? {
            visit(&member(&record)?)?;
            let name = record.file_path().as_bytes().len() as u64;
            let content = HEADER + name + record.compressed_size_hint();
            free_from = after(&record, free_from, content, directory)?;
            let extra =
                record.extra_fields().remaining_bytes().len() + record.comment().as_bytes().len();
            listed_to = record.central_directory_offset() + RECORD + name + extra as u64;
            got += 1;
        }
        let expected = self.archive.entries_hint();
        if got != expected {
            return Err(UnpackError::Entries { expected, got });
        }
        if listed_to != self.end {
            return Err(UnpackError::Contradiction("its directory ends elsewhere than it says"));
        }
        Ok(())
    }

    /// Visits all members with their contents, which give their place on the disk back.
    ///
    /// Between two contents there is nothing but what belongs to them.
    pub(super) fn contents(
        &mut self,
        give_back: bool,
        mut visit: impl FnMut(&Member, &mut dyn Read) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let directory = self.archive.directory_offset();
        if give_back {
            self.archive.get_ref().consume_below(directory);
        }
        let mut inflater = None;
        let mut local = Local::default();
        let mut behind = Behind::beginning();
        let mut records = self.archive.entries(&mut self.buffer);
        while let Some(record) = records.next_entry()? {
            let member = member(&record)?;
            let entry = self.archive.get_entry(record.wayfinder())?;
            let (from, to) = entry.compressed_data_range();
            let content = to.saturating_sub(record.local_header_offset());
            after(&record, behind.least(), content, directory)?;
            behind.check(record.local_header_offset())?;
            local.check(&record, &entry)?;
            if member.kind == Kind::Folder {
                visit(&member, &mut io::empty())?;
            } else {
                let packed = Packed { entry: &entry, stored: self.archive.get_ref(), from, to };
                packed.visit(&record, &mut inflater, |content| visit(&member, content))?;
            }
            behind = Behind::of(&record, to, self.archive.get_ref(), directory)?;
        }
        behind.check(directory)
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
    let (size, packed) = (record.uncompressed_size_hint(), record.compressed_size_hint());
    let is_folder = raw.ends_with(b"/");
    let kind = if is_folder { Kind::Folder } else { Kind::File { size, packed } };
    let attributes = record.external_attributes() >> 16;
    // Without even a type, there are no permissions either.
    let member = Member::of(raw, kind, Some(attributes).filter(|mode| *mode != 0))?;
    let contradiction = |what| UnpackError::EntryContradiction { shown: shown(raw), what };
    match attributes & TYPE {
        0 => {}
        REGULAR if is_folder => return Err(contradiction("a folder by name is a file by mode")),
        FOLDER if !is_folder => return Err(contradiction("a file by name is a folder by mode")),
        REGULAR | FOLDER => {}
        LINK => return Err(UnpackError::Link { shown: shown(raw) }),
        _ => return Err(UnpackError::Method { shown: shown(raw) }),
    }
    if is_folder && size > 0 {
        return Err(contradiction("a folder has content"));
    }
    if !is_readable(record) {
        return Err(UnpackError::Method { shown: shown(raw) });
    }
    if record.compression_method() == CompressionMethod::STORE && size != packed {
        return Err(contradiction("it is stored as it is, in another size"));
    }
    Ok(member)
}

/// Whether the content of an entry can be read here.
fn is_readable(record: &ZipFileHeaderRecord<'_>) -> bool {
    let method = record.compression_method();
    !record.flags().is_encrypted()
        && (method == CompressionMethod::STORE || method == CompressionMethod::DEFLATE)
}

type Inflater<'a> = DeflateDecoder<Piece<'a>>;

/// The content of one entry, and where it lies.
struct Packed<'a, 'e> {
    entry: &'e ZipEntry<'a, Stored>,
    stored: &'a Stored,
    from: u64,
    to: u64,
}

impl<'a> Packed<'a, '_> {
    /// Gives the content to be read. It fails as soon as it is longer than the central directory
    /// says, and at its end unless size and CRC-32 are the ones given there. All deflated entries
    /// share one inflater.
    fn visit(
        &self,
        record: &ZipFileHeaderRecord<'_>,
        inflater: &mut Option<Inflater<'a>>,
        visit: impl FnOnce(&mut dyn Read) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let length = self.to.saturating_sub(self.from);
        let mut packed = self.stored.range(self.from, length);
        if record.compression_method() == CompressionMethod::STORE {
            return visit(&mut self.entry.verifying_reader(&mut packed));
        }
        let inflating = match inflater.take() {
            Some(mut used) => {
                used.reset(packed);
                used
            }
            None => DeflateDecoder::new(packed),
        };
        let inflating = inflater.insert(inflating);
        visit(&mut self.entry.verifying_reader(&mut *inflating))?;
        if inflating.total_in() != length {
            let shown = shown(record.file_path().as_bytes());
            let what = "its content ends before the place it takes does";
            return Err(UnpackError::EntryContradiction { shown, what });
        }
        Ok(())
    }
}
