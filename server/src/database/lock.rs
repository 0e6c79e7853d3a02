//! The lock by which a running server keeps others away from a database.

use std::{
    fs::{File, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use super::{DatabaseError, private, replace, with_suffix};

/// A lock, which the system gives back however the process ends. It is on a file of its own:
/// SQLite loses its locks when somebody else in the process closes the database's file.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes a database for this process alone, and finishes what was left of a restore.
    ///
    /// # Errors
    /// [`DatabaseError::InUse`] where another process has it; [`DatabaseError::Unopened`].
    pub(crate) fn alone(path: &Path) -> Result<Self, DatabaseError> {
        let unopened = |reason| DatabaseError::Unopened { path: path.to_owned(), reason };
        let mut file = private(Self::place(path)).map_err(unopened)?;
        match file.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(DatabaseError::InUse { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(reason)) => return Err(unopened(reason)),
        }
        file.set_len(0).map_err(unopened)?;
        // For whoever is refused; a full disk keeps nobody from the lock.
        let _ = write!(file, "{}", std::process::id());
        replace::finish(path).map_err(unopened)?;
        Ok(Self { _file: file })
    }

    /// Takes a database that several servers may write to at the same time.
    ///
    /// # Errors
    /// As [`alone`](Self::alone).
    pub(crate) fn shared(path: &Path) -> Result<Self, DatabaseError> {
        if replace::is_unfinished(path) {
            drop(Self::alone(path)?);
        }
        let unopened = |reason| DatabaseError::Unopened { path: path.to_owned(), reason };
        let mut file = private(Self::place(path)).map_err(unopened)?;
        match file.try_lock_shared() {
            // Whose number is in there, has it no more.
            Ok(()) => file.set_len(0).map(|()| Self { _file: file }).map_err(unopened),
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                Err(DatabaseError::InUse { path: path.to_owned(), holder })
            }
            Err(TryLockError::Error(reason)) => Err(unopened(reason)),
        }
    }

    /// Names the lock's file.
    pub(crate) fn place(path: &Path) -> PathBuf {
        with_suffix(path, "-lock")
    }
}

/// Tells who has left its number.
fn holder(file: &mut File) -> Option<u32> {
    const LONGEST: u64 = 10;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    text.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_is_told_by_whom() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.sqlite");
        let held = Lock::alone(&path).unwrap();
        let refused = Lock::alone(&path).unwrap_err().to_string();
        let holder = format!("relay.sqlite: process {} holds", std::process::id());
        assert!(refused.contains(&holder) && refused.ends_with("relay.sqlite-lock"), "{refused}");
        assert!(Lock::shared(&path).is_err());
        drop(held);
        let shared = [Lock::shared(&path).unwrap(), Lock::shared(&path).unwrap()];
        assert!(Lock::alone(&path).is_err());
        drop(shared);
        Lock::alone(&path).unwrap();
    }
}
