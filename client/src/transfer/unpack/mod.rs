//! The archive of a received folder, unpacked all or nothing [file-transfer.md: directory].

mod fold;
mod layout;
mod member;
mod stored;
mod tar;
mod writer;
mod zip;

use std::{fs::File, io};

use thiserror::Error;

pub(super) use self::{
    fold::folded,
    stored::{GIVES_BACK, gives_back},
};
use self::{layout::Layout, stored::Stored, tar::Tar, writer::Writer, zip::Zip};
use super::dir::Dir;

/// Bytes by which the files may exceed what was announced: some senders measure a file that is
/// still being written.
const SLACK: u64 = 64 * 1024;
/// Of what a tar archive is made.
pub(super) const TAR_BLOCK: u64 = 512;

/// Tells why the archive of a folder is refused; names are shown escaped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The bytes are not a zip archive, or are damaged.
    #[error("the peer sent a malformed zip archive: {0}")]
    Malformed(#[from] rawzip::Error),
    /// The bytes are not a tar archive, or are damaged.
    #[error("the peer sent a malformed tar archive: {0}")]
    BadTar(&'static str),
    /// The directory of the archive has another number of entries than it says.
    #[error("the peer sent an archive of {expected} entries with {got} in it")]
    Entries {
        /// The number it says.
        expected: u64,
        /// The number found.
        got: u64,
    },
    /// An entry would lie outside of the folder, or has no usable name.
    #[error("the peer sent an archive with the unsafe name '{shown}'")]
    Unsafe {
        /// The name, escaped.
        shown: String,
    },
    /// Two entries have one name, or one is a file and a folder.
    #[error("the peer sent an archive with the name '{shown}' twice")]
    Twice {
        /// The name, escaped.
        shown: String,
    },
    /// Two names are one where a disk does not tell case or the encoding of letters apart.
    #[error(
        "the peer sent an archive with two names that some disks take for one: '{shown}' and \
         another that differs only in case or in the encoding of a letter"
    )]
    Collision {
        /// The second of them, escaped.
        shown: String,
    },
    /// An entry is a symbolic or a hard link.
    #[error("the peer sent an archive with the link '{shown}'")]
    Link {
        /// The name, escaped.
        shown: String,
    },
    /// An entry is encrypted, packed by another method than storing and deflating, or neither a
    /// file nor a folder.
    #[error("the peer sent an archive which holds '{shown}' in an unknown way")]
    Method {
        /// The name, escaped.
        shown: String,
    },
    /// The content of an entry lies where that of another does, or before the one that precedes it.
    #[error("the peer sent an archive whose contents overlap, at '{shown}'")]
    Overlap {
        /// The name, escaped.
        shown: String,
    },
    /// The archive holds more files than announced, or very many folders.
    #[error("the peer announced {announced} files and sent an archive with more")]
    TooMany {
        /// The announced number.
        announced: u64,
    },
    /// The files in the archive are larger than announced.
    #[error("the peer announced {announced} bytes in files and sent an archive with more")]
    TooLarge {
        /// The announced sum, in bytes.
        announced: u64,
    },
    /// The disk is too full for what is in the archive.
    #[error("insufficient free space, {free} bytes are left and unpacking needs {needed} bytes")]
    NoRoom {
        /// Bytes an ordinary user may still write.
        free: u64,
        /// Bytes that the files take besides the archive.
        needed: u64,
    },
    /// The archive cannot be read back from the disk.
    #[error("the received archive cannot be read: {0}")]
    Archive(io::Error),
    /// The content of an entry is damaged, or could not be written; a full disk shows here.
    #[error("unpacking '{shown}' failed: {source}")]
    Entry {
        /// The name, escaped.
        shown: String,
        /// What the system or the check said.
        source: io::Error,
    },
}

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
/// has none, those of new files and folders. An entry for the folder itself is ignored.
///
/// # Errors
/// [`UnpackError`]; the folder may hold a part then.
pub(super) fn unpack(
    archive: &File,
    packing: &Packing,
    into: &Dir,
    bounds: Bounds,
) -> Result<(), UnpackError> {
    let stored = Stored::of(archive).map_err(UnpackError::Archive)?;
    let mut layout = Layout::of(bounds);
    let limit = bounds.limits.numbytes.saturating_add(SLACK);
    let writer = || Writer::into(into, limit).map_err(UnpackError::Archive);
    let give_back = bounds.give_back;
    match packing {
        Packing::Zip => {
            let mut zip = Zip::open(stored)?;
            zip.members(|member| layout.add(member))?;
            check_room(layout, into)?;
            let mut writer = writer()?;
            zip.contents(give_back, |member, content| writer.write(member, content))?;
            writer.finish()
        }
        Packing::Tar { top } => {
            let tar = Tar::open(stored, top)?;
            tar.members(|member| layout.add(member))?;
            check_room(layout, into)?;
            let mut writer = writer()?;
            tar.contents(give_back, |member, content| writer.write(member, content))?;
            writer.finish()
        }
    }
}

/// Looks again whether there is room, now that all sizes are known; forgets the names.
fn check_room(layout: Layout, into: &Dir) -> Result<(), UnpackError> {
    let needed = layout.room();
    match into.free_space().map_err(UnpackError::Archive)? {
        Some(free) if free < needed => Err(UnpackError::NoRoom { free, needed }),
        _ => Ok(()),
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

    const LIMITS: Limits = Limits { numfiles: 9, numbytes: 10 };

    /// An archive with one deflated file of a megabyte of zeros.
    fn megabyte() -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file("zeros", deflated).unwrap();
        writer.write_all(&vec![0; 1 << 20]).unwrap();
        writer.finish().unwrap().into_inner()
    }

    /// Overwrites bytes of the record of the central directory, or of what ends it.
    fn patched(signature: &[u8], offset: usize, bytes: &[u8]) -> Vec<u8> {
        let mut archive = megabyte();
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
        let (error, written) = unpacked(&archive, LIMITS);
        assert!(matches!(error, UnpackError::Entry { shown, .. } if shown == "zeros"));
        assert!(written <= 10, "{written}");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let all = Limits { numfiles: 1, numbytes: 1 << 20 };
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
        let all = Limits { numfiles: 2, numbytes: 1010 };
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
        let all = Limits { numfiles: 2, numbytes: 1010 };
        let overlap = unpacked(&archive, all).0;
        assert!(matches!(overlap, UnpackError::Overlap { shown } if shown == "a"));
    }
}
