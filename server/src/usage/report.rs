//! What a usage database says, day by day: for whoever runs the server.
//!
//! ```no_run
//! use wormhole_server::usage::report::{self, Date, Range, Table};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let range = Range { first: Some("2026-01-31".parse()?), last: None };
//! let days = report::days("usage.sqlite".as_ref(), range)?;
//! print!("{}", Table(&days));
//! println!("{}", report::to_json(&days));
//! # Ok(())
//! # }
//! ```

mod date;
mod shown;

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, Result, Row};

use super::Outcome;
use crate::database::{self, DatabaseError, DatabaseKind};

pub use date::{BadDate, Date};
pub use shown::{Table, to_json};

/// What ended, and who came, on a day at which it began. Where times are blurred by more than a
/// day, some days have what belongs to others.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    /// The day, by UTC.
    pub date: Date,
    /// How mailboxes ended.
    pub mailboxes: Outcomes,
    /// How nameplates ended; those whose mailbox was closed first are not among them.
    pub nameplates: Outcomes,
    /// Seconds until a second side came to a mailbox, in the median of those to which one came.
    pub waiting: Option<f64>,
    /// Seconds until a mailbox ended, in the median.
    pub total: Option<f64>,
    /// How many different clients came, by name and version.
    pub versions: u64,
    /// The most frequent of them, [`MAX_CLIENTS`] at most.
    pub clients: Vec<Client>,
}

/// How many clients are told of a day: anybody can make up new ones.
pub const MAX_CLIENTS: u64 = 10;

/// A sort of client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its name, with whatever cannot be shown escaped; none where it did not say.
    pub implementation: Option<String>,
    /// Its version, likewise.
    pub version: Option<String>,
    /// By how many sides it was used; one that came back counts once.
    pub sides: u64,
}

/// How often each outcome was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes([u64; Outcome::ALL.len()]);

impl Outcomes {
    /// How often it ended so.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    /// How many there were.
    pub fn all(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// From which day to which, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The first; none is since the beginning.
    pub first: Option<Date>,
    /// The last; none is until now.
    pub last: Option<Date>,
}

impl Range {
    /// In unix seconds: from the first until before the second.
    pub(crate) fn bounds(self) -> [i64; 2] {
        let first = self.first.map_or(0, Date::begins);
        [first, self.last.map_or(i64::MAX, Date::ends)]
    }
}

/// Reads the days of the range on which anything happened, in their order. The database may be in
/// use, and is not touched.
///
/// # Errors
/// [`DatabaseError`] where there is none, where it is something else, or cannot be read.
pub fn days(path: &Path, range: Range) -> Result<Vec<Day>, DatabaseError> {
    let connection = database::open_read_only(path)?;
    let version = DatabaseKind::Usage.version_of(&connection, path)?;
    read(&connection, version, range.bounds()).map_err(DatabaseError::at(path))
}

fn read(connection: &Connection, version: Option<i64>, bounds: [i64; 2]) -> Result<Vec<Day>> {
    let mut days = Days { connection, bounds, found: BTreeMap::new() };
    if version.is_none() {
        return Ok(Vec::new());
    }
    days.outcomes("mailboxes", |day| &mut day.mailboxes)?;
    days.outcomes("nameplates", |day| &mut day.nameplates)?;
    days.median("waiting_time", |day| &mut day.waiting)?;
    days.median("total_time", |day| &mut day.total)?;
    if version >= Some(2) {
        days.clients()?;
    }
    Ok(days.found.into_values().collect())
}

struct Days<'a> {
    connection: &'a Connection,
    bounds: [i64; 2],
    found: BTreeMap<Date, Day>,
}

impl Days<'_> {
    fn outcomes(&mut self, table: &str, place: fn(&mut Day) -> &mut Outcomes) -> Result<()> {
        let sql = format!(
            "SELECT CAST(started / 86400 AS INTEGER) AS day, CAST(result AS TEXT), count(*) FROM {table}
             WHERE started >= ?1 AND started < ?2 GROUP BY 1, 2"
        );
        self.each(&sql, |day, row| {
            let word: Option<String> = row.get(1)?;
            let is = |known: &Outcome| Some(known.as_str()) == word.as_deref();
            // A word that nobody knows is none of the six.
            if let Some(outcome) = Outcome::ALL.into_iter().find(is) {
                place(day).0[outcome as usize] = count(row, 2)?;
            }
            Ok(())
        })
    }

    fn median(&mut self, column: &str, place: fn(&mut Day) -> &mut Option<f64>) -> Result<()> {
        let sql = format!(
            "WITH times AS (
                 SELECT CAST(started / 86400 AS INTEGER) AS day, {column} AS time FROM mailboxes
                 WHERE started >= ?1 AND started < ?2 AND {column} IS NOT NULL),
             ranks AS (
                 SELECT day, time, row_number() OVER (PARTITION BY day ORDER BY time) AS rank,
                     count(*) OVER (PARTITION BY day) AS size
                 FROM times)
             SELECT day, avg(time) FROM ranks WHERE rank IN ((size + 1) / 2, (size + 2) / 2)
             GROUP BY day"
        );
        self.each(&sql, |day, row| {
            *place(day) = row.get(1)?;
            Ok(())
        })
    }

    fn clients(&mut self) -> Result<()> {
        let sql = format!(
            "WITH sorts AS (
                 SELECT CAST(connect_time / 86400 AS INTEGER) AS day,
                     CAST(implementation AS TEXT) AS name, CAST(version AS TEXT) AS version,
                     count(DISTINCT app_id || char(0) || side) AS sides
                 FROM client_versions WHERE connect_time >= ?1 AND connect_time < ?2
                 GROUP BY day, name, version),
             ranks AS (
                 SELECT *, count(*) OVER (PARTITION BY day) AS size,
                     row_number() OVER (
                         PARTITION BY day ORDER BY sides DESC, name, version) AS rank
                 FROM sorts)
             SELECT day, size, name, version, sides FROM ranks WHERE rank <= {MAX_CLIENTS}
             ORDER BY day, rank"
        );
        self.each(&sql, |day, row| {
            day.versions = count(row, 1)?;
            let [implementation, version] = [row.get(2)?, row.get(3)?].map(printable);
            day.clients.push(Client { implementation, version, sides: count(row, 4)? });
            Ok(())
        })
    }

    /// Does something with each row that the query gives; the first column is the day's number.
    fn each(
        &mut self,
        sql: &str,
        mut with: impl FnMut(&mut Day, &Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut query = self.connection.prepare(sql)?;
        let mut rows = query.query(self.bounds)?;
        while let Some(row) = rows.next()? {
            // A time after the year 9999 is a mistake of somebody's.
            let Some(date) = Date::from_number(row.get(0)?) else { continue };
            with(self.found.entry(date).or_insert_with(|| Day::without_anything(date)), row)?;
        }
        Ok(())
    }
}

fn count(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get(column).map(i64::unsigned_abs)
}

impl Day {
    fn without_anything(date: Date) -> Self {
        Self {
            date,
            mailboxes: Outcomes::default(),
            nameplates: Outcomes::default(),
            waiting: None,
            total: None,
            versions: 0,
            clients: Vec::new(),
        }
    }
}

/// What a client calls itself may hold anything, and goes to a terminal.
fn printable(text: Option<String>) -> Option<String> {
    let plain = |c: char| matches!(c, '"' | '\'' | '\\');
    text.map(|text| {
        text.chars().fold(String::new(), |mut shown, c| {
            match plain(c) {
                true => shown.push(c),
                false => shown.extend(c.escape_debug()),
            }
            shown
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
