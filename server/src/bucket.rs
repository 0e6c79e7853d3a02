//! A token bucket: so many in a time on average, and a burst now and then. Who takes more than there
//! is has to wait until that has come.

use std::time::{Duration, Instant};

/// How fast tokens come, and how many fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    per_second: f64,
    burst: f64,
}

impl Rate {
    /// So many a second, of which those of ten seconds fit.
    pub(crate) fn per_second(most: u64) -> Self {
        Self { per_second: most as f64, burst: most as f64 * 10.0 }
    }

    /// So many a minute, of which half fit; at least one.
    pub(crate) fn per_minute(most: u64) -> Self {
        Self { per_second: most as f64 / 60.0, burst: (most as f64 / 2.0).max(1.0) }
    }
}

/// Full at first; at most as much may be owed to it as fits.
#[derive(Clone)]
pub(crate) struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// Makes one that is filled at `rate`.
    pub(crate) fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, filled: now }
    }

    /// Takes tokens, and tells after how long what was taken has come.
    pub(crate) fn take(&mut self, tokens: u32, rate: Rate, now: Instant) -> Duration {
        self.fill(rate, now);
        self.tokens = (self.tokens - f64::from(tokens)).max(-rate.burst);
        self.missing(0.0, rate)
    }

    /// Takes a token only where there is one.
    ///
    /// # Errors
    /// After how long there is.
    pub(crate) fn try_take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.fill(rate, now);
        if self.tokens < 1.0 {
            return Err(self.missing(1.0, rate));
        }
        self.tokens -= 1.0;
        Ok(())
    }

    /// Puts back tokens that were taken.
    pub(crate) fn put_back(&mut self, tokens: u32, rate: Rate) {
        self.tokens = (self.tokens + f64::from(tokens)).min(rate.burst);
    }

    /// Tells whether nothing was taken of late.
    pub(crate) fn is_full(&mut self, rate: Rate, now: Instant) -> bool {
        self.fill(rate, now);
        self.tokens >= rate.burst
    }

    fn missing(&self, wanted: f64, rate: Rate) -> Duration {
        let seconds = (wanted - self.tokens).max(0.0) / rate.per_second;
        // A hair more, so that rounding leaves nothing to wait for.
        Duration::try_from_secs_f64(seconds * 1.000_001).unwrap_or(Duration::MAX)
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let new = now.saturating_duration_since(self.filled).as_secs_f64() * rate.per_second;
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + new).min(rate.burst);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let (start, rate) = (Instant::now(), Rate::per_second(2));
        let mut bucket = Bucket::full(rate, start);
        let mut taken = |after: f64| {
            let now = start + Duration::from_secs_f64(after);
            (0..100).filter(|_| bucket.try_take(rate, now).is_ok()).count()
        };
        assert_eq!(taken(0.0), 20);
        assert_eq!(taken(0.25), 0);
        assert_eq!(taken(0.5), 1);
        assert_eq!(taken(2.0), 3);
        assert_eq!(taken(1000.0), 20, "no more than fits");
    }

    #[test]
    fn what_is_owed_is_waited_for() {
        let (start, rate) = (Instant::now(), Rate::per_second(2));
        let mut bucket = Bucket::full(rate, start);
        assert_eq!(bucket.take(20, rate, start), Duration::ZERO);
        let wait = bucket.take(1, rate, start);
        assert_eq!(wait.as_millis(), 500);
        assert!(bucket.try_take(rate, start).unwrap_err() > Duration::from_secs(1) - wait);
        assert_eq!(bucket.take(1, rate, start + wait).as_millis(), 500);
        assert_eq!(bucket.take(u32::MAX, rate, start).as_millis(), 10_000, "no more than fits");
    }

    #[test]
    fn what_is_put_back_can_be_taken_again() {
        let (start, rate) = (Instant::now(), Rate::per_minute(6));
        let mut bucket = Bucket::full(rate, start);
        bucket.put_back(1, rate);
        (0..3).for_each(|_| bucket.try_take(rate, start).unwrap());
        assert_eq!(bucket.try_take(rate, start).unwrap_err().as_secs(), 10);
        bucket.put_back(1, rate);
        bucket.try_take(rate, start).unwrap();
    }
}
