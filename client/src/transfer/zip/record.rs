//! The records of a zip archive as bytes, after PKWARE's APPNOTE section 4.3.

use crate::transfer::listing::{Content, Entry};

/// A number with more than 32 bits is written elsewhere, and this stands in its place.
const ELSEWHERE: u32 = u32::MAX;
/// The same for the number of entries.
const ELSEWHERE_16: u16 = u16::MAX;

/// Sizes and sum stand behind the content, in a descriptor.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// The name is UTF-8.
const FLAG_UTF8: u16 = 1 << 11;

/// The length of an archive without entries, in bytes.
pub(in crate::transfer) const EMPTY_ARCHIVE: u64 = 22;

/// The version needed for folders.
const VERSION_PLAIN: u16 = 20;
/// The version needed for sizes and offsets of 64 bits.
const VERSION_ZIP64: u16 = 45;
/// The attributes are those of a Unix.
const MADE_BY_UNIX: u16 = 3 << 8;
/// The attribute of a folder on DOS.
const DOS_FOLDER: u32 = 0x10;

/// The exact length of the archive with the entries so far, in bytes.
#[derive(Default)]
pub(in crate::transfer) struct ArchiveSize {
    contents: u64,
    directory: u64,
    count: u64,
    scratch: Vec<u8>,
}

impl ArchiveSize {
    pub(in crate::transfer) fn add(&mut self, entry: &Entry) {
        self.scratch.clear();
        central(entry, 0, self.contents, &mut self.scratch);
        self.directory += self.scratch.len() as u64;
        self.contents += entry_size(entry, &mut self.scratch);
        self.count += 1;
    }

    pub(in crate::transfer) fn total(mut self) -> u64 {
        self.scratch.clear();
        end(self.count, self.contents, self.directory, &mut self.scratch);
        self.contents + self.directory + self.scratch.len() as u64
    }
}

/// Returns the length of an entry's header, content and descriptor, in bytes.
pub(super) fn entry_size(entry: &Entry, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    local(entry, scratch);
    descriptor(entry, 0, scratch);
    scratch.len() as u64 + entry.size()
}

impl Entry {
    fn size(&self) -> u64 {
        match self.content {
            Content::File(size) => size,
            Content::EmptyFolder | Content::Folder => 0,
        }
    }

    fn is_folder(&self) -> bool {
        !matches!(self.content, Content::File(_))
    }

    fn is_large(&self) -> bool {
        self.size() >= u64::from(ELSEWHERE)
    }

    fn flags(&self) -> u16 {
        let descriptor = if self.is_folder() { 0 } else { FLAG_DESCRIPTOR };
        let utf8 = if self.name.is_ascii() { 0 } else { FLAG_UTF8 };
        descriptor | utf8
    }

    /// The walk admits no longer name.
    fn name_length(&self) -> u16 {
        u16::try_from(self.name.len()).unwrap_or(u16::MAX)
    }
}

