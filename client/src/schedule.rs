//! When to try again after the connection to the mailbox server was lost.

use std::time::Duration;

/// The shortest wait between two attempts: a server that refuses at once is not to be flooded.
const SHORTEST: Duration = Duration::from_millis(10);

/// Waits between attempts to reach the server again, by how long it has been lost.
///
/// A program that wants to be quick for five minutes and then patient for days polls every half
/// second, then once an hour:
///
/// ```
/// # use std::time::Duration;
/// # use wormhole_client::Schedule;
/// let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
/// let schedule = Schedule::new([
///     (Duration::ZERO, Duration::from_millis(500)),
///     (5 * minute, hour),
/// ])?;
/// # Ok::<(), wormhole_client::BadSchedule>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Vec<(Duration, Duration)>);

/// What is no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSchedule {
    /// The first step must hold from the very loss on.
    #[error("expected a schedule whose first step begins at zero")]
    Start,
    /// Each step must begin later than the one before.
    #[error("expected a schedule whose steps begin one after the other")]
    Order,
    /// A wait is shorter than ten milliseconds.
    #[error("expected waits of at least ten milliseconds, got {0:?}")]
    Interval(Duration),
}

impl Schedule {
    /// Takes steps of (time since the loss, wait before each attempt from then on).
    ///
    /// # Errors
    /// [`BadSchedule`].
    pub fn new(steps: impl IntoIterator<Item = (Duration, Duration)>) -> Result<Self, BadSchedule> {
        let steps: Vec<_> = steps.into_iter().collect();
        if steps.first().is_none_or(|(after, _)| !after.is_zero()) {
            return Err(BadSchedule::Start);
        }
        if !steps.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(BadSchedule::Order);
        }
        match steps.iter().find(|(_, interval)| *interval < SHORTEST) {
            Some((_, interval)) => Err(BadSchedule::Interval(*interval)),
            None => Ok(Self(steps)),
        }
    }

    /// How long to wait before the next attempt, where the connection was lost so long ago.
    pub(crate) fn wait(&self, lost: Duration) -> Duration {
        let begun = self.0.partition_point(|(after, _)| *after <= lost);
        self.0[begun.saturating_sub(1)].1
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn schedule(steps: &[(u64, u64)]) -> Result<Schedule, BadSchedule> {
        let seconds =
            |(after, wait): &(u64, u64)| (Duration::from_secs(*after), Duration::from_secs(*wait));
        Schedule::new(steps.iter().map(seconds))
    }

    #[test]
    fn each_step_holds_from_its_beginning_on() {
        let steps = schedule(&[(0, 1), (10, 5), (60, 3600)]).unwrap();
        let cases = [(0, 1), (9, 1), (10, 5), (59, 5), (60, 3600), (u64::MAX, 3600)];
        for (lost, wait) in cases {
            assert_eq!(steps.wait(Duration::from_secs(lost)), Duration::from_secs(wait), "{lost}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        assert_eq!(schedule(&[]), Err(BadSchedule::Start));
        assert_eq!(schedule(&[(1, 1)]), Err(BadSchedule::Start));
        assert_eq!(schedule(&[(0, 1), (5, 1), (5, 2)]), Err(BadSchedule::Order));
        assert_eq!(schedule(&[(0, 1), (5, 0)]), Err(BadSchedule::Interval(Duration::ZERO)));
    }
}
