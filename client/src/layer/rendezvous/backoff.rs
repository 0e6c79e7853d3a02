//! How long to wait before the next attempt [client.md: reconnecting].

use std::time::Duration;

use tokio::time::Instant;

use crate::{random::random, schedule::Schedule};

/// Where the application has no schedule of its own, counts failed attempts: 1.5 times longer
/// after each, up to a minute, and up to a second more by chance, so that a server which comes
/// back does not meet all its clients at once.
pub(super) struct Backoff {
    schedule: Option<Schedule>,
    lost: Option<Instant>,
    failures: i32,
}

impl Backoff {
    pub(super) fn new(schedule: Option<Schedule>) -> Self {
        Self { schedule, lost: None, failures: 0 }
    }

    /// The connection stands.
    pub(super) fn reset(&mut self) {
        (self.lost, self.failures) = (None, 0);
    }

    /// It was lost, or could not be made.
    pub(super) fn next(&mut self) -> Duration {
        let lost = *self.lost.get_or_insert_with(Instant::now);
        if let Some(schedule) = &self.schedule {
            return schedule.wait(lost.elapsed());
        }
        self.failures = self.failures.saturating_add(1);
        let regular = 1.5_f64.powi(self.failures).min(60.0);
        let jitter = f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX);
        Duration::from_secs_f64(regular + jitter)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_a_minute() {
        let mut backoff = Backoff::new(None);
        for _ in 0..2 {
            for expected in [1.5, 2.25, 3.375, 5.0625, 7.59375] {
                let seconds = backoff.next().as_secs_f64();
                assert!((expected..=expected + 1.0).contains(&seconds), "{seconds}");
            }
            for _ in 0..20 {
                backoff.next();
            }
            assert!((60.0..=61.0).contains(&backoff.next().as_secs_f64()));
            backoff.reset();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_schedule_counts_from_the_loss() {
        let seconds = Duration::from_secs;
        let schedule = Schedule::new([(seconds(0), seconds(1)), (seconds(3), seconds(60))]);
        let mut backoff = Backoff::new(Some(schedule.unwrap()));
        for _ in 0..2 {
            for expected in [1, 1, 1, 60, 60] {
                let wait = backoff.next();
                assert_eq!(wait, seconds(expected));
                tokio::time::advance(wait).await;
            }
            backoff.reset();
        }
    }
}
