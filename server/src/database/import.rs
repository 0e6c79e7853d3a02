//! Taking over what another server's databases hold, the Python server's above all
//! [mailbox-server.md: import notes].

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Result, Transaction};

use super::{
    DatabaseError, DatabaseKind, Opened,
    copy::{CopyError, Part, copy_into, with_suffix},
    open_read_only,
};
use crate::{config::Database, relay, store, usage};

/// What was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Mailboxes, with their sides.
    pub mailboxes: u64,
    /// Nameplates, with their sides.
    pub nameplates: u64,
    /// Messages.
    pub messages: u64,
    /// Usage records.
    pub records: u64,
    /// Mailboxes and nameplates of the source whose place was taken: they were left out.
    pub left_out: u64,
    /// The copy of the target as it was, where it was there.
    pub backup: Option<PathBuf>,
}

/// Tells which kind of a server's database a file is, without touching it.
///
/// # Errors
/// [`DatabaseError`] where it is none.
pub fn kind_of(path: &Path) -> Result<DatabaseKind, DatabaseError> {
    DatabaseKind::of(&open_read_only(path)?, path)
}

/// Adds what the database at `source` holds to that at `target`, which is made where it is
/// missing. The source is only read; a target that was there is copied first.
///
/// # Errors
/// [`CopyError`], also where a server uses the target's channel database; the target is then as it
/// was.
pub fn import(source: &Path, target: &Path) -> Result<Imported, CopyError> {
    let original = open_read_only(source)?;
    let kind = DatabaseKind::of(&original, source)?;
    let backup = target.exists().then(|| free_name(target));
    let Opened { mut connection, lock: _lock } = match kind {
        DatabaseKind::Channel => store::open(target)?,
        DatabaseKind::Usage => usage::open(&Database::File(target.to_owned()))?,
        DatabaseKind::Relay => relay::open_usage(&Database::File(target.to_owned()))?,
    };
    if let Some(backup) = &backup {
        copy_into(&connection, backup, None)?;
    }
    // A snapshot, so that nothing is ever locked, repaired or left beside the source.
    let snapshot = Part::beside(target, &format!("-import-{}", std::process::id()));
    copy_into(&original, snapshot.path(), None)?;
    let failed = DatabaseError::at(target);
    let taken = take(&mut connection, kind, snapshot.path()).map_err(failed)?;
    Ok(Imported { backup, ..taken })
}

fn free_name(target: &Path) -> PathBuf {
    let names = (1_u64..).map(|number| with_suffix(target, &format!("-backup-{number}")));
    names.into_iter().find(|name| !name.exists()).unwrap_or_else(|| with_suffix(target, "-backup"))
}

fn take(connection: &mut Connection, kind: DatabaseKind, snapshot: &Path) -> Result<Imported> {
    connection.execute("ATTACH ?1 AS old", [snapshot.to_string_lossy()])?;
    let transaction = connection.transaction()?;
    let imported = match kind {
        DatabaseKind::Channel => channel(&transaction)?,
        DatabaseKind::Usage | DatabaseKind::Relay => records(&transaction)?,
    };
    transaction.commit()?;
    connection.execute_batch("DETACH old")?;
    Ok(imported)
}

/// A mailbox's place is taken where the app has one of that id, also under the key by which this
/// server keeps ids that clients made up; a nameplate's, where the app has one of that name.
const NEW_MAILBOXES: &str = "
CREATE TEMP TABLE new_mailboxes AS SELECT id, app_id FROM old.mailboxes AS theirs
WHERE NOT EXISTS (SELECT 1 FROM main.mailboxes AS ours WHERE ours.id IN (theirs.id,
    octet_length(theirs.id) || char(31) || theirs.id || char(31) || theirs.app_id));
