//! A tar archive as members: what the Rust client sends for a folder
//! [file-transfer.md: sending a directory or several files from rs], and what `tar` writes.

mod header;

use std::io::{self, Read};

use self::header::{Header, Type};
use super::{
    TAR_BLOCK, UnpackError,
    member::{Kind, LONGEST, Member, shown},
    stored::Stored,
};

/// The longest extension that is read: a path, and what other programs note besides.
const MAX_EXTENSION: u64 = 64 * 1024;

/// An archive, and the folder in which everything lies, if so.
pub(super) struct Tar {
    stored: Stored,
    top: Option<String>,
}

/// What an archive says of the next member before its own header.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

/// A member with where its content begins.
struct Found {
    member: Member,
    from: u64,
    size: u64,
}

impl Tar {
    /// Looks whether all members lie in one folder of this name.
    pub(super) fn open(stored: Stored, top: &str) -> Result<Self, UnpackError> {
        let mut tar = Self { stored, top: None };
        let mut all_inside = true;
        tar.members(|member| {
            let below = member.path.strip_prefix(top);
            let is_top = below == Some("") && member.kind == Kind::Folder;
            all_inside &= is_top || below.is_some_and(|below| below.starts_with('/'));
            Ok(())
        })?;
        tar.top = all_inside.then(|| top.to_owned());
        Ok(tar)
    }

    /// Visits all members without their contents.
    pub(super) fn members(
        &self,
        mut visit: impl FnMut(&Member) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        self.each(|found| visit(&found.member))
    }

    /// Visits all members with their contents, which give their place on the disk back.
    pub(super) fn contents(
        &self,
        give_back: bool,
        mut visit: impl FnMut(&Member, &mut dyn Read) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        if give_back {
            self.stored.consume_below(self.stored.length());
        }
        self.each(|found| visit(&found.member, &mut self.stored.range(found.from, found.size)))
    }

    fn each(
        &self,
        mut visit: impl FnMut(&Found) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let mut at = 0;
        let mut extension = Extension::default();
        if self.stored.length() == 0 {
            return Err(UnpackError::BadTar("it is empty"));
        }
        // A block of zeros ends the archive; so does its end, between two members.
        while at < self.stored.length() {
            let Some(header) = Header::parse(&self.block(at)?)? else {
                self.nothing_from(at)?;
                break;
            };
            let from = at + TAR_BLOCK;
            let own = matches!(header.kind, Type::File | Type::Folder);
            let size = extension.size.filter(|_| own).unwrap_or(header.size);
            at = self.after(from, size)?;
            match header.kind {
                Type::LongName => extension.path = Some(self.long_name(from, size)?),
                Type::Extension => extension.read(&self.extension(from, size)?)?,
                Type::Ignored => {}
                Type::File | Type::Folder => {
                    visit(&self.found(&header, std::mem::take(&mut extension), from, size)?)?;
                }
                Type::Link => return Err(UnpackError::Link { shown: shown(&header.path) }),
                Type::Other => return Err(UnpackError::Method { shown: shown(&header.path) }),
            }
        }
        match extension.is_empty() {
            true => Ok(()),
            false => Err(UnpackError::BadTar("what it says of a last member has none behind it")),
        }
    }

    /// Checks that zeros fill the rest of the archive.
    fn nothing_from(&self, at: u64) -> Result<(), UnpackError> {
        let mut rest = self.stored.range(at, self.stored.length() - at);
        let mut piece = [0; 16 * TAR_BLOCK as usize];
        loop {
            match rest.read(&mut piece).map_err(cut_off)? {
                0 => return Ok(()),
                n if piece[..n].iter().all(|byte| *byte == 0) => {}
                _ => return Err(UnpackError::BadTar("there is something behind its end")),
            }
        }
    }

    fn found(
        &self,
        header: &Header,
        extension: Extension,
        from: u64,
        size: u64,
    ) -> Result<Found, UnpackError> {
        let raw = extension.path.as_ref().unwrap_or(&header.path);
        // Old programs wrote folders as files whose name ends so.
        let is_folder = header.kind == Type::Folder || raw.ends_with(b"/");
        let kind = if is_folder { Kind::Folder } else { Kind::File { size, packed: size } };
        if is_folder && size > 0 {
            return Err(UnpackError::BadTar("a folder in it has content"));
        }
        let mut member = Member::of(raw, kind, header.mode)?;
        if let Some(top) = &self.top
            && let Some(below) = member.path.strip_prefix(top.as_str())
        {
            member.path = below.trim_start_matches('/').to_owned();
        }
        Ok(Found { member, from, size })
    }

    fn block(&self, at: u64) -> Result<[u8; TAR_BLOCK as usize], UnpackError> {
        let mut block = [0; TAR_BLOCK as usize];
        self.stored.range(at, TAR_BLOCK).read_exact(&mut block).map_err(cut_off)?;
        Ok(block)
    }

    /// Returns where the next header is.
    fn after(&self, from: u64, size: u64) -> Result<u64, UnpackError> {
        let end = size.checked_next_multiple_of(TAR_BLOCK).and_then(|size| from.checked_add(size));
        end.filter(|end| *end <= self.stored.length()).ok_or(UnpackError::BadTar("it is cut off"))
    }

    fn long_name(&self, from: u64, size: u64) -> Result<Vec<u8>, UnpackError> {
        // The terminating zero counts.
        if size > LONGEST as u64 + 1 {
            return Err(UnpackError::BadTar("a path in it is too long"));
        }
        let mut path = self.extension(from, size)?;
        path.truncate(path.iter().position(|byte| *byte == 0).unwrap_or(path.len()));
        Ok(path)
    }

    fn extension(&self, from: u64, size: u64) -> Result<Vec<u8>, UnpackError> {
        if size > MAX_EXTENSION {
            return Err(UnpackError::BadTar("an extension in it is too long"));
        }
        let mut bytes = Vec::new();
        self.stored.range(from, size).read_to_end(&mut bytes).map_err(cut_off)?;
        Ok(bytes)
    }
}

impl Extension {
    fn is_empty(&self) -> bool {
        self.path.is_none() && self.size.is_none()
    }

    /// Reads records of the form `LENGTH KEY=VALUE\n`, of which two matter.
    fn read(&mut self, mut records: &[u8]) -> Result<(), UnpackError> {
        const BAD: UnpackError = UnpackError::BadTar("an extension in it is malformed");
        while !records.is_empty() {
            let space = records.iter().position(|byte| *byte == b' ').ok_or(BAD)?;
            let length = std::str::from_utf8(&records[..space]).ok().and_then(|n| n.parse().ok());
            let length: usize =
                length.filter(|n| *n > space + 1 && *n <= records.len()).ok_or(BAD)?;
            let (record, rest) = records.split_at(length);
            let record = record[space + 1..].strip_suffix(b"\n").ok_or(BAD)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(BAD)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok());
                    self.size = Some(size.ok_or(BAD)?);
                }
                key if key.starts_with(b"GNU.sparse") => {
                    return Err(UnpackError::BadTar("a file in it has holes"));
                }
                _ => {}
            }
            records = rest;
        }
        Ok(())
    }
}

fn cut_off(error: io::Error) -> UnpackError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => UnpackError::BadTar("it is cut off"),
        _ => UnpackError::Archive(error),
    }
}
