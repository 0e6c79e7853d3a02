//! The channel database's tables: those of the Python server [mailbox-server.md: channel database].

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OptionalExtension, config::DbConfig};

/// The channel database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The file cannot be made or opened.
    #[error("cannot open {path}: {reason}")]
    Unopened {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// Another server has it open.
    #[error("another server uses {path}")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is of a version which this server does not know.
    #[error("unable to handle db version {version}: expected 1 or 2")]
    Version {
        /// What its `version` table says.
        version: i64,
    },
    /// It has tables, but none that says its version.
    #[error("the database is not a mailbox server's")]
    Foreign,
    /// A row points to one that does not exist.
    #[error("the database has dangling references in table {table}")]
    Dangling {
        /// The table of the row.
        table: String,
    },
    /// SQLite refused.
    #[error("the database cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The open database, and the lock that keeps other servers away from its file.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) lock: Option<File>,
}

/// Opens the database, and makes its tables where they are missing.
///
/// # Errors
/// [`DatabaseError`]; the file is then as it was.
pub(crate) fn open(path: &Path) -> Result<Opened, DatabaseError> {
    let lock = lock(path)?;
    create(path).map_err(|reason| DatabaseError::Unopened { path: path.to_owned(), reason })?;
    let connection = Connection::open(path)?;
    prepare(&connection)?;
    Ok(Opened { connection, lock: Some(lock) })
}

/// Opens an empty database that is nowhere.
#[cfg(test)]
pub(crate) fn in_memory() -> Opened {
    let connection = Connection::open_in_memory().expect("memory");
    prepare(&connection).expect("an empty database");
    Opened { connection, lock: None }
}

/// Takes the lock, which the system gives back however the process ends. It is a file of its own:
/// SQLite loses its locks when somebody else in the process closes the database's file.
fn lock(path: &Path) -> Result<File, DatabaseError> {
    let unopened = |reason| DatabaseError::Unopened { path: path.to_owned(), reason };
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let lock = private(&name).map_err(unopened)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(DatabaseError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(reason)) => Err(unopened(reason)),
    }
}

fn create(path: &Path) -> io::Result<()> {
    if !path.exists() {
        private(path)?;
    }
    Ok(())
}

/// Opens a file that only its owner may read, and makes it where it is missing.
fn private(path: impl AsRef<Path>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn prepare(connection: &Connection) -> Result<(), DatabaseError> {
    let tables: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        [],
        |row| row.get(0),
    )?;
    if tables > 0 {
        check_version(connection)?;
    }
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA wal_autocheckpoint = 4000;",
    )?;
    // Without it a statement is compiled again for new values; and all of ours have to fit.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if tables == 0 {
        connection.execute_batch(TABLES)?;
    }
    let dangling =
        connection.query_row("PRAGMA foreign_key_check", [], |row| row.get(0)).optional()?;
    if let Some(table) = dangling {
        return Err(DatabaseError::Dangling { table });
    }
    connection.execute_batch(INDEXES)?;
    Ok(())
}

/// More than there are.
const STATEMENTS: usize = 64;

fn check_version(connection: &Connection) -> Result<(), DatabaseError> {
    let known: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_master
         WHERE name IN ('version', 'nameplates', 'mailboxes', 'messages')",
        [],
        |row| row.get(0),
    )?;
    if known != 4 {
        return Err(DatabaseError::Foreign);
    }
    match connection.query_row("SELECT version FROM version", [], |row| row.get(0))? {
        1 | 2 => Ok(()),
        version => Err(DatabaseError::Version { version }),
    }
}

/// Version 1: the Python server's releases open it too.
const TABLES: &str = "
BEGIN;
CREATE TABLE version (version INTEGER);
CREATE TABLE mailboxes (
    app_id VARCHAR, id VARCHAR PRIMARY KEY, updated INTEGER, for_nameplate BOOLEAN);
CREATE INDEX mailboxes_idx ON mailboxes (app_id, id);
CREATE TABLE mailbox_sides (
    mailbox_id REFERENCES mailboxes(id), opened BOOLEAN, side VARCHAR, added INTEGER,
    mood VARCHAR);
CREATE TABLE nameplates (
    id INTEGER PRIMARY KEY AUTOINCREMENT, app_id VARCHAR, name VARCHAR,
    mailbox_id VARCHAR REFERENCES mailboxes(id), request_id VARCHAR);
CREATE INDEX nameplates_idx ON nameplates (app_id, name);
CREATE INDEX nameplates_mailbox_idx ON nameplates (app_id, mailbox_id);
CREATE INDEX nameplates_request_idx ON nameplates (app_id, request_id);
CREATE TABLE nameplate_sides (
    nameplates_id REFERENCES nameplates(id), claimed BOOLEAN, side VARCHAR, added INTEGER);
CREATE TABLE messages (
    app_id VARCHAR, mailbox_id VARCHAR, side VARCHAR, phase VARCHAR, body VARCHAR,
    server_rx INTEGER, msg_id VARCHAR);
CREATE INDEX messages_idx ON messages (app_id, mailbox_id);
INSERT INTO version VALUES (1);
COMMIT;";

/// Not the Python server's: without them every end of a nameplate or mailbox reads whole tables.
const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS nameplates_by_mailbox_idx ON nameplates (mailbox_id);
CREATE INDEX IF NOT EXISTS nameplate_sides_idx ON nameplate_sides (nameplates_id);
CREATE INDEX IF NOT EXISTS mailbox_sides_idx ON mailbox_sides (mailbox_id);";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(result: Result<Opened, DatabaseError>) -> String {
        result.err().unwrap().to_string()
    }

    #[test]
    fn a_file_is_made_private_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.sqlite");
        let opened = open(&path).unwrap();
        assert!(message(open(&path)).starts_with("another server uses"));
        drop(opened);
        open(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_channel_database_is_refused_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.sqlite");
        std::fs::write(&path, "x".repeat(5000)).unwrap();
        assert!(message(open(&path)).contains("not a database"));
        assert_eq!(std::fs::read(&path).unwrap(), [b'x'; 5000]);

        std::fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
        assert!(message(open(&path)).contains("not a mailbox server's"));

        std::fs::remove_file(&path).unwrap();
        drop(open(&path).unwrap());
        Connection::open(&path).unwrap().execute("UPDATE version SET version = 3", []).unwrap();
        assert!(message(open(&path)).contains("unable to handle db version 3"));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let path = Path::new("/no such folder/relay.sqlite");
        assert!(message(open(path)).starts_with("cannot open /no such folder/relay.sqlite"));
    }
}
