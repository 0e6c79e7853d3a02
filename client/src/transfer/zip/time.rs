//! The clock of a zip archive.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{Datelike, Local, NaiveDateTime, TimeZone, Timelike};

/// A local time in steps of two seconds, from 1980 to 2107: the date in the upper sixteen bits, the
/// time of day in the lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transfer) struct DosTime(u32);

impl DosTime {
    /// The first second of 1980.
    pub(in crate::transfer) const EARLIEST: Self = Self(1 << 21 | 1 << 16);
    /// The last step of 2107.
    const LATEST: Self = Self(127 << 25 | 12 << 21 | 31 << 16 | 23 << 11 | 59 << 5 | 29);
    /// The years that a file's time is cut to before the calendar sees it, in seconds since 1970:
    /// 1978 and 2110, outside of what a zip archive can say in every time zone.
    const CALENDAR: (i64, i64) = (252_460_800, 4_417_977_600);

    /// Converts a time to this machine's time zone; what lies outside becomes the nearest time.
    pub(in crate::transfer) fn of(time: SystemTime) -> Self {
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            Err(_) => i64::MIN,
        };
        let seconds = seconds.clamp(Self::CALENDAR.0, Self::CALENDAR.1);
        match Local.timestamp_opt(seconds, 0).earliest() {
            Some(local) => Self::at(local.naive_local()),
            None => Self::EARLIEST,
        }
    }

    fn at(local: NaiveDateTime) -> Self {
        let Ok(year) = u32::try_from(local.year() - 1980) else { return Self::EARLIEST };
        if year > 127 {
            return Self::LATEST;
        }
        let date = year << 25 | local.month() << 21 | local.day() << 16;
        let step = local.second() / 2;
        Self(date | local.hour() << 11 | local.minute() << 5 | step)
    }

    /// Returns time and date as the four bytes of a record, little-endian.
    pub(in crate::transfer) fn to_le_bytes(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }

    /// Takes what [`to_le_bytes`](Self::to_le_bytes) gave.
    pub(in crate::transfer) fn from_le_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(bytes))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn packs_a_date_as_python_does() {
        let day = NaiveDate::from_ymd_opt(2020, 1, 2).unwrap();
        let packed = DosTime::at(day.and_hms_opt(3, 4, 7).unwrap());
        assert_eq!(packed.to_le_bytes(), [0x83, 0x18, 0x22, 0x50]);
    }

    #[test]
    fn far_times_become_the_nearest() {
        let century = Duration::from_secs(100 * 366 * 86_400);
        assert_eq!(DosTime::of(UNIX_EPOCH), DosTime::EARLIEST);
        assert_eq!(DosTime::of(UNIX_EPOCH - century), DosTime::EARLIEST);
        assert_eq!(DosTime::of(UNIX_EPOCH + century + century), DosTime::LATEST);
        let day = NaiveDate::from_ymd_opt(2107, 12, 31).unwrap();
        assert_eq!(DosTime::at(day.and_hms_opt(23, 59, 59).unwrap()), DosTime::LATEST);
        let day = NaiveDate::from_ymd_opt(1980, 1, 1).unwrap();
        assert_eq!(DosTime::at(day.and_hms_opt(0, 0, 0).unwrap()), DosTime::EARLIEST);
    }
}