CREATE TEMP TABLE new_nameplates AS SELECT id, app_id, name, mailbox_id FROM old.nameplates AS theirs
WHERE mailbox_id IN (SELECT id FROM new_mailboxes) AND NOT EXISTS
    (SELECT 1 FROM main.nameplates AS ours WHERE ours.app_id = theirs.app_id
     AND ours.name = theirs.name);";

const TAKE_MAILBOXES: &str = "
INSERT INTO main.mailboxes (app_id, id, updated, for_nameplate)
SELECT app_id, id, updated, for_nameplate FROM old.mailboxes
WHERE id IN (SELECT id FROM new_mailboxes)";

const TAKE_MAILBOX_SIDES: &str = "
INSERT INTO main.mailbox_sides (mailbox_id, opened, side, added, mood)
SELECT mailbox_id, opened, side, added, mood FROM old.mailbox_sides
WHERE mailbox_id IN (SELECT id FROM new_mailboxes) ORDER BY rowid";

const TAKE_MESSAGES: &str = "
INSERT INTO main.messages (app_id, mailbox_id, side, phase, body, server_rx, msg_id)
SELECT app_id, mailbox_id, side, phase, body, server_rx, msg_id FROM old.messages AS theirs
WHERE EXISTS (SELECT 1 FROM new_mailboxes AS new
    WHERE new.id = theirs.mailbox_id AND new.app_id = theirs.app_id) ORDER BY rowid";

const TAKE_NAMEPLATE: &str = "
INSERT INTO main.nameplates (app_id, name, mailbox_id)
SELECT app_id, name, mailbox_id FROM new_nameplates WHERE id = ?1";

const TAKE_NAMEPLATE_SIDES: &str = "
INSERT INTO main.nameplate_sides (nameplates_id, claimed, side, added)
SELECT ?2, claimed, side, added FROM old.nameplate_sides WHERE nameplates_id = ?1 ORDER BY rowid";

fn channel(transaction: &Transaction<'_>) -> Result<Imported> {
    transaction.execute_batch(NEW_MAILBOXES)?;
    let mailboxes = transaction.execute(TAKE_MAILBOXES, [])?;
    transaction.execute(TAKE_MAILBOX_SIDES, [])?;
    let messages = transaction.execute(TAKE_MESSAGES, [])?;
    let mut select = transaction.prepare("SELECT id FROM new_nameplates ORDER BY id")?;
    let theirs: Vec<i64> = select.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
    for id in &theirs {
        transaction.execute(TAKE_NAMEPLATE, [id])?;
        transaction.execute(TAKE_NAMEPLATE_SIDES, [*id, transaction.last_insert_rowid()])?;
    }
    let all = "SELECT (SELECT count(*) FROM old.mailboxes) + (SELECT count(*) FROM old.nameplates)";
    let all: i64 = transaction.query_row(all, [], |row| row.get(0))?;
    let (mailboxes, nameplates) = (mailboxes as u64, theirs.len() as u64);
    Ok(Imported {
        mailboxes,
        nameplates,
        messages: messages as u64,
        left_out: (all as u64).saturating_sub(mailboxes + nameplates),
        ..Imported::default()
    })
}

fn records(transaction: &Transaction<'_>) -> Result<Imported> {
    let mut records = 0;
    for (table, columns) in [
        ("nameplates", "app_id, started, waiting_time, total_time, result"),
        ("mailboxes", "app_id, for_nameplate, started, total_time, waiting_time, result"),
        ("client_versions", "app_id, side, connect_time, implementation, version"),
        ("usage", "started, total_time, waiting_time, total_bytes, result"),
    ] {
        let there = "SELECT count(*) FROM old.sqlite_master WHERE name = ?1 AND type = 'table'";
        // A relay's has the last alone, and the others of version 1 have no client versions.
        if transaction.query_row(there, [table], |row| row.get::<_, i64>(0))? > 0 {
            let sql = format!(
                "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table} ORDER BY rowid"
            );
            records += transaction.execute(&sql, [])? as u64;
        }
    }
    Ok(Imported { records, ..Imported::default() })
}
