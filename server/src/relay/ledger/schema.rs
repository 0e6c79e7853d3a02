//! The tables of a relay's usage database: those of the Python relay, version 1.

use crate::{
    config::Database,
    database::{self, DatabaseError, DatabaseKind, Opened},
};

/// Opens the database, and makes its tables where they are missing.
///
/// # Errors
/// [`DatabaseError`]; the file is then as it was.
pub(crate) fn open(database: &Database) -> Result<Opened, DatabaseError> {
    let (opened, path) = database::open_either(database)?;
    let connection = &opened.connection;
    if DatabaseKind::Relay.version_of(connection, path)?.is_none() {
        connection.execute_batch(TABLES).map_err(DatabaseError::at(path))?;
    }
    database::write_ahead(connection).map_err(DatabaseError::at(path))?;
    Ok(opened)
}

const TABLES: &str = "
BEGIN IMMEDIATE;
CREATE TABLE version (version INTEGER);
CREATE TABLE current (
    rebooted INTEGER, updated INTEGER, connected INTEGER, waiting INTEGER,
    incomplete_bytes INTEGER);
CREATE TABLE usage (
    started INTEGER, total_time INTEGER, waiting_time INTEGER, total_bytes INTEGER,
    result VARCHAR);
CREATE INDEX usage_started_index ON usage (started);
CREATE INDEX usage_result_index ON usage (result);
INSERT INTO version VALUES (1);
COMMIT;";
