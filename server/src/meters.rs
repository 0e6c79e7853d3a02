//! What has happened since the start, for those who watch the server.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use wormhole_protocol::wire::Verb;

/// The counts, which clones share.
#[derive(Clone, Default)]
pub(crate) struct Meters(Arc<Counts>);

#[derive(Default)]
struct Counts {
    websockets: AtomicU64,
    commands: [AtomicU64; Verb::ALL.len()],
    refusals: AtomicU64,
    commits: AtomicU64,
    failures: AtomicU64,
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
        self.0.failures.fetch_add(1, Relaxed);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_its_own_place() {
        for (place, verb) in Verb::ALL.into_iter().enumerate() {
            assert_eq!(verb as usize, place);
        }
    }
}
