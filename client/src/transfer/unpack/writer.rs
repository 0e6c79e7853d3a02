//! The files and folders of a checked archive, written.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ReaderAt, ZipArchive, ZipEntry, ZipFileHeaderRecord};

use super::{
    UnpackError,
    member::{Kind, Member},
};
use crate::transfer::escape;

/// Bytes written at a time.
const CHUNK: usize = 64 * 1024;

/// Writes entries below one folder.
pub(super) struct Writer<'a> {
    root: &'a Path,
    /// The permissions of folders, set when nothing has to be written into them any more.
    modes: Vec<(PathBuf, u32)>,
}

impl<'a> Writer<'a> {
    pub(super) fn into(root: &'a Path) -> Self {
        Self { root, modes: Vec::new() }
    }

    pub(super) fn write<R: ReaderAt>(
        &mut self,
        archive: &ZipArchive<R>,
        record: &ZipFileHeaderRecord<'_>,
    ) -> Result<(), UnpackError> {
        let member = Member::of(record)?;
        let path = self.root.join(&member.path);
        let shown = || escape(&member.path);
        let written = match member.kind {
            Kind::Folder => self.folder(path, &member),
            Kind::File(_) => {
                let entry = archive.get_entry(record.wayfinder())?;
                let content = content(&entry, record.compression_method());
                write_file(&path, content, member.mode)
            }
        };
        written.map_err(|source| UnpackError::Entry { shown: shown(), source })
    }

    /// Sets the permissions of folders, inner ones first.
    pub(super) fn finish(mut self) -> Result<(), UnpackError> {
        self.modes.sort_unstable();
        self.modes.iter().rev().try_for_each(|(path, mode)| {
            let inside = path.strip_prefix(self.root).unwrap_or(path);
            let shown = || escape(&inside.to_string_lossy());
            set_mode(path, *mode).map_err(|source| UnpackError::Entry { shown: shown(), source })
        })
    }

    fn folder(&mut self, path: PathBuf, member: &Member) -> io::Result<()> {
        fs::create_dir_all(&path)?;
        if let Some(mode) = member.mode.filter(|_| !member.path.is_empty()) {
            self.modes.push((path, mode));
        }
        Ok(())
    }
}

/// Reads the content of an entry; fails as soon as it is longer than the central directory says, and
/// at its end unless size and CRC-32 are the ones given there.
fn content<'a, R: ReaderAt>(
    entry: &ZipEntry<'a, R>,
    method: CompressionMethod,
) -> impl Read + use<'a, R> {
    let packed = entry.reader();
    let plain: Box<dyn Read + 'a> = match method {
        CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(packed)),
        _ => Box::new(packed),
    };
    entry.verifying_reader(plain)
}

fn write_file(path: &Path, mut content: impl Read, mode: Option<u32>) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = File::options().write(true).create_new(true).open(path)?;
    let mut file = BufWriter::with_capacity(CHUNK, file);
    io::copy(&mut content, &mut file)?;
    file.flush()?;
    match mode {
        Some(mode) => set_mode(path, mode),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}
