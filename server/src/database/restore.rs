//! Restoring a database from a copy.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    CopyError, DatabaseError, DatabaseKind, Lock,
    copy::{self, copy_into},
    open_read_only, replace,
};

/// A copy that was found good, and the database whose place it is to take, which no server can
/// open meanwhile.
#[derive(Debug)]
#[must_use = "the database stays as it was"]
pub struct Restore {
    copy: Connection,
    database: PathBuf,
    _lock: Lock,
}

/// A database is what its copy was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// Where the database is now that was there; its log, if there was one, has `-wal` behind the
    /// name.
    pub aside: Option<PathBuf>,
}

/// What every version of a kind has to have.
const fn columns(kind: DatabaseKind) -> &'static [&'static str] {
    match kind {
        DatabaseKind::Channel => &[
            "SELECT app_id, id, updated, for_nameplate FROM mailboxes",
            "SELECT mailbox_id, opened, side, added, mood FROM mailbox_sides",
            "SELECT id, app_id, name, mailbox_id FROM nameplates",
            "SELECT nameplates_id, claimed, side, added FROM nameplate_sides",
            "SELECT app_id, mailbox_id, side, phase, body, server_rx, msg_id FROM messages",
        ],
        DatabaseKind::Usage => &[
            "SELECT app_id, started, waiting_time, total_time, result FROM nameplates",
            "SELECT app_id, for_nameplate, started, total_time, waiting_time, result FROM mailboxes",
            "SELECT rebooted, updated, blur_time, connections_websocket FROM current",
        ],
        DatabaseKind::Relay => &[
            "SELECT started, total_time, waiting_time, total_bytes, result FROM usage",
            "SELECT rebooted, updated, connected, waiting, incomplete_bytes FROM current",
        ],
    }
}

impl Restore {
    /// Looks whether the file at `copy` is a whole database of that kind, and keeps servers away
    /// from `database`. Neither is changed, but that a restore which was broken off is finished.
    ///
    /// # Errors
    /// [`DatabaseError`]: the copy is damaged, or of another kind, or a server uses the database.
    pub fn prepare(
        copy: &Path,
        database: &Path,
        kind: DatabaseKind,
    ) -> Result<Self, DatabaseError> {
        let connection = open_read_only(copy)?;
        check(&connection, copy, kind)?;
        let lock = Lock::alone(database)?;
        remove_parts(database)
            .map_err(|reason| DatabaseError::Unopened { path: database.to_owned(), reason })?;
        Ok(Self { copy: connection, database: database.to_owned(), _lock: lock })
    }

    /// Puts the copy in the database's place. What was there is moved aside; a kill at any moment
    /// leaves the one or the other.
    ///
    /// # Errors
    /// [`CopyError`]: the disk is full, or the system refuses.
    pub fn carry_out(self) -> Result<Restored, CopyError> {
        let waiting = replace::waiting(&self.database);
        copy_into(&self.copy, &waiting, Some(&self.database))?;
        let finished = replace::finish(&self.database);
        let aside =
            finished.map_err(|reason| CopyError::Unmade { path: self.database.clone(), reason })?;
        Ok(Restored { aside })
    }
}

/// Removes what a restore has left that was killed before its copy was whole.
fn remove_parts(database: &Path) -> io::Result<()> {
    let waiting = replace::waiting(database);
    let Some(name) = waiting.file_name() else { return Ok(()) };
    let prefix = [name.as_encoded_bytes(), copy::PART.as_bytes()].concat();
    for entry in replace::folder(database).read_dir()? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(&prefix) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn check(connection: &Connection, path: &Path, kind: DatabaseKind) -> Result<(), DatabaseError> {
    let failed = DatabaseError::at(path);
    if kind.version_of(connection, path)?.is_none() {
        let found = "no tables".to_owned();
        return Err(DatabaseError::Foreign { path: path.to_owned(), found, expected: kind });
    }
    let found: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if found != "ok" {
        return Err(DatabaseError::Damaged { path: path.to_owned(), found });
    }
    for table in columns(kind) {
        connection.prepare(table).map_err(failed)?;
    }
    match super::dangling(connection).map_err(failed)? {
        Some(table) => Err(DatabaseError::Dangling { path: path.to_owned(), table }),
        None => Ok(()),
    }
}
