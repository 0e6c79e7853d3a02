//! A report for people, and for programs.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{Day, Outcome, Outcomes};

/// Days as a text of two tables: how everything ended, and which clients came.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(pub &'a [Day]);

/// What a nameplate can come to.
const OF_NAMEPLATES: [Outcome; 4] =
    [Outcome::Happy, Outcome::Lonely, Outcome::Pruney, Outcome::Crowded];

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "nothing is recorded");
        }
        write!(f, "{:<10} {:>9}", "date", "mailboxes")?;
        Outcome::ALL.iter().try_for_each(|outcome| write!(f, " {:>7}", outcome.as_str()))?;
        write!(f, " {:>8} {:>8} {:>10}", "waiting", "total", "nameplates")?;
        OF_NAMEPLATES.iter().try_for_each(|outcome| write!(f, " {:>7}", outcome.as_str()))?;
        writeln!(f)?;
        self.0.iter().try_for_each(|day| day.write_outcomes(f))?;
        if self.0.iter().all(|day| day.clients.is_empty()) {
            return Ok(());
        }
        writeln!(f, "\n{:<10} {:>9} client", "date", "sides")?;
        self.0.iter().try_for_each(|day| day.write_clients(f))
    }
}

impl Day {
    fn write_outcomes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10}", self.date)?;
        write!(f, " {:>9}", self.mailboxes.all())?;
        let mut count = |number: u64| write!(f, " {number:>7}");
        Outcome::ALL.iter().try_for_each(|outcome| count(self.mailboxes.of(*outcome)))?;
        write!(f, " {:>8} {:>8}", seconds(self.waiting), seconds(self.total))?;
        write!(f, " {:>10}", self.nameplates.all())?;
        let mut count = |number: u64| write!(f, " {number:>7}");
        OF_NAMEPLATES.iter().try_for_each(|outcome| count(self.nameplates.of(*outcome)))?;
        writeln!(f)
    }

    fn write_clients(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for client in &self.clients {
            let name = client.implementation.as_deref().unwrap_or("unknown");
            let version = client.version.as_deref().unwrap_or_default();
            let line = format!("{:<10} {:>9} {name} {version}", self.date, client.sides);
            writeln!(f, "{}", line.trim_end())?;
        }
        match self.versions - self.clients.len() as u64 {
            0 => Ok(()),
            more => writeln!(f, "{:<10} {:>9} {more} more", self.date, ""),
        }
    }
}

fn seconds(time: Option<f64>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.1}s"))
}

/// Gives the days as a list of objects with the keys `date`, `mailboxes` and `nameplates` (numbers
/// by outcome), `waiting_time` and `total_time` (seconds, or null), `versions`, and `clients`.
pub fn to_json(days: &[Day]) -> Value {
    let client = |client: &super::Client| {
        json!({
            "implementation": client.implementation,
            "version": client.version,
            "sides": client.sides,
        })
    };
    let day = |day: &Day| {
        json!({
            "date": day.date.to_string(),
            "mailboxes": by_outcome(&day.mailboxes, &Outcome::ALL),
            "nameplates": by_outcome(&day.nameplates, &OF_NAMEPLATES),
            "waiting_time": day.waiting,
            "total_time": day.total,
            "versions": day.versions,
            "clients": day.clients.iter().map(client).collect::<Vec<_>>(),
        })
    };
    days.iter().map(day).collect()
}

fn by_outcome(outcomes: &Outcomes, possible: &[Outcome]) -> Map<String, Value> {
    let pair = |outcome: &Outcome| (outcome.to_string(), outcomes.of(*outcome).into());
    possible.iter().map(pair).collect()
}
