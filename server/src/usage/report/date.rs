//! A day of the calendar.

use std::{
    fmt,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

/// A day by UTC, from 1970-01-01 to 9999-12-31; written as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(u32);

/// What is no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a day as YYYY-MM-DD, from 1970-01-01 on")]
pub struct BadDate;

const SECONDS: i64 = 86_400;
/// The number of 9999-12-31.
const LAST: u32 = 2_932_896;

impl Date {
    /// Gives the day that was so many days before `now`, or the first there is.
    pub fn days_before(now: SystemTime, days: u32) -> Self {
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let today = u32::try_from(seconds / SECONDS.unsigned_abs()).unwrap_or(LAST).min(LAST);
        Self(today.saturating_sub(days))
    }

    /// Counts from 1970-01-01.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        u32::try_from(number).ok().filter(|number| *number <= LAST).map(Self)
    }

    /// In unix seconds.
    pub(super) fn begins(self) -> i64 {
        i64::from(self.0) * SECONDS
    }

    /// In unix seconds: the beginning of the next.
    pub(super) fn ends(self) -> i64 {
        self.begins() + SECONDS
    }

    /// Gives year, month and day. Years begin in March here, so that leap days are at their ends;
    /// four hundred of them are an era, and all eras are equally long.
    fn civil(self) -> (u32, u32, u32) {
        const ERA: u32 = 146_097;
        /// From 0000-03-01 to 1970-01-01.
        const EPOCH: u32 = 719_468;
        let days = self.0 + EPOCH;
        let (era, day) = (days / ERA, days % ERA);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let year = era * 400 + year;
        if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
    }
}

impl FromStr for Date {
    type Err = BadDate;

    fn from_str(text: &str) -> Result<Self, BadDate> {
        // As the texts are sorted, so are the days: the one is found that is written so.
        let (mut low, mut high) = (0, LAST);
        while low < high {
            let middle = low + (high - low) / 2;
            if Self(middle).to_string().as_str() < text {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (Self(low).to_string() == text).then_some(Self(low)).ok_or(BadDate)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        f.pad(&format!("{year:04}-{month:02}-{day:02}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// SQLite knows the calendar.
    #[test]
    fn every_day_is_written_as_sqlite_writes_it_and_read_back() {
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        let mut date = sqlite.prepare("SELECT date(?1 * 86400, 'unixepoch')").unwrap();
        for number in (0..=LAST).step_by(89).chain(19_700..20_500).chain([LAST]) {
            let written: String = date.query_row([number], |row| row.get(0)).unwrap();
            assert_eq!(Date(number).to_string(), written);
            assert_eq!(written.parse(), Ok(Date(number)));
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for bad in
            ["", "2026-02-29", "2026-13-01", "2026-1-1", "1969-12-31", "today", "2026-01-01 "]
        {
            assert_eq!(bad.parse::<Date>(), Err(BadDate), "{bad}");
        }
    }

    #[test]
    fn days_are_counted_back() {
        let now = UNIX_EPOCH + Duration::from_secs(86_400 * 59 + 86_399);
        assert_eq!(Date::days_before(now, 0).to_string(), "1970-03-01");
        assert_eq!(Date::days_before(now, 1).to_string(), "1970-02-28");
        assert_eq!(Date::days_before(now, 1000).to_string(), "1970-01-01");
    }
}
