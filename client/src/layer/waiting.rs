//! How much may wait of what a peer sends before its turn.

/// The most messages, and the most bytes: far more than any honest peer sends so.
const MAX: (usize, usize) = (1_000, 16 << 20);

/// Counts what waits.
#[derive(Default)]
pub(crate) struct Waiting {
    messages: usize,
    bytes: usize,
}

impl Waiting {
    /// Counts one more message; false where that is too much.
    pub(crate) fn add(&mut self, bytes: usize) -> bool {
        self.messages += 1;
        self.bytes += bytes;
        self.messages <= MAX.0 && self.bytes <= MAX.1
    }

    /// One has had its turn.
    pub(crate) fn remove(&mut self, bytes: usize) {
        self.messages -= 1;
        self.bytes -= bytes;
    }
}
