//! The entries of an archive to come, one after the other.

use std::{
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use super::{
    native::{FileId, from_bytes, to_bytes},
    spill::{self, Reader, Writer},
    zip::DosTime,
};

/// One entry of the archive to come.
pub(super) struct Entry {
    /// The path inside the archive with `/`; a folder's ends with one. At most 65535 bytes.
    pub(super) name: String,
    /// Where it lies on this machine.
    pub(super) place: PathBuf,
    pub(super) content: Content,
    /// Which file it was when it was measured.
    pub(super) id: FileId,
    /// Type and permissions as in `st_mode`.
    pub(super) mode: u16,
    pub(super) modified: DosTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A folder without anything in it that is sent.
    EmptyFolder,
    /// A folder with something in it, which only some programs may be told of.
    Folder,
    /// A regular file, with its size in bytes.
    File(u64),
}

/// Entries that are being collected. Those below `root` by their own name take little more room
/// than that name.
pub(super) struct Collecting {
    root: PathBuf,
    list: Writer,
    count: u64,
    scratch: Vec<u8>,
}

/// Entries to be read from the first to the last.
pub(super) struct Listing {
    root: PathBuf,
    list: Reader,
    scratch: Vec<u8>,
}

const FOLDER: u8 = 1;
/// The place is not the root and the name.
const ELSEWHERE: u8 = 2;
/// The folder holds something.
const FILLED: u8 = 4;
/// Flags, mode, time, size, which file it is, and the lengths of name and place.
const HEAD: usize = 1 + 2 + 4 + 8 + 16 + 2 + 4;

impl Collecting {
    pub(super) fn below(root: PathBuf) -> Self {
        Self { root, list: spill::begin(), count: 0, scratch: Vec::new() }
    }

    /// The number of entries so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Adds an entry at its place on this machine.
    pub(super) fn add(&mut self, entry: &Entry) -> io::Result<()> {
        let (folder, size) = match entry.content {
            Content::EmptyFolder => (FOLDER, 0),
            Content::Folder => (FOLDER | FILLED, 0),
            Content::File(size) => (0, size),
        };
        let own = entry.place.strip_prefix(&self.root).ok();
        let own =
            own.and_then(Path::to_str).is_some_and(|own| own == entry.name.trim_end_matches('/'));
        self.scratch.clear();
        if !own {
            to_bytes(entry.place.as_os_str(), &mut self.scratch);
        }
        let elsewhere = if own { 0 } else { ELSEWHERE };
        let too_long = |_| io::Error::from(io::ErrorKind::InvalidFilename);
        let name_len = u16::try_from(entry.name.len()).map_err(too_long)?;
        let place_len = u32::try_from(self.scratch.len()).map_err(too_long)?;
        self.list.write_all(&[folder | elsewhere])?;
        self.list.write_all(&entry.mode.to_le_bytes())?;
        self.list.write_all(&entry.modified.to_le_bytes())?;
        self.list.write_all(&size.to_le_bytes())?;
        self.list.write_all(&entry.id.to_le_bytes())?;
        self.list.write_all(&name_len.to_le_bytes())?;
        self.list.write_all(&place_len.to_le_bytes())?;
        self.list.write_all(entry.name.as_bytes())?;
        self.list.write_all(&self.scratch)?;
        self.count += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<Listing> {
        let Self { root, list, scratch, .. } = self;
        Ok(Listing { root, list: spill::read(list)?, scratch })
    }
}

impl Listing {
    /// Gives the next entry, `None` after the last.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut head = [0; HEAD];
        if self.list.read(&mut head[..1])? == 0 {
            return Ok(None);
        }
        self.list.read_exact(&mut head[1..])?;
        let mut fields = &head[..];
        let [flags] = take(&mut fields)?;
        let mode = u16::from_le_bytes(take(&mut fields)?);
        let modified = DosTime::from_le_bytes(take(&mut fields)?);
        let size = u64::from_le_bytes(take(&mut fields)?);
        let id = FileId::from_le_bytes(take(&mut fields)?);
        let name_len = u16::from_le_bytes(take(&mut fields)?);
        let place_len = u32::from_le_bytes(take(&mut fields)?);
        let name = String::from_utf8(self.bytes(name_len.into())?.to_vec())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        let place = match flags & ELSEWHERE {
            0 => self.root.join(&name),
            _ => PathBuf::from(from_bytes(self.bytes(place_len as usize)?)),
        };
        let content = match flags & (FOLDER | FILLED) {
            0 => Content::File(size),
            FOLDER => Content::EmptyFolder,
            _ => Content::Folder,
        };
        Ok(Some(Entry { name, place, content, id, mode, modified }))
    }

    /// Begins again with the first.
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        self.list.rewind()
    }

    fn bytes(&mut self, len: usize) -> io::Result<&[u8]> {
        self.scratch.resize(len, 0);
        self.list.read_exact(&mut self.scratch)?;
        Ok(&self.scratch)
    }
}

fn take<const N: usize>(fields: &mut &[u8]) -> io::Result<[u8; N]> {
    let (field, rest) = fields.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
    *fields = rest;
    Ok(*field)
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn entries_read_back_as_often_as_needed() {
        let odd = Path::new("/root").join(OsStr::from_bytes(b"b\xff"));
        let mut collecting = Collecting::below("/root".into());
        let id = FileId::from_le_bytes(*b"sixteen bytes ..");
        let entry = |name: &str, place: PathBuf, content| {
            let name = name.to_owned();
            let (mode, modified) = (0o100_644, DosTime::EARLIEST);
            Entry { name, place, content, id, mode, modified }
        };
        // More than stays in memory.
        let count = 5_000;
        for i in 0..count {
            let name = format!("a/{i}");
            let place = Path::new("/root").join(&name);
            collecting.add(&entry(&name, place, Content::File(i << 30))).unwrap();
        }
        collecting.add(&entry("b%FF", odd.clone(), Content::File(7))).unwrap();
        collecting.add(&entry("c/", "/root/c".into(), Content::EmptyFolder)).unwrap();
        collecting.add(&entry("./", "/root".into(), Content::Folder)).unwrap();
        let mut listing = collecting.finish().unwrap();
        for _ in 0..2 {
            for i in 0..count {
                let entry = listing.next().unwrap().unwrap();
                assert_eq!(entry.name, format!("a/{i}"));
                assert_eq!(entry.place, Path::new("/root/a").join(i.to_string()));
                assert_eq!(entry.content, Content::File(i << 30));
                assert_eq!(entry.id, id);
            }
            let escaped = listing.next().unwrap().unwrap();
            assert_eq!((escaped.name.as_str(), escaped.place), ("b%FF", odd.clone()));
            let folder = listing.next().unwrap().unwrap();
            assert_eq!(folder.content, Content::EmptyFolder);
            assert_eq!(folder.place, Path::new("/root/c"));
            let top = listing.next().unwrap().unwrap();
            assert_eq!(top.content, Content::Folder);
            assert_eq!((top.name.as_str(), top.place), ("./", "/root".into()));
            assert!(listing.next().unwrap().is_none());
            listing.rewind().unwrap();
        }
    }
}
