//! How long to wait before the next attempt [client.md: reconnecting].

use std::time::Duration;

use crate::random::random;

/// Counts failed attempts: 1.5 times longer after each, up to a minute, and up to a second more by
/// chance, so that a server which comes back does not meet all its clients at once.
#[derive(Default)]
pub(super) struct Backoff {
    failures: i32,
}

impl Backoff {
    pub(super) fn next(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let regular = 1.5_f64.powi(self.failures).min(60.0);
        let jitter = f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX);
        Duration::from_secs_f64(regular + jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_a_minute() {
        let mut backoff = Backoff::default();
        for expected in [1.5, 2.25, 3.375, 5.0625, 7.59375] {
            let seconds = backoff.next().as_secs_f64();
            assert!((expected..=expected + 1.0).contains(&seconds), "{seconds}");
        }
        for _ in 0..20 {
            backoff.next();
        }
        assert!((60.0..=61.0).contains(&backoff.next().as_secs_f64()));
    }
}
