//! Relayed connections that a sender holds back for a moment, for a direct one may follow
//! [transit.md: rules for our client].

use std::{collections::VecDeque, time::Duration};

use futures_util::future::pending;
use tokio::time::{Instant, sleep_until};

use super::{Found, Way};

/// The part of the time so far that a relay waits for a direct way, and the most it waits, as in
/// the Rust program.
const SHARE: f64 = 0.3;
const LONGEST: Duration = Duration::from_secs(1);

/// Those that are held, the earliest first.
#[derive(Default)]
pub(super) struct Held {
    found: VecDeque<(Way, Found)>,
    until: Option<Instant>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Holds one back; how long, the first of them says, which took this time.
    pub(super) fn hold(&mut self, way: Way, found: Found, taken: Duration) {
        let wait = taken.mul_f64(SHARE).min(LONGEST);
        self.until.get_or_insert_with(|| Instant::now() + wait);
        self.found.push_back((way, found));
    }

    /// Gives the earliest when its time is over, or at once where nothing is waited for.
    pub(super) fn take_unless(&mut self, waiting: bool) -> Option<(Way, Found)> {
        let over = self.until.is_some_and(|until| until <= Instant::now());
        if waiting && !over { None } else { self.found.pop_front() }
    }

    /// Waits until the time is over, for ever where none is held.
    pub(super) async fn over(&self) {
        match self.until.filter(|_| !self.is_empty()) {
            Some(until) => sleep_until(until).await,
            None => pending().await,
        }
    }

    /// Lets go of all.
    pub(super) fn all(&mut self) -> impl Iterator<Item = Found> + use<> {
        std::mem::take(&mut self.found).into_iter().map(|(_, found)| found)
    }
}
