//! The time of day.

use std::time::SystemTime;

/// Gives the unix time in seconds.
pub(crate) fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64())
}
