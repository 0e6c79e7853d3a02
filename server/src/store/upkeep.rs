//! What is done for the database's files beside the writes, so that they stay small, keep nothing
//! of what was deleted, and have room for more deletions.
//!
//! SQLite appends to its log, moves that to the database whenever it has grown to a quarter of the
//! reserve, and writes over it from then on. Once something was deleted and nobody writes any more,
//! the log is cut to nothing, and so is the end of the database, to which the pages have moved that
//! hold nothing.

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Error, ErrorCode, Result, ffi};

use super::disk::{Disk, Reserve};

/// Looks after the files of one database.
pub(super) struct Upkeep {
    reserve: Reserve,
    disk: Disk,
    state: State,
    /// When the last write was, and when the files were last cleaned.
    written: Instant,
    cleaned: Instant,
}

/// What the files hold of what was deleted.
enum State {
    Clean,
    /// Something, maybe.
    Untidy,
    /// Less and less.
    Cleaning,
}

/// How often somebody looks whether something is due; and how long nobody has written when the
/// files are cleaned, since it makes the next writes slower.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long somebody may always write before they are cleaned nevertheless.
const CLEAN_EVERY: Duration = Duration::from_secs(30);

/// At once, as everybody waits meanwhile; and where the disk is full, since the log needs room too.
const VACUUM_PAGES: u32 = 256;
const SPARING_PAGES: u32 = 16;

/// At the end of the server, which may take longer.
const LAST_CLEANING: Duration = Duration::from_secs(2);

/// Bytes of a page of the database, as SQLite makes them.
const PAGE: u64 = 4_096;

impl Upkeep {
    /// Begins with the files of a database that was just opened.
    ///
    /// # Errors
    /// What SQLite says.
    pub(super) fn begin(connection: &Connection, path: &Path, disk: Disk) -> Result<Self> {
        let (reserve, now) = (Reserve::of(path), Instant::now());
        // Whatever is in the log can be moved to the database in the room of the reserve.
        let log = reserve.bytes() / 4;
        connection.pragma_update(None, "wal_autocheckpoint", (log / PAGE).max(1) as i64)?;
        connection.pragma_update(None, "journal_size_limit", log as i64)?;
        let mut upkeep = Self { reserve, disk, state: State::Untidy, written: now, cleaned: now };
        upkeep.cut_log(connection);
        upkeep.keep_reserve();
        Ok(upkeep)
    }

    /// Notes that something was written, and whether something was deleted by it.
    pub(super) fn note_write(&mut self, deletes: bool) {
        self.written = Instant::now();
        if deletes && matches!(self.state, State::Clean) {
            self.state = State::Untidy;
        }
    }

    /// Tells whether nothing is to be written but what ends.
    pub(super) fn is_disk_full(&self) -> bool {
        self.disk.is_full()
    }

    /// Does what is due; true where more is.
    pub(super) fn look(&mut self, connection: &Connection) -> bool {
        if self.disk.is_full() {
            self.keep_reserve();
        }
        let is_due = match self.state {
            State::Clean => false,
            State::Untidy => {
                self.written.elapsed() >= LOOK_EVERY || self.cleaned.elapsed() >= CLEAN_EVERY
            }
            State::Cleaning => true,
        };
        is_due && self.clean(connection)
    }

    /// Leaves nothing of what was deleted, as far as there is time.
    pub(super) fn end(mut self, connection: &Connection) {
        let began = Instant::now();
        while self.clean(connection) && began.elapsed() < LAST_CLEANING {}
    }

    /// Takes some pages off the database that hold nothing, and cuts the log when there are none
    /// left, or no room for more of it; true where there are.
    fn clean(&mut self, connection: &Connection) -> bool {
        let is_full = self.disk.is_full();
        let left = vacuum(connection, if is_full { SPARING_PAGES } else { VACUUM_PAGES });
        let more = matches!(left, Ok(1..));
        let is_cut = (!more || is_full) && self.cut_log(connection);
        if more && (is_cut || !is_full) {
            self.state = State::Cleaning;
            return true;
        }
        if let Err(reason) = &left {
            self.complain(reason);
        }
        self.state = if left.is_ok() && is_cut { State::Clean } else { State::Untidy };
        self.cleaned = Instant::now();
        // Not at once again.
        self.written = self.cleaned;
        false
    }

    /// Moves everything from the log to the database, and cuts it to nothing; false where that
    /// fails, or has to wait for somebody who reads.
    pub(super) fn cut_log(&mut self, connection: &Connection) -> bool {
        let cut = without_waiting(connection, |connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        });
        if let Err(reason) = &cut {
            self.complain(reason);
        }
        cut == Ok(0)
    }

    /// Gives up the reserve after a write that found no room, even with the log cut.
    pub(super) fn give_up_reserve(&mut self, connection: &Connection) {
        self.reserve.release();
        self.set_full();
        self.cut_log(connection);
    }

    fn complain(&self, reason: &Error) {
        // That the disk is full was said.
        if !self.disk.is_full() {
            tracing::warn!(%reason, "cannot tidy the files of the channel database");
        }
    }

    fn set_full(&self) {
        if !self.disk.is_full() {
            tracing::error!(
                "the disk is full: only what ends is written, until {} KiB are free",
                self.reserve.wanted() >> 10,
            );
            self.disk.set_full(true);
        }
    }

    fn keep_reserve(&self) {
        match self.reserve.keep() {
            Err(reason) if is_want_of_room(&reason) => return self.set_full(),
            Err(reason) => tracing::warn!(%reason, "cannot keep room on the disk"),
            Ok(()) => (),
        }
        if self.disk.is_full() {
            tracing::info!("the disk has room again");
            self.disk.set_full(false);
        }
    }
}

/// Takes so many pages off the end of the database, and tells how many that hold nothing are left.
fn vacuum(connection: &Connection, pages: u32) -> Result<i64> {
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    // Each step takes one.
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    match connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))? {
        0 => Ok(0),
        _ => connection.query_row("PRAGMA freelist_count", [], |row| row.get(0)),
    }
}

/// Does something that somebody else may hinder, without waiting for them.
fn without_waiting<T>(
    connection: &Connection,
    action: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    connection.busy_timeout(Duration::ZERO)?;
    let result = action(connection);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    result
}

/// As SQLite's binding has it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Tells whether a write failed as there is no room, as far as SQLite knows.
pub(super) fn lacks_room(reason: &Error) -> bool {
    let Some(error) = reason.sqlite_error() else { return false };
    // What a quota of the file system refuses is an error of a write to it.
    error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_WRITE
}

fn is_want_of_room(reason: &io::Error) -> bool {
    matches!(reason.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_vacuum_takes_all_the_pages_that_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("d")).unwrap();
        let fill = "PRAGMA auto_vacuum = INCREMENTAL; CREATE TABLE t (b);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
            INSERT INTO t SELECT zeroblob(4000) FROM n; DELETE FROM t;";
        connection.execute_batch(fill).unwrap();
        let free = || connection.query_row("PRAGMA freelist_count", [], |row| row.get(0)).unwrap();
        let before: i64 = free();
        assert!(before > 400, "{before}");
        assert_eq!(vacuum(&connection, 256), Ok(before - 256));
        assert_eq!(vacuum(&connection, 256), Ok(0));
    }
}
