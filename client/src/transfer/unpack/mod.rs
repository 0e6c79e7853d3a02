//! The archive of a received folder, unpacked all or nothing [file-transfer.md: directory].

mod layout;
mod member;
mod writer;

use std::{fs::File, io, path::Path};

use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipFileHeaderRecord};
use thiserror::Error;

use self::{layout::Layout, member::Member, writer::Writer};

/// Bytes by which the files may exceed what was announced: some senders measure a file that is
/// still being written.
const SLACK: u64 = 64 * 1024;
/// Holds the longest record of a central directory: three fields of 64 KiB each.
const BUFFER: usize = 4 * RECOMMENDED_BUFFER_SIZE;

/// Tells why the archive of a folder is refused; names are shown escaped.
#[derive(Debug, Error)]
pub enum UnpackError {
    /// The bytes are not a zip archive, or are damaged.
    #[error("the peer sent a malformed zip archive: {0}")]
    Malformed(#[from] rawzip::Error),
    /// The directory of the archive has another number of entries than it says.
    #[error("the peer sent a zip archive of {expected} entries with {got} in it")]
    Entries {
        /// The number it says.
        expected: u64,
        /// The number found.
        got: u64,
    },
    /// An entry would lie outside of the folder, or has no usable name.
    #[error("the peer sent a zip archive with the unsafe name '{shown}'")]
    Unsafe {
        /// The name, escaped.
        shown: String,
    },
    /// Two entries have one name, or one is a file and a folder.
    #[error("the peer sent a zip archive with the name '{shown}' twice")]
    Twice {
        /// The name, escaped.
        shown: String,
    },
    /// An entry is a symbolic link.
    #[error("the peer sent a zip archive with the symbolic link '{shown}'")]
    Link {
        /// The name, escaped.
        shown: String,
    },
    /// An entry is encrypted, or packed by another method than storing and deflating.
    #[error("the peer sent a zip archive which packs '{shown}' in an unknown way")]
    Method {
        /// The name, escaped.
        shown: String,
    },
    /// The archive holds more files than announced, or very many folders.
    #[error("the peer announced {announced} files and sent a zip archive with more")]
    TooMany {
        /// The announced number.
        announced: u64,
    },
    /// The files in the archive are larger than announced.
    #[error("the peer announced {announced} bytes in files and sent a zip archive with more")]
    TooLarge {
        /// The announced sum, in bytes.
        announced: u64,
    },
    /// The content of an entry is damaged, or could not be written; a full disk shows here.
    #[error("unpacking '{shown}' failed: {source}")]
    Entry {
        /// The name, escaped.
        shown: String,
        /// What the system or the check said.
        source: io::Error,
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

/// Unpacks an archive into an empty folder that nobody else can enter.
///
/// All names, methods and sizes are checked before anything is written. Permissions are those of
/// the archive, without setuid, setgid and sticky bits; where it has none, those of new files and
/// folders. An entry for the folder itself is ignored.
///
/// # Errors
/// [`UnpackError`]; the folder may hold a part then.
pub(super) fn unpack(archive: File, into: &Path, limits: Limits) -> Result<(), UnpackError> {
    let mut buffer = vec![0; BUFFER];
    let archive = ZipArchive::from_file(archive, &mut buffer)?;

    let mut layout = Layout::of(limits);
    let mut records = archive.entries(&mut buffer);
    let mut got = 0;
    while let Some(record) = records.next_entry()? {
        let member = Member::of(&record)?;
        layout.add(&member)?;
        got += 1;
    }
    let expected = archive.entries_hint();
    if got != expected {
        return Err(UnpackError::Entries { expected, got });
    }

    let mut writer = Writer::into(into);
    let mut records = archive.entries(&mut buffer);
    while let Some(record) = records.next_entry()? {
        writer.write(&archive, &record)?;
    }
    writer.finish()
}

/// Whether the content of an entry can be read here.
fn is_readable(record: &ZipFileHeaderRecord<'_>) -> bool {
    let method = record.compression_method();
    !record.flags().is_encrypted()
        && (method == CompressionMethod::STORE || method == CompressionMethod::DEFLATE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        fs,
        io::{Cursor, Write},
    };

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

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
        let error = unpack(File::open(path).unwrap(), &into, limits).unwrap_err();
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
}
