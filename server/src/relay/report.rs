//! What the usage database of a relay says, day by day: for whoever runs it.
//!
//! ```no_run
//! use wormhole_server::{relay::report::{self, Table}, usage::report::Range};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let days = report::days("relay-usage.sqlite".as_ref(), Range::default())?;
//! print!("{}", Table(&days));
//! # Ok(())
//! # }
//! ```

use std::{collections::BTreeMap, fmt, path::Path};

use rusqlite::{Connection, Result};
use serde_json::{Map, Value, json};

use super::story::RelayMood;
use crate::{
    database::{self, DatabaseError, DatabaseKind},
    usage::report::{Date, Range},
};

/// What ended of what began on a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    /// The day, by UTC.
    pub date: Date,
    /// Bytes that were carried.
    pub bytes: u64,
    /// Seconds for which pairs were there, on the average; none where there was none.
    pub time: Option<f64>,
    ended: [u64; RelayMood::ALL.len()],
}

/// Days as a text.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(pub &'a [Day]);

impl Day {
    fn without_anything(date: Date) -> Self {
        Self { date, bytes: 0, time: None, ended: Default::default() }
    }

    /// How many ended so; of a pair only one counts.
    pub fn ended(&self, mood: RelayMood) -> u64 {
        self.ended[mood as usize]
    }
}

/// Reads the days of the range on which anything began, in their order. The database may be in
/// use, and is not touched.
///
/// # Errors
/// [`DatabaseError`] where there is none, where it is something else, or cannot be read.
pub fn days(path: &Path, range: Range) -> Result<Vec<Day>, DatabaseError> {
    let connection = database::open_read_only(path)?;
    if DatabaseKind::Relay.version_of(&connection, path)?.is_none() {
        return Ok(Vec::new());
    }
    read(&connection, range).map_err(DatabaseError::at(path))
}

fn read(connection: &Connection, range: Range) -> Result<Vec<Day>> {
    let mut found = BTreeMap::new();
    let mut query = connection.prepare(
        "SELECT CAST(started / 86400 AS INTEGER), CAST(result AS TEXT), count(*),
             CAST(total(total_bytes) AS INTEGER), avg(total_time)
         FROM usage WHERE started >= ?1 AND started < ?2 GROUP BY 1, 2",
    )?;
    let mut rows = query.query(range.bounds())?;
    while let Some(row) = rows.next()? {
        // A time after the year 9999 is a mistake of somebody's.
        let Some(date) = Date::from_number(row.get(0)?) else { continue };
        let day = found.entry(date).or_insert_with(|| Day::without_anything(date));
        let word: Option<String> = row.get(1)?;
        day.bytes += row.get(3).map(i64::unsigned_abs)?;
        // A word that nobody knows is none of the six.
        let is = |known: &RelayMood| Some(known.as_str()) == word.as_deref();
        let Some(mood) = RelayMood::ALL.into_iter().find(is) else { continue };
        day.ended[mood as usize] = row.get(2).map(i64::unsigned_abs)?;
        if mood == RelayMood::Happy {
            day.time = row.get(4)?;
        }
    }
    Ok(found.into_values().collect())
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "nothing is recorded");
        }
        write!(f, "{:<10}", "date")?;
        RelayMood::ALL.iter().try_for_each(|mood| write!(f, " {:>9}", mood.as_str()))?;
        writeln!(f, " {:>9} {:>15}", "time", "bytes")?;
        for day in self.0 {
            write!(f, "{:<10}", day.date)?;
            RelayMood::ALL.iter().try_for_each(|mood| write!(f, " {:>9}", day.ended(*mood)))?;
            let time = day.time.map_or_else(|| "-".to_owned(), |time| format!("{time:.1}s"));
            writeln!(f, " {time:>9} {:>15}", day.bytes)?;
        }
        Ok(())
    }
}

/// Gives the days as a list of objects with the keys `date`, `ended` (numbers by mood), `bytes`,
/// and `total_time` (seconds, or null).
pub fn to_json(days: &[Day]) -> Value {
    let day = |day: &Day| {
        let moods = RelayMood::ALL.iter();
        let ended: Map<_, _> =
            moods.map(|mood| (mood.as_str().to_owned(), Value::from(day.ended(*mood)))).collect();
        json!({
            "date": day.date.to_string(),
            "ended": ended,
            "bytes": day.bytes,
            "total_time": day.time,
        })
    };
    days.iter().map(day).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{config::Database, relay::open_usage};

    #[test]
    fn what_ended_is_counted_by_the_day_on_which_it_began() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.sqlite");
        let database = open_usage(&Database::File(path.clone())).unwrap().connection;
        for (started, time, bytes, mood) in [
            (86_400.5, 2.0, 5, "happy"),
            (172_799.5, 4.0, 7, "happy"),
            (86_401.0, 9.0, 0, "lonely"),
            (86_401.0, 9.0, 1, "jolly"),
            (172_800.0, 1.0, 0, "errory"),
        ] {
            let row = rusqlite::params![started, time, bytes, mood];
            database.execute("INSERT INTO usage VALUES (?1, ?2, NULL, ?3, ?4)", row).unwrap();
        }
        let days = super::days(&path, Range::default()).unwrap();
        let shown = Table(&days).to_string();
        let expected = "\
date           empty    errory    lonely impatient redundant     happy      time           bytes
1970-01-02         0         0         1         0         0         2      3.0s              13
1970-01-03         0         1         0         0         0         0         -               0
";
        assert_eq!(shown, expected);
        assert_eq!(to_json(&days)[0]["ended"]["happy"], 2);
        let last = Range { first: None, last: Some("1970-01-02".parse().unwrap()) };
        assert_eq!(super::days(&path, last).unwrap().len(), 1);
    }
}