/// Writes the header before an entry's content; sizes and sum follow in the descriptor.
pub(super) fn local(entry: &Entry, out: &mut Vec<u8>) {
    let large = entry.is_large();
    let size = if large { ELSEWHERE } else { 0 };
    out.extend(*b"PK\x03\x04");
    out.extend(if large { VERSION_ZIP64 } else { VERSION_PLAIN }.to_le_bytes());
    out.extend(entry.flags().to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    out.extend(entry.modified.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(entry.name_length().to_le_bytes());
    let extra = zip64_extra(if large { &[0, 0] } else { &[] });
    out.extend(extra_length(&extra));
    out.extend(entry.name.as_bytes());
    out.extend(extra);
}

/// Writes what follows a file's content; nothing for a folder.
pub(super) fn descriptor(entry: &Entry, crc: u32, out: &mut Vec<u8>) {
    let Content::File(size) = entry.content else { return };
    out.extend(*b"PK\x07\x08");
    out.extend(crc.to_le_bytes());
    for _ in ["compressed", "uncompressed"] {
        match u32::try_from(size) {
            Ok(small) if !entry.is_large() => out.extend(small.to_le_bytes()),
            _ => out.extend(size.to_le_bytes()),
        }
    }
}

/// Writes an entry's record of the central directory; `offset` is where its header began.
pub(super) fn central(entry: &Entry, crc: u32, offset: u64, out: &mut Vec<u8>) {
    let size = entry.size();
    let mut wide = Vec::new();
    if entry.is_large() {
        wide.extend([size, size]);
    }
    if offset >= u64::from(ELSEWHERE) {
        wide.push(offset);
    }
    let extra = zip64_extra(&wide);
    let version = if wide.is_empty() { VERSION_PLAIN } else { VERSION_ZIP64 };
    let dos = if entry.is_folder() { DOS_FOLDER } else { 0 };
    out.extend(*b"PK\x01\x02");
    out.extend((MADE_BY_UNIX | version).to_le_bytes());
    out.extend(version.to_le_bytes());
    out.extend(entry.flags().to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    out.extend(entry.modified.to_le_bytes());
    out.extend(crc.to_le_bytes());
    out.extend(or_elsewhere(size));
    out.extend(or_elsewhere(size));
    out.extend(entry.name_length().to_le_bytes());
    out.extend(extra_length(&extra));
    // No comment, first disk, no internal attributes.
    out.extend([0; 6]);
    out.extend((u32::from(entry.mode) << 16 | dos).to_le_bytes());
    out.extend(or_elsewhere(offset));
    out.extend(entry.name.as_bytes());
    out.extend(extra);
}

/// Writes what ends the archive: `count` entries, whose directory of `size` bytes begins at `start`.
pub(super) fn end(count: u64, start: u64, size: u64, out: &mut Vec<u8>) {
    let short_count = u16::try_from(count).unwrap_or(ELSEWHERE_16);
    let wide = short_count == ELSEWHERE_16 || start.max(size) >= u64::from(ELSEWHERE);
    if wide {
        out.extend(*b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        out.extend((MADE_BY_UNIX | VERSION_ZIP64).to_le_bytes());
        out.extend(VERSION_ZIP64.to_le_bytes());
        out.extend([0; 8]);
        for number in [count, count, size, start] {
            out.extend(number.to_le_bytes());
        }
        out.extend(*b"PK\x06\x07");
        out.extend(0_u32.to_le_bytes());
        out.extend((start + size).to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    out.extend(*b"PK\x05\x06");
    out.extend([0; 4]);
    out.extend(short_count.to_le_bytes());
    out.extend(short_count.to_le_bytes());
    out.extend(or_elsewhere(size));
    out.extend(or_elsewhere(start));
    out.extend(0_u16.to_le_bytes());
}

fn or_elsewhere(number: u64) -> [u8; 4] {
    u32::try_from(number).unwrap_or(ELSEWHERE).to_le_bytes()
}

fn zip64_extra(numbers: &[u64]) -> Vec<u8> {
    let mut extra = Vec::new();
    if !numbers.is_empty() {
        extra.extend(1_u16.to_le_bytes());
        // Three numbers at most.
        extra.extend([8 * numbers.len() as u8, 0]);
        extra.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }
    extra
}

fn extra_length(extra: &[u8]) -> [u8; 2] {
    // Twenty-eight bytes at most.
    [extra.len() as u8, 0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::{native::FileId, zip::DosTime};

    fn file(size: u64) -> Entry {
        let content = Content::File(size);
        let (name, place) = ("f".into(), "/f".into());
        let (id, mode) = (FileId::from_le_bytes([0; 16]), 0o100_644);
        Entry { name, place, content, id, mode, modified: DosTime::EARLIEST }
    }

    #[test]
    fn zip64_begins_where_32_bits_end() {
        let lengths = |size| {
            let (mut header, mut behind, mut listed) = (Vec::new(), Vec::new(), Vec::new());
            local(&file(size), &mut header);
            descriptor(&file(size), 0, &mut behind);
            central(&file(size), 0, 0, &mut listed);
            (header.len(), behind.len(), listed.len())
        };
        assert_eq!(lengths(u64::from(u32::MAX) - 1), (31, 16, 47));
        assert_eq!(lengths(u64::from(u32::MAX)), (31 + 20, 24, 47 + 20));
    }

    #[test]
    fn a_far_offset_and_many_entries_need_zip64_too() {
        let listed = |offset| {
            let mut out = Vec::new();
            central(&file(0), 0, offset, &mut out);
            out.len()
        };
        assert_eq!(listed(u64::from(u32::MAX) - 1), 47);
        assert_eq!(listed(u64::from(u32::MAX)), 47 + 12);
        let ended = |count, start| {
            let mut out = Vec::new();
            end(count, start, 0, &mut out);
            out.len()
        };
        assert_eq!(ended(65_534, 0), 22);
        assert_eq!(ended(65_535, 0), 98);
        assert_eq!(ended(0, u64::from(u32::MAX)), 98);
    }

    #[test]
    fn nothing_makes_the_shortest_archive() {
        assert_eq!(ArchiveSize::default().total(), EMPTY_ARCHIVE);
    }
}
