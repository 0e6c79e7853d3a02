//! The channel database's tables: those of the Python server [mailbox-server.md: channel database].

use std::path::Path;

use rusqlite::{Connection, config::DbConfig};

use super::disk::Reserve;
use crate::database::{self, DatabaseError, DatabaseKind, Lock, Opened};

/// Opens the database, and makes its tables where they are missing.
///
/// # Errors
/// [`DatabaseError`]; the file is then as it was.
pub(crate) fn open(path: &Path) -> Result<Opened, DatabaseError> {
    let lock = Lock::alone(path)?;
    // On a full disk a database can be opened in the room of its reserve only.
    Reserve::of(path).make_room();
    let connection = database::open(path)?;
    prepare(&connection, path)?;
    Ok(Opened { connection, lock: Some(lock) })
}

/// Opens an empty database that is nowhere.
#[cfg(test)]
pub(crate) fn in_memory() -> Opened {
    let connection = Connection::open_in_memory().expect("memory");
    prepare(&connection, Path::new(":memory:")).expect("an empty database");
    Opened { connection, lock: None }
}

fn prepare(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
    let version = DatabaseKind::Channel.version_of(connection, path)?;
    let dangling = fill(connection, version.is_none()).map_err(DatabaseError::at(path))?;
    if let Some(table) = dangling {
        return Err(DatabaseError::Dangling { path: path.to_owned(), table });
    }
    connection.execute_batch(INDEXES).map_err(DatabaseError::at(path))?;
    if let Err(reason) = give_back_room(connection) {
        tracing::warn!(%reason, "{} will not become smaller", path.display());
        let overwrite = connection.execute_batch("PRAGMA secure_delete = ON");
        overwrite.map_err(DatabaseError::at(path))?;
    }
    Ok(())
}

/// Has pages that hold nothing be found at the end of the file, where they can be taken off. A file
/// that was made without is written anew for it, once.
fn give_back_room(connection: &Connection) -> rusqlite::Result<()> {
    match connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))? {
        0 => connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM;"),
        _ => Ok(()),
    }
}

/// Sets the connection up, makes the tables where there are none, and names one that has a row
/// which points to nothing.
fn fill(connection: &Connection, empty: bool) -> rusqlite::Result<Option<String>> {
    if empty {
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    // What is deleted from a page that is written anyway is overwritten; other pages that hold nothing
    // are taken off the file by `upkeep`.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = FAST;",
    )?;
    // Without it a statement is compiled again for new values; and all of ours have to fit.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if empty {
        connection.execute_batch(TABLES)?;
    }
    database::dangling(connection)
}

/// More than there are.
const STATEMENTS: usize = 64;

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
        assert!(message(open(&path)).contains("holds the tables other"));

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
