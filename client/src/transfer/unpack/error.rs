//! Why an archive is refused.

use std::io;

use thiserror::Error;

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
    /// The archive says one thing in one place and another elsewhere, so that two programs might
    /// find different things in it.
    #[error("the peer sent an archive that contradicts itself: {0}")]
    Contradiction(&'static str),
    /// The same, in what belongs to one entry.
    #[error("the peer sent an archive that contradicts itself at '{shown}': {what}")]
    EntryContradiction {
        /// The name, escaped.
        shown: String,
        /// What does not fit to what.
        what: &'static str,
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
    /// The archive holds fewer files than announced.
    #[error("the peer announced {announced} files and sent an archive with {got}")]
    TooFew {
        /// The announced number.
        announced: u64,
        /// What there is, folders with entries of their own included: some programs count them.
        got: u64,
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
