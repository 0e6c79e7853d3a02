//! The usage database's tables: those of the Python server, version 2
//! [mailbox-server.md: usage database].

use std::path::Path;

use rusqlite::{Connection, Result};

use crate::{
    config::Database,
    database::{self, CopyError, DatabaseError, DatabaseKind, Opened, copy_into, with_suffix},
};

/// Opens the database, and makes its tables where they are missing. One of version 1 is copied
/// first, and then upgraded.
///
/// # Errors
/// [`DatabaseError`]; the file is then as it was.
pub(crate) fn open(database: &Database) -> Result<Opened, DatabaseError> {
    let (opened, path) = database::open_either(database)?;
    let connection = &opened.connection;
    let version = DatabaseKind::Usage.version_of(connection, path)?;
    if version == Some(1) {
        back_up(connection, path)?;
    }
    prepare(connection, version).map_err(DatabaseError::at(path))?;
    Ok(opened)
}

fn prepare(connection: &Connection, version: Option<i64>) -> Result<()> {
    match version {
        None => connection.execute_batch(&[BEGIN, VERSION_1, VERSION_2, COMMIT].concat())?,
        Some(1) => connection.execute_batch(&[BEGIN, VERSION_2, COMMIT].concat())?,
        Some(_) => (),
    }
    database::write_ahead(connection)
}

/// Copies the database as it is, with what others may be about to write left out.
fn back_up(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
    let copy = with_suffix(path, "-backup-v1");
    copy_into(connection, &copy, None).map_err(|error| match error {
        CopyError::Exists { path: copy } => {
            DatabaseError::CopyExists { path: path.to_owned(), copy }
        }
        CopyError::Unmade { path, reason } => DatabaseError::Unopened { path, reason },
        CopyError::Database(error) => error,
    })
}

const BEGIN: &str = "BEGIN IMMEDIATE;";
const COMMIT: &str = "COMMIT;";

const VERSION_1: &str = "
CREATE TABLE version (version INTEGER);
CREATE TABLE current (
    rebooted INTEGER, updated INTEGER, blur_time INTEGER, connections_websocket INTEGER);
CREATE TABLE nameplates (
    app_id VARCHAR, started INTEGER, waiting_time INTEGER, total_time INTEGER, result VARCHAR);
CREATE INDEX nameplates_idx ON nameplates (app_id, started);
CREATE TABLE mailboxes (
    app_id VARCHAR, for_nameplate BOOLEAN, started INTEGER, total_time INTEGER,
    waiting_time INTEGER, result VARCHAR);
CREATE INDEX mailboxes_idx ON mailboxes (app_id, started);
CREATE INDEX mailboxes_result_idx ON mailboxes (result);";

const VERSION_2: &str = "
CREATE TABLE client_versions (
    app_id VARCHAR, side VARCHAR, connect_time INTEGER, implementation VARCHAR, version VARCHAR);
CREATE INDEX client_versions_time_idx ON client_versions (connect_time);
CREATE INDEX client_versions_appid_time_idx ON client_versions (app_id, connect_time);
DELETE FROM version;
INSERT INTO version VALUES (2);";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    fn version_1(path: &Path) {
        let old = Connection::open(path).unwrap();
        old.execute_batch(VERSION_1).unwrap();
        old.execute_batch(
            "INSERT INTO version VALUES (1);
             INSERT INTO mailboxes VALUES ('app', 1, 100, 5, 2.5, 'happy');",
        )
        .unwrap();
    }

    fn number(connection: &Connection, sql: &str) -> i64 {
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn refusal(path: &Path) -> String {
        open(&Database::File(path.to_owned())).unwrap_err().to_string()
    }

    #[test]
    fn a_file_is_made_private_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.sqlite");
        drop(open(&Database::File(path.clone())).unwrap());
        let again = open(&Database::File(path.clone())).unwrap().connection;
        assert_eq!(number(&again, "SELECT count(*) FROM version WHERE version = 2"), 1);
        assert!(path.with_file_name("usage.sqlite-wal").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn version_1_is_copied_and_upgraded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.sqlite");
        let copy = folder.path().join("usage.sqlite-backup-v1");
        version_1(&path);

        fs::write(&copy, "of another time").unwrap();
        let before = fs::read(&path).unwrap();
        assert!(refusal(&path).ends_with("usage.sqlite-backup-v1 away"));
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read(&copy).unwrap(), b"of another time");

        fs::remove_file(&copy).unwrap();
        let upgraded = open(&Database::File(path)).unwrap().connection;
        assert_eq!(number(&upgraded, "SELECT version FROM version"), 2);
        assert_eq!(number(&upgraded, "SELECT count(*) FROM client_versions"), 0);
        assert_eq!(number(&upgraded, "SELECT total_time FROM mailboxes"), 5);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let copied = Connection::open(copy).unwrap();
        assert_eq!(number(&copied, "SELECT version FROM version"), 1);
        assert_eq!(number(&copied, "SELECT total_time FROM mailboxes"), 5);
    }

    #[test]
    fn what_is_no_usage_database_is_refused_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.sqlite");
        fs::write(&path, "x".repeat(5000)).unwrap();
        assert!(refusal(&path).contains("not a database"));
        assert_eq!(fs::read(&path).unwrap(), [b'x'; 5000]);

        fs::remove_file(&path).unwrap();
        drop(open(&Database::File(path.clone())).unwrap());
        Connection::open(&path).unwrap().execute("UPDATE version SET version = 3", []).unwrap();
        let before = fs::read(&path).unwrap();
        assert!(refusal(&path).ends_with("db version 3 of a usage database: expected 1 or 2"));
        assert_eq!(fs::read(&path).unwrap(), before);
        let below = path.join("below");
        assert!(refusal(&below).starts_with("cannot open"));
    }
}
