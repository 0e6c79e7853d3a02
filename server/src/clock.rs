//! The time of day, and one that nobody sets.
//!
//! What is decided by how long something has lasted, or which of two came first, goes by
//! [`steady`]: a clock that is set meanwhile neither ends mailboxes nor makes up durations. What
//! people or other programs read goes by [`now`].

use std::{
    sync::LazyLock,
    time::{Instant, SystemTime},
};

use crate::Error;

/// Gives the unix time in seconds; none where it is before 1970.
fn unix() -> Option<f64> {
    let unix = SystemTime::UNIX_EPOCH.elapsed().ok().map(|since| since.as_secs_f64());
    #[cfg(test)]
    let unix = unix.map(|unix| unix + SKEW.get()).filter(|unix| *unix >= 0.0);
    unix
}

/// Gives the unix time in seconds, zero where the clock is before 1970.
pub(crate) fn now() -> f64 {
    unix().unwrap_or(0.0)
}

/// Asks whether the clock shows a time that HTTP can tell.
///
/// # Errors
/// [`Error::Clock`] where it is before 1970.
pub(crate) fn check() -> Result<(), Error> {
    unix().map(drop).ok_or(Error::Clock)
}

/// Gives the unix time that a clock would show which was set when this program began, and never
/// since.
pub(crate) fn steady() -> f64 {
    static BEGAN: LazyLock<(f64, Instant)> = LazyLock::new(|| (now(), Instant::now()));
    let (time, began) = *BEGAN;
    time + began.elapsed().as_secs_f64()
}

/// Gives when it was, by the clock as it is now, that [`steady`] showed this.
pub(crate) fn of_day(steady: f64) -> f64 {
    /// Clocks that nobody sets differ too, by a little.
    const SET: f64 = 1.0;
    let ahead = now() - self::steady();
    if ahead.abs() < SET { steady } else { (steady + ahead).max(0.0) }
}

#[cfg(test)]
thread_local! {
    /// How far the clock was set, for this test alone.
    static SKEW: std::cell::Cell<f64> = const { std::cell::Cell::new(0.0) };
}

/// Sets the clock, for the thread of a test, to so much more than it is.
#[cfg(test)]
pub(crate) fn set(skew: f64) {
    SKEW.set(skew);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_moves_the_time_of_day_alone() {
        let (began, day) = (steady(), now());
        assert_eq!(of_day(began), began, "nobody has set it");
        for skew in [86_400.0, -86_400.0] {
            set(skew);
            assert!((now() - day - skew).abs() < 60.0);
            assert!((0.0..60.0).contains(&(steady() - began)));
            assert!((of_day(began) - day - skew).abs() < 60.0, "what has begun by the new clock");
        }
    }

    #[test]
    fn before_1970_it_is_no_time_at_all() {
        let began = steady();
        set(-1e10);
        assert_eq!((now(), of_day(began)), (0.0, 0.0));
        assert!(matches!(check(), Err(Error::Clock)));
        assert!(steady() >= began);
        set(0.0);
        assert!(check().is_ok());
    }
}
