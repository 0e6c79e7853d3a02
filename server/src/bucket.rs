//! A token bucket: so many a second on average, and a burst now and then.

use std::time::Instant;

/// Holds as many tokens as come in ten seconds, and is full at first.
#[derive(Clone)]
pub(crate) struct Bucket {
    tokens: f64,
    filled: Instant,
}

const BURST_SECONDS: f64 = 10.0;

impl Bucket {
    /// Makes one for `rate` tokens a second.
    pub(crate) fn full(rate: u64, now: Instant) -> Self {
        Self { tokens: rate as f64 * BURST_SECONDS, filled: now }
    }

    /// Takes a token; false where there is none.
    pub(crate) fn take(&mut self, rate: u64, now: Instant) -> bool {
        self.fill(rate, now);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// Tells whether nothing was taken of late.
    pub(crate) fn is_full(&mut self, rate: u64, now: Instant) -> bool {
        self.fill(rate, now);
        self.tokens >= rate as f64 * BURST_SECONDS
    }

    fn fill(&mut self, rate: u64, now: Instant) {
        let rate = rate as f64;
        let new = now.saturating_duration_since(self.filled).as_secs_f64() * rate;
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + new).min(rate * BURST_SECONDS);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::full(2, start);
        let mut taken = |after: f64| {
            let now = start + Duration::from_secs_f64(after);
            (0..100).filter(|_| bucket.take(2, now)).count()
        };
        assert_eq!(taken(0.0), 20);
        assert_eq!(taken(0.25), 0);
        assert_eq!(taken(0.5), 1);
        assert_eq!(taken(2.0), 3);
        assert_eq!(taken(1000.0), 20, "no more than fits");
    }
}
