//! Whether the disk takes more, and the room that is kept on it for what ends.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use crate::{
    database::{private, with_suffix},
    random,
};

/// Says whether the disk takes nothing any more but what ends; clones say the same. A store that
/// keeps nothing has a disk that is never full.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<AtomicBool>);

impl Disk {
    /// Tells whether only what ends is written.
    pub(crate) fn is_full(&self) -> bool {
        self.0.load(Relaxed)
    }

    pub(super) fn set_full(&self, full: bool) {
        self.0.store(full, Relaxed);
    }
}

/// A file beside the database that does nothing but take room, until somebody needs that.
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

const RESERVE_BYTES: u64 = 16 << 20;

/// Of a small disk no more than this part.
const RESERVE_PART: u64 = 3;

impl Reserve {
    /// The reserve of a database, be it there or not.
    pub(super) fn of(database: &Path) -> Self {
        let path = with_suffix(database, "-reserve");
        let disk = Capacity::of(&path).map_or(u64::MAX, |capacity| capacity.total);
        Self { path, bytes: RESERVE_BYTES.min(disk / RESERVE_PART) }
    }

    /// How much it keeps.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How much has to be free for it, and for something to be written then.
    pub(super) fn wanted(&self) -> u64 {
        self.bytes + self.margin()
    }

    fn margin(&self) -> u64 {
        self.bytes / 4
    }

    /// Gives up the room where there is hardly any other.
    pub(super) fn make_room(&self) {
        if Capacity::of(&self.path).is_none_or(|capacity| capacity.free < self.margin()) {
            self.release();
        }
    }

    /// Gives the room to whoever comes first.
    pub(super) fn release(&self) {
        match fs::remove_file(&self.path) {
            Err(reason) if reason.kind() != ErrorKind::NotFound => {
                tracing::warn!(%reason, "cannot remove {}", self.path.display());
            }
            _ => (),
        }
    }

    /// Takes the room, unless it has it, where a quarter more than that is free.
    ///
    /// # Errors
    /// Of the kind [`ErrorKind::StorageFull`] where there is too little; then nothing is taken.
    pub(super) fn keep(&self) -> io::Result<()> {
        let is_kept = fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes);
        let wanted = if is_kept { self.margin() } else { self.wanted() };
        if Capacity::of(&self.path).is_some_and(|capacity| capacity.free < wanted) {
            self.release();
            return Err(ErrorKind::StorageFull.into());
        }
        if is_kept {
            return Ok(());
        }
        self.fill().inspect_err(|_| self.release())
    }

    fn fill(&self) -> io::Result<()> {
        let mut file = private(&self.path)?;
        let mut left = self.bytes;
        // Noise, as some file systems keep no room for zeros.
        let piece = random::bytes::<{ 1 << 14 }>();
        while left > 0 {
            let length = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            file.write_all(&piece[..length])?;
            left -= length as u64;
        }
        Ok(())
    }
}

/// How large a disk is, in bytes.
struct Capacity {
    total: u64,
    free: u64,
}

impl Capacity {
    /// Those of the disk that a file is on, or belongs on; none where they are not known.
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let found = rustix::fs::statvfs(folder.unwrap_or(Path::new("."))).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        let capacity = Self { total: bytes(found.f_blocks), free: bytes(found.f_bavail) };
        // A file system without a size of its own says that it has none.
        (capacity.total > 0).then_some(capacity)
    }

    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<Self> {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_takes_room_until_it_is_released() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::of(&folder.path().join("relay.sqlite"));
        let size = || fs::metadata(folder.path().join("relay.sqlite-reserve")).map(|f| f.len());
        for _ in 0..2 {
            reserve.keep().unwrap();
            assert_eq!(size().unwrap(), reserve.bytes());
        }
        reserve.release();
        reserve.release();
        assert!(size().is_err());
    }

    #[test]
    fn a_reserve_that_finds_too_little_room_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve { bytes: u64::MAX / 2, ..Reserve::of(&folder.path().join("db")) };
        assert_eq!(reserve.keep().unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
