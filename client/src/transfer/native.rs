//! What differs between systems of what a sender asks the file system.

use std::{
    ffi::{OsStr, OsString},
    fs::Metadata,
    io,
    path::Path,
};

pub(super) use self::system::{FileId, FolderId, check_readable, from_bytes, mode, open, to_bytes};

#[cfg(unix)]
mod system {
    use std::{
        fs::File,
        os::unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::MetadataExt,
        },
    };

    use rustix::fs::{self, Access, Mode, OFlags, access};

    use super::*;

    /// A folder whatever path leads to it: device and inode.
    #[derive(PartialEq, Eq, Hash)]
    pub(in crate::transfer) struct FolderId(u64, u64);

    impl FolderId {
        pub(in crate::transfer) fn of(_: &Path, metadata: &Metadata) -> io::Result<Self> {
            Ok(Self(metadata.dev(), metadata.ino()))
        }
    }

    /// Type and permissions, which take sixteen bits on every Unix.
    pub(in crate::transfer) fn mode(metadata: &Metadata) -> u16 {
        (metadata.mode() & 0xffff) as u16
    }

    /// A file whatever path leads to it: device and inode.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in crate::transfer) struct FileId(u64, u64);

    impl FileId {
        pub(in crate::transfer) fn of(metadata: &Metadata) -> Self {
            Self(metadata.dev(), metadata.ino())
        }

        pub(in crate::transfer) fn to_le_bytes(self) -> [u8; 16] {
            (u128::from(self.0) | u128::from(self.1) << 64).to_le_bytes()
        }

        pub(in crate::transfer) fn from_le_bytes(bytes: [u8; 16]) -> Self {
            let both = u128::from_le_bytes(bytes);
            Self(both as u64, (both >> 64) as u64)
        }
    }

    /// Opens a file for reading, and waits for nobody where a pipe is in its place.
    pub(in crate::transfer) fn open(path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(File::from(fs::open(path, flags, Mode::empty())?))
    }

    /// Fails where a file may not be read.
    pub(in crate::transfer) fn check_readable(path: &Path) -> io::Result<()> {
        Ok(access(path, Access::READ_OK)?)
    }

    /// A name as bytes, from which [`from_bytes`] makes it again.
    pub(in crate::transfer) fn to_bytes(name: &OsStr, out: &mut Vec<u8>) {
        out.extend_from_slice(name.as_bytes());
    }

    pub(in crate::transfer) fn from_bytes(bytes: &[u8]) -> OsString {
        OsString::from_vec(bytes.to_vec())
    }
}

#[cfg(windows)]
mod system {
    use std::{
        fs::{self, File},
        os::windows::ffi::{OsStrExt, OsStringExt},
        path::PathBuf,
    };

    use super::*;

    #[derive(PartialEq, Eq, Hash)]
    pub(in crate::transfer) struct FolderId(PathBuf);

    impl FolderId {
        pub(in crate::transfer) fn of(path: &Path, _: &Metadata) -> io::Result<Self> {
            fs::canonicalize(path).map(Self)
        }
    }

    pub(in crate::transfer) fn mode(metadata: &Metadata) -> u16 {
        if metadata.is_dir() { 0o040_755 } else { 0o100_644 }
    }

    /// The standard library does not tell two files apart here.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in crate::transfer) struct FileId;

    impl FileId {
        pub(in crate::transfer) fn of(_: &Metadata) -> Self {
            Self
        }

        pub(in crate::transfer) fn to_le_bytes(self) -> [u8; 16] {
            [0; 16]
        }

        pub(in crate::transfer) fn from_le_bytes(_: [u8; 16]) -> Self {
            Self
        }
    }

    pub(in crate::transfer) fn open(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(in crate::transfer) fn check_readable(path: &Path) -> io::Result<()> {
        open(path).map(drop)
    }

    pub(in crate::transfer) fn to_bytes(name: &OsStr, out: &mut Vec<u8>) {
        out.extend(name.encode_wide().flat_map(u16::to_le_bytes));
    }

    pub(in crate::transfer) fn from_bytes(bytes: &[u8]) -> OsString {
        let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        OsString::from_wide(&units.collect::<Vec<_>>())
    }
}
