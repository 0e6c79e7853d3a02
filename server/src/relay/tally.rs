//! What a relay does and has done, in counters that anybody may read.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::sync::watch;

use super::story::{Ended, RelayMood};

/// The counters; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Counts>);

#[derive(Default)]
struct Counts {
    connections: watch::Sender<u64>,
    accepted: AtomicU64,
    waiting: AtomicU64,
    /// Tokens with which somebody waits.
    tokens: AtomicU64,
    websockets: AtomicU64,
    pairs: AtomicU64,
    bytes: AtomicU64,
    /// Those of pairs that have not ended.
    incomplete_bytes: AtomicU64,
    ended: [AtomicU64; RelayMood::ALL.len()],
}

/// Something counts, as long as this lives.
pub(super) struct Counting {
    tally: Tally,
    count: fn(&Counts) -> &AtomicU64,
}

impl Tally {
    pub(super) fn arrive(&self) {
        self.0.accepted.fetch_add(1, Relaxed);
        self.0.connections.send_modify(|connections| *connections += 1);
    }

    pub(super) fn leave(&self) {
        self.0.connections.send_modify(|connections| *connections -= 1);
    }

    /// Counts a connection that waits.
    pub(super) fn wait(&self) -> Counting {
        self.counting(|counts| &counts.waiting)
    }

    /// Counts a connection that is a websocket.
    pub(super) fn speak_frames(&self) -> Counting {
        self.counting(|counts| &counts.websockets)
    }

    /// Notes with how many tokens somebody waits.
    pub(super) fn tokens(&self, tokens: usize) {
        self.0.tokens.store(tokens as u64, Relaxed);
    }

    /// Counts two connections that are joined.
    pub(super) fn join(&self) -> Counting {
        self.counting(|counts| &counts.pairs)
    }

    fn counting(&self, count: fn(&Counts) -> &AtomicU64) -> Counting {
        count(&self.0).fetch_add(1, Relaxed);
        Counting { tally: self.clone(), count }
    }

    pub(super) fn carry(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes as u64, Relaxed);
        self.0.incomplete_bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn count(&self, ended: &Ended) {
        self.0.ended[ended.mood as usize].fetch_add(1, Relaxed);
        self.0.incomplete_bytes.fetch_sub(ended.bytes, Relaxed);
    }

    /// Comes back when nobody is connected.
    pub(super) async fn all_gone(&self) {
        let mut connections = self.0.connections.subscribe();
        // The sender is in our hands.
        let _ = connections.wait_for(|connections| *connections == 0).await;
    }
}

/// What the counters say.
impl Tally {
    /// Connections that are open.
    pub(crate) fn connections(&self) -> u64 {
        *self.0.connections.borrow()
    }

    /// Connections that were let in.
    pub(crate) fn accepted(&self) -> u64 {
        self.0.accepted.load(Relaxed)
    }

    /// Connections that wait for their peers.
    pub(crate) fn waiting(&self) -> u64 {
        self.0.waiting.load(Relaxed)
    }

    /// Tokens with which somebody waits.
    pub(crate) fn waiting_tokens(&self) -> u64 {
        self.0.tokens.load(Relaxed)
    }

    /// Connections that are websockets.
    pub(crate) fn websockets(&self) -> u64 {
        self.0.websockets.load(Relaxed)
    }

    /// Pairs that are joined.
    pub(crate) fn pairs(&self) -> u64 {
        self.0.pairs.load(Relaxed)
    }

    /// Bytes that were carried.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// Bytes that were carried between those that are joined.
    pub(crate) fn incomplete_bytes(&self) -> u64 {
        self.0.incomplete_bytes.load(Relaxed)
    }

    /// How many have ended so.
    pub(crate) fn ended(&self, mood: RelayMood) -> u64 {
        self.0.ended[mood as usize].load(Relaxed)
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        (self.count)(&self.tally.0).fetch_sub(1, Relaxed);
    }
}
