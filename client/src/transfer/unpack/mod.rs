//! The archive of a received folder, unpacked all or nothing [file-transfer.md: directory].

mod error;
mod fold;
mod layout;
mod member;
mod stored;
mod tar;
mod writer;
mod zip;

use std::fs::File;

pub use self::error::UnpackError;
pub(super) use self::{
    fold::folded,
    stored::{GIVES_BACK, gives_back},
};
use self::{
    layout::{Counts, Layout},
    stored::Stored,
    tar::Tar,
    writer::Writer,
    zip::Zip,
};
use super::dir::Dir;

/// Bytes by which the files may exceed what was announced: some senders measure a file that is
/// still being written.
const SLACK: u64 = 64 * 1024;
/// Of what a tar archive is made.
pub(super) const TAR_BLOCK: u64 = 512;

/// How a received archive is packed.
#[derive(Debug)]
pub(super) enum Packing {
    Zip,
    /// With the folder that may hold everything.
    Tar {
        top: String,
    },
}

/// What the peer announced of a folder, and the archive must not exceed.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// The number of files.
    pub(super) numfiles: u64,
    /// The sum of their sizes, in bytes.
    pub(super) numbytes: u64,
    /// The number of files that must be in it.
    pub(super) promised: u64,
}

/// What came out of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unpacked {
    /// The number of files written.
    pub files: u64,
    /// The number of folders made, the one that holds everything not counted.
    pub folders: u64,
    /// The sum of the sizes of the files, in bytes.
    pub bytes: u64,
    /// How many files and folders came with permissions by which not even their owner could use
    /// them; now the owner alone can, as far as others could not before.
    pub freed: u64,
    /// How many came under a path with something in it that would control a terminal or mislead who
    /// reads it, and which is written out now.
    pub renamed: u64,
    /// The permissions of the folder that holds everything, once it is in its place.
    pub(super) top_mode: Option<u32>,
}

/// What holds for an archive.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) limits: Limits,
    /// Whether two names may be one on some disk.
    pub(super) accept_collisions: bool,
    /// Whether what was unpacked of the archive may vanish from it, to make room.
    pub(super) give_back: bool,
}

/// Unpacks an archive into an empty folder that nobody else can enter.
///
/// All names, methods and sizes are checked before anything is written. Permissions are those of
/// the archive, without setuid, setgid and sticky bits and without what the umask takes; where it
/// has none, those of new files and folders.
///
/// # Errors
/// [`UnpackError`]; the folder may hold a part then.
pub(super) fn unpack(
    archive: &File,
    packing: &Packing,
    into: &Dir,
    bounds: Bounds,
) -> Result<Unpacked, UnpackError> {
    let stored = Stored::of(archive).map_err(UnpackError::Archive)?;
    let mut layout = Layout::of(bounds);
    let limit = bounds.limits.numbytes.saturating_add(SLACK);
    let writer = || Writer::into(into, limit).map_err(UnpackError::Archive);
    let give_back = bounds.give_back;
    let (counts, unpacked) = match packing {
        Packing::Zip => {
            let mut zip = Zip::open(stored)?;
            zip.members(|member| layout.add(member))?;
            let counts = checked(layout, into)?;
            let mut writer = writer()?;
            zip.contents(give_back, |member, content| writer.write(member, content))?;
            (counts, writer.finish()?)
        }
        Packing::Tar { top } => {
            let tar = Tar::open(stored, top)?;
            tar.members(|member| layout.add(member))?;
            let counts = checked(layout, into)?;
            let mut writer = writer()?;
            tar.contents(give_back, |member, content| writer.write(member, content))?;
            (counts, writer.finish()?)
        }
    };
    match (unpacked.files, counts.files) {
        (got, expected) if got != expected => Err(UnpackError::Entries { expected, got }),
        _ => Ok(Unpacked { folders: counts.folders, ..unpacked }),
    }
}

