//! What has happened since the start, for those who watch the server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use wormhole_protocol::wire::Verb;

/// The counts, which clones share.
#[derive(Clone, Default)]
pub(crate) struct Meters(Arc<Counts>);

struct Counts {
    began: Instant,
    websockets: AtomicU64,
    commands: [AtomicU64; Verb::ALL.len()],
    refusals: AtomicU64,
    commits: AtomicU64,
    failures: AtomicU64,
    /// Milliseconds from the start to the latest of them.
    failed: AtomicU64,
    app_falls: AtomicU64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            websockets: AtomicU64::default(),
            commands: Default::default(),
            refusals: AtomicU64::default(),
            commits: AtomicU64::default(),
            failures: AtomicU64::default(),
            failed: AtomicU64::default(),
            app_falls: AtomicU64::default(),
        }
    }
}

impl Meters {
    /// Counts a websocket that was let in.
    pub(crate) fn welcome(&self) {
        self.0.websockets.fetch_add(1, Relaxed);
    }

    /// Counts a command that could be read.
    pub(crate) fn command(&self, verb: Verb) {
        self.0.commands[verb as usize].fetch_add(1, Relaxed);
    }

    /// Counts an `error` that was answered.
    pub(crate) fn refusal(&self) {
        self.0.refusals.fetch_add(1, Relaxed);
    }

    /// Counts a batch that is on disk.
    pub(crate) fn commit(&self) {
        self.0.commits.fetch_add(1, Relaxed);
    }

    /// Counts a write to the database that failed.
    pub(crate) fn failure(&self) {
        self.fail(Instant::now());
    }

    fn fail(&self, now: Instant) {
        let since = now.saturating_duration_since(self.0.began).as_millis();
        self.0.failed.store(u64::try_from(since).unwrap_or(u64::MAX), Relaxed);
        self.0.failures.fetch_add(1, Relaxed);
    }

    /// Counts an app that panicked.
    pub(crate) fn app_fell(&self) {
        self.0.app_falls.fetch_add(1, Relaxed);
    }

    pub(crate) fn websockets(&self) -> u64 {
        self.0.websockets.load(Relaxed)
    }

    pub(crate) fn commands(&self) -> [(Verb, u64); Verb::ALL.len()] {
        Verb::ALL.map(|verb| (verb, self.0.commands[verb as usize].load(Relaxed)))
    }

    pub(crate) fn refusals(&self) -> u64 {
        self.0.refusals.load(Relaxed)
    }

    pub(crate) fn commits(&self) -> u64 {
        self.0.commits.load(Relaxed)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.0.failures.load(Relaxed)
    }

    /// Tells how long ago a write to the database failed; none where none has.
    pub(crate) fn since_failure(&self, now: Instant) -> Option<Duration> {
        let failed = Duration::from_millis(self.0.failed.load(Relaxed));
        (self.failures() > 0).then(|| now.saturating_duration_since(self.0.began + failed))
    }

    pub(crate) fn app_falls(&self) -> u64 {
        self.0.app_falls.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_failure_is_remembered() {
        let meters = Meters::default();
        let at = |seconds| meters.0.began + Duration::from_secs(seconds);
        assert_eq!(meters.since_failure(at(9)), None);
        meters.fail(at(0));
        assert_eq!(meters.since_failure(at(9)), Some(Duration::from_secs(9)));
        meters.fail(at(5));
        assert_eq!(meters.since_failure(at(9)), Some(Duration::from_secs(4)));
    }

    #[test]
    fn every_verb_has_its_own_place() {
        for (place, verb) in Verb::ALL.into_iter().enumerate() {
            assert_eq!(verb as usize, place);
        }
    }
}
