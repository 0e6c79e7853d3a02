//! Consistent copies of databases, also while a server uses them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{DatabaseError, DatabaseKind, open_read_only, private_new, replace::sync_folder};

/// A database could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A database cannot be used, or SQLite could not write.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is something already where the copy belongs.
    #[error("{path} is there already: expected the name of a new file")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The copy's file cannot be made.
    #[error("cannot make {path}: {reason}")]
    Unmade {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

/// Copies a server's database, of any kind, to a new file that only its owner may read: as it was
/// at one moment, also while a server uses it. A copy that failed leaves nothing behind.
///
/// # Errors
/// [`CopyError`] where the database is none of a server, or the copy cannot be made.
pub fn backup(database: &Path, copy: &Path) -> Result<DatabaseKind, CopyError> {
    let connection = open_read_only(database)?;
    let kind = DatabaseKind::of(&connection, database)?;
    copy_into(&connection, copy, None)?;
    Ok(kind)
}

/// Copies what `connection` reads; the copy belongs to whom `like` belongs, where the system lets
/// us.
pub(crate) fn copy_into(
    connection: &Connection,
    copy: &Path,
    like: Option<&Path>,
) -> Result<(), CopyError> {
    let unmade = |reason: io::Error| match reason.kind() {
        io::ErrorKind::AlreadyExists => CopyError::Exists { path: copy.to_owned() },
        _ => CopyError::Unmade { path: copy.to_owned(), reason },
    };
    if copy.try_exists().map_err(unmade)? {
        return Err(CopyError::Exists { path: copy.to_owned() });
    }
    let part = Part::beside(copy, &format!("{PART}{}", std::process::id()));
    // SQLite takes an empty file for a new one, and would let everybody read one of its own.
    let file = private_new(part.path()).map_err(unmade)?;
    like.into_iter().for_each(|like| adopt(&file, like));
    let written = match part.path().to_str() {
        Some(name) => connection.execute("VACUUM INTO ?1", [name]),
        None => Err(rusqlite::Error::InvalidPath(copy.to_owned())),
    };
    written.map_err(DatabaseError::at(copy))?;
    file.sync_all().map_err(unmade)?;
    fs::rename(part.path(), copy).and_then(|()| sync_folder(copy)).map_err(unmade)
}

/// What a copy has behind its name, before the number of the process, until it is whole.
pub(super) const PART: &str = "-part-";

/// Gives a file the owner of another, that of a server rather than the administrator.
fn adopt(file: &fs::File, like: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        if let Ok(owner) = like.metadata() {
            // Only the administrator may.
            let _ = fchown(file, Some(owner.uid()), Some(owner.gid()));
        }
    }
    #[cfg(not(unix))]
    let _ = (file, like);
}

/// A file that is there only meanwhile, removed on drop.
pub(super) struct Part(PathBuf);

impl Part {
    pub(super) fn beside(path: &Path, suffix: &str) -> Self {
        Self(with_suffix(path, suffix))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = fs::remove_file(&self.0);
    }
}

/// Gives a path with something behind its last name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
