//! What is done for the database's files between two writes, so that they stay small, keep
//! nothing of what was deleted, and have room for more deletions.
//!
//! SQLite appends to its log and moves that to the database once in a while. Here it does so when
//! the log has grown to a mebibyte, and within a second after something was deleted; then the log
//! is cut to nothing, and so is the end of the database, to which the pages have moved that hold
//! nothing any more.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, Result};

use super::disk::{Disk, Reserve};
use crate::database::with_suffix;

/// Looks after the files of one database.
pub(super) struct Upkeep {
    log: PathBuf,
    /// Bytes of the log at which it is cut.
    bound: u64,
    reserve: Reserve,
    disk: Disk,
    /// Whether the files may hold what was deleted.
    is_untidy: bool,
    /// When it was last seen to that.
    tidied: Instant,
}

/// How long something that was deleted stays in the files, and how often a full disk is looked at.
pub(super) const TIDY_EVERY: Duration = Duration::from_secs(1);

/// At once, as everybody waits meanwhile.
const VACUUM_PAGES: u32 = 256;

/// At the end of the server, which may take longer.
const LAST_TIDYING: Duration = Duration::from_secs(2);

impl Upkeep {
    /// Begins with the files of a database that was just opened.
    pub(super) fn begin(connection: &Connection, path: &Path, disk: Disk) -> Self {
        let (reserve, tidied) = (Reserve::of(path), Instant::now());
        let (log, bound) = (with_suffix(path, "-wal"), reserve.bytes() / 4);
        let mut upkeep = Self { log, bound, reserve, disk, is_untidy: true, tidied };
        upkeep.cut_log(connection);
        upkeep.keep_reserve();
        upkeep
    }

    /// Notes that something was deleted.
    pub(super) fn note_deletion(&mut self) {
        self.is_untidy = true;
    }

    /// Tells whether nothing is to be written but what ends.
    pub(super) fn is_disk_full(&self) -> bool {
        self.disk.is_full()
    }

    /// Does what is due; true where more is.
    pub(super) fn tidy(&mut self, connection: &Connection) -> bool {
        let is_time = self.tidied.elapsed() >= TIDY_EVERY;
        if is_time && self.disk.is_full() {
            self.tidied = Instant::now();
            self.keep_reserve();
        }
        if is_time && self.is_untidy {
            return self.clean(connection);
        }
        if fs::metadata(&self.log).is_ok_and(|log| log.len() >= self.bound) {
            self.cut_log(connection);
        }
        false
    }

    /// Leaves nothing of what was deleted, as far as there is time.
    pub(super) fn end(mut self, connection: &Connection) {
        let began = Instant::now();
        while self.clean(connection) && began.elapsed() < LAST_TIDYING {}
    }

    /// Takes some pages off the database that hold nothing, and what was written off the log; true
    /// where pages are left.
    fn clean(&mut self, connection: &Connection) -> bool {
        let goes_on = match vacuum(connection) {
            Ok(left) => {
                let is_cut = self.cut_log(connection);
                self.is_untidy = left > 0 || !is_cut;
                left > 0 && is_cut
            }
            Err(reason) => {
                tracing::warn!(%reason, "cannot give back room in the channel database");
                self.cut_log(connection);
                false
            }
        };
        if !goes_on {
            self.tidied = Instant::now();
        }
        goes_on
    }

    /// Moves everything from the log to the database, and cuts it to nothing; false where that
    /// fails, or has to wait for somebody who reads.
    pub(super) fn cut_log(&mut self, connection: &Connection) -> bool {
        let cut = without_waiting(connection, |connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        });
        let is_cut = cut == Ok(0);
        if let Err(reason) = cut {
            tracing::warn!(%reason, "cannot cut the log of the channel database");
        }
        let part = self.reserve.bytes() / 4;
        let size = fs::metadata(&self.log).map_or(0, |log| log.len());
        self.bound = if is_cut { part } else { size + part };
        is_cut
    }

    /// Gives up the reserve after a write that found no room, even with the log cut.
    pub(super) fn give_up_reserve(&mut self, connection: &Connection) {
        self.reserve.release();
        self.cut_log(connection);
        self.tidied = Instant::now();
        self.set_full();
    }

    fn set_full(&self) {
        if !self.disk.is_full() {
            tracing::error!(
                "the disk is full: only what ends is written, until {} KiB are free",
                (self.reserve.bytes() + self.reserve.bytes() / 4) >> 10,
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

/// Takes pages off the end of the database, and tells how many that hold nothing are left.
fn vacuum(connection: &Connection) -> Result<i64> {
    connection.execute_batch(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
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
pub(super) fn lacks_room(reason: &rusqlite::Error) -> bool {
    // A quota of the file system is an input or output error to it.
    matches!(reason.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

fn is_want_of_room(reason: &io::Error) -> bool {
    matches!(reason.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