/// Looks again whether there is room, now that all sizes are known; forgets the names.
fn checked(layout: Layout, into: &Dir) -> Result<Counts, UnpackError> {
    let (counts, needed) = (layout.counts()?, layout.room());
    match into.free_space().map_err(UnpackError::Archive)? {
        Some(free) if free < needed => Err(UnpackError::NoRoom { free, needed }),
        _ => Ok(counts),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        fs,
        io::{Cursor, Write},
    };

    use ::zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;

    const LIMITS: Limits = Limits { numfiles: 9, numbytes: 10, promised: 0 };

    /// An archive with one deflated file of a megabyte of zeros.
    fn megabyte() -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file("zeros", deflated).unwrap();
        writer.write_all(&vec![0; 1 << 20]).unwrap();
        writer.finish().unwrap().into_inner()
    }

    /// Overwrites bytes of the last record with this signature.
    fn patched(signature: &[u8], offset: usize, bytes: &[u8]) -> Vec<u8> {
        repatched(megabyte(), signature, offset, bytes)
    }

    fn repatched(mut archive: Vec<u8>, signature: &[u8], offset: usize, bytes: &[u8]) -> Vec<u8> {
        let at = archive.windows(4).rposition(|window| window == signature).unwrap() + offset;
        archive[at..at + bytes.len()].copy_from_slice(bytes);
        archive
    }

    fn unpacked(archive: &[u8], limits: Limits) -> (UnpackError, u64) {
        let scene = tempfile::tempdir().unwrap();
        let (path, into) = (scene.path().join("archive"), scene.path().join("into"));
        fs::write(&path, archive).unwrap();
        fs::create_dir(&into).unwrap();
        let bounds = Bounds { limits, accept_collisions: false, give_back: false };
        let root = Dir::open(&into).unwrap();
        let error = unpack(&File::open(path).unwrap(), &Packing::Zip, &root, bounds).unwrap_err();
        (error, fs::metadata(into.join("zeros")).map_or(0, |file| file.len()))
    }

    #[test]
    fn more_than_announced_is_refused_before_anything_is_written() {
        let (error, written) = unpacked(&megabyte(), LIMITS);
        assert!(matches!(error, UnpackError::TooLarge { announced: 10 }));
        assert_eq!(written, 0);
    }

    #[test]
    fn a_file_that_is_larger_than_its_record_says_stops_there() {
        let archive = patched(b"PK\x01\x02", 24, &10_u32.to_le_bytes());
        let archive = repatched(archive, b"PK\x03\x04", 22, &10_u32.to_le_bytes());
        let (error, written) = unpacked(&archive, LIMITS);
        assert!(matches!(error, UnpackError::Entry { shown, .. } if shown == "zeros"));
        assert!(written <= 10, "{written}");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let all = Limits { numfiles: 1, numbytes: 1 << 20, promised: 1 };
        let encrypted = patched(b"PK\x01\x02", 8, &1_u16.to_le_bytes());
        assert!(matches!(unpacked(&encrypted, all), (UnpackError::Method { .. }, 0)));
        let packed = patched(b"PK\x01\x02", 10, &14_u16.to_le_bytes());
        assert!(matches!(unpacked(&packed, all), (UnpackError::Method { .. }, 0)));
        let counted = patched(b"PK\x05\x06", 8, &[3, 0, 3, 0]);
        let entries = unpacked(&counted, all);
        assert!(matches!(entries, (UnpackError::Entries { expected: 3, got: 1 }, 0)));
        assert!(matches!(unpacked(b"no archive", all), (UnpackError::Malformed(_), 0)));
    }

    /// Two stored files of sevens, `a` of ten and `b` of a thousand bytes.
    fn sevens() -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, length) in [("a", 10), ("b", 1000)] {
            writer.start_file(name, stored).unwrap();
            writer.write_all(&vec![7; length]).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn find(archive: &[u8], signature: &[u8]) -> usize {
        archive.windows(4).position(|window| window == signature).unwrap()
    }

    #[test]
    fn a_header_that_puts_one_content_into_another_is_refused() {
        let mut archive = sevens();
        let first = find(&archive, b"PK\x03\x04");
        // The directory does not tell that this content begins a hundred bytes later.
        archive[first + 28..first + 30].copy_from_slice(&100_u16.to_le_bytes());
        let all = Limits { numfiles: 2, numbytes: 1010, promised: 2 };
        let overlap = unpacked(&archive, all).0;
        assert!(matches!(overlap, UnpackError::Overlap { shown } if shown == "b"));
    }

    #[test]
    fn contents_in_another_order_than_their_records_are_refused() {
        let mut archive = sevens();
        let first = find(&archive, b"PK\x01\x02");
        let second = first + 4 + find(&archive[first + 4..], b"PK\x01\x02");
        let length = second - first;
        let (records, _) = archive[first..].split_at_mut(2 * length);
        records.rotate_left(length);
        let all = Limits { numfiles: 2, numbytes: 1010, promised: 2 };
        let overlap = unpacked(&archive, all).0;
        assert!(matches!(overlap, UnpackError::Overlap { shown } if shown == "a"));
    }
}
