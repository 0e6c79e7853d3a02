//! How coarsely is kept what would help to find anybody.

use std::time::Duration;

/// How coarsely times are kept at which something began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Blur(Option<f64>);

impl Blur {
    /// Nothing and no time at all are the same.
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        Self(interval.map(|interval| interval.as_secs_f64()).filter(|seconds| *seconds > 0.0))
    }

    /// Gives what is kept of a unix time.
    pub(crate) fn apply(self, time: f64) -> f64 {
        self.0.map_or(time, |interval| (time / interval).floor() * interval)
    }

    /// Gives what is kept of a number of bytes: about two digits of it, rounded up
    /// [transit-relay.md: results].
    pub(crate) fn bytes(self, bytes: u64) -> u64 {
        let unit = match bytes {
            _ if self.0.is_none() => 1,
            0..1_000_000 => 10_000,
            1_000_000..1_000_000_000 => 1_000_000,
            _ => 100_000_000,
        };
        bytes.div_ceil(unit).saturating_mul(unit)
    }

    /// Gives the multiples of which times are kept.
    pub(super) fn seconds(self) -> Option<f64> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_forgets_what_lies_within_it() {
        let hour = Blur::new(Some(Duration::from_secs(3600)));
        assert_eq!(hour.apply(7_199.9), 3_600.0);
        assert_eq!(hour.apply(7_200.0), 7_200.0);
        for none in [None, Some(Duration::ZERO)] {
            assert_eq!(Blur::new(none).apply(7_199.9), 7_199.9);
        }
    }

    #[test]
    fn sizes_are_rounded_up() {
        let blur = Blur::new(Some(Duration::from_secs(1)));
        for (bytes, kept) in [
            (0, 0),
            (1, 10_000),
            (10_000, 10_000),
            (10_001, 20_000),
            (1_500_000, 2_000_000),
            (1_050_000_000, 1_100_000_000),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(blur.bytes(bytes), kept);
            assert_eq!(Blur::default().bytes(bytes), bytes);
        }
    }
}
