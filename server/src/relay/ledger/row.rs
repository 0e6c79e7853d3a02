//! What is written: rows of the database, and lines of the log.

use actix::Message;
use rusqlite::{Connection, params};
use serde_json::json;

use crate::{
    relay::story::Ended,
    usage::{self, Blur},
};

/// A row of the database.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[rtype(result = "()")]
pub(super) enum Row {
    /// A connection, or a pair of them, has ended.
    Ended(Ended),
    /// How the relay does; it takes the place of the one before.
    Current(Current),
}

/// The state of a relay; times are unix time in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Current {
    pub(super) rebooted: f64,
    pub(super) updated: f64,
    /// Connections that are joined, two for a pair.
    pub(super) connected: u64,
    /// Tokens with which somebody waits.
    pub(super) waiting: u64,
    /// What was carried between those that are joined.
    pub(super) incomplete_bytes: u64,
}

impl usage::Row for Row {
    fn write(&self, connection: &Connection, blur: Blur) -> rusqlite::Result<()> {
        match self {
            Self::Ended(Ended { started, total, waiting, bytes, mood }) => {
                let sql = "INSERT INTO usage
                    (started, total_time, waiting_time, total_bytes, result)
                    VALUES (?1, ?2, ?3, ?4, ?5)";
                let (started, bytes) = (blur.apply(*started), whole(blur.bytes(*bytes)));
                let values = params![started, total, waiting, bytes, mood.as_str()];
                connection.prepare_cached(sql)?.execute(values).map(drop)
            }
            Self::Current(current) => {
                connection.prepare_cached("DELETE FROM current")?.execute([])?;
                let sql = "INSERT INTO current
                    (rebooted, updated, connected, waiting, incomplete_bytes)
                    VALUES (?1, ?2, ?3, ?4, ?5)";
                let values = params![
                    current.rebooted as i64,
                    current.updated as i64,
                    whole(current.connected),
                    whole(current.waiting),
                    whole(current.incomplete_bytes),
                ];
                connection.prepare_cached(sql)?.execute(values).map(drop)
            }
        }
    }

    fn is_state(&self) -> bool {
        matches!(self, Self::Current(_))
    }
}

/// SQLite has no larger numbers.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Writes a line of the log.
pub(super) fn json(ended: &Ended, blur: Blur) -> String {
    let Ended { started, total, waiting, bytes, mood } = ended;
    let line = json!({
        "started": blur.apply(*started),
        "total_time": total,
        "waiting_time": waiting,
        "total_bytes": blur.bytes(*bytes),
        "mood": mood.as_str(),
    });
    format!("{line}\n")
}
