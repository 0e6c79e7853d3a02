//! When a transfer ends that is not done: because somebody wants it, or because it takes too long.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::watch;

/// What ends a transfer before it is done. By itself nothing but a stall does.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// How long it may take.
    pub deadlines: Deadlines,
    /// Ends it when told so.
    pub cancel: Cancel,
}

/// How long the steps of a transfer may take; `None` is for ever, unless something else is said
/// below. What comes too late is a
/// [`TransferError::Late`](super::TransferError::Late), of which the peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// The peer's answer to our offer, or its offer: at first a day, since people think. A peer
    /// that was killed meanwhile cannot be noticed.
    pub answer: Option<Duration>,
    /// The connection to the peer: at first as long as transit tries, two minutes.
    pub connect: Option<Duration>,
    /// The time in which not one byte moves: at first five minutes. It does not hold for data of
    /// unknown length, of which nobody knows when it comes.
    pub stall: Option<Duration>,
    /// The peer's confirmation after the last byte. At first one of ours, which says that it is at
    /// work, may be silent for two minutes, and for six seconds where the connection is gone.
    /// Others may take ten minutes, and a second for each megabyte and each hundred files that they
    /// unpack.
    pub confirm: Option<Duration>,
    /// The whole transfer, from the offer on: at first for ever.
    pub whole: Option<Duration>,
}

impl Default for Deadlines {
    fn default() -> Self {
        let stall = Some(Duration::from_secs(5 * 60));
        let answer = Some(Duration::from_secs(24 * 60 * 60));
        Self { answer, connect: None, stall, confirm: None, whole: None }
    }
}

/// What was waited for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// The peer's offer.
    Offer,
    /// The peer's answer to our offer.
    Answer,
    /// A connection to the peer.
    Connection,
    /// Another byte, in either direction.
    Bytes,
    /// The peer's word that everything has arrived.
    Confirmation,
    /// The end of the whole transfer.
    End,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offer => "the peer's offer",
            Self::Answer => "the peer's answer to our offer",
            Self::Connection => "a connection to the peer",
            Self::Bytes => "another byte to move",
            Self::Confirmation => "the peer's confirmation",
            Self::End => "the end of the transfer",
        })
    }
}

/// Ends a transfer from elsewhere: a button, a signal, another thread. All clones are one.
///
/// Dropping the transfer's future ends it as well; this one also gives an error that says how far
/// it had come.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<watch::Sender<bool>>);

impl Cancel {
    /// Makes one that nobody has used.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Ends all transfers that have this among their terms, now and in future.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Tells whether it was used.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is used.
    pub async fn cancelled(&self) {
        // The sender lives as long as this one.
        let _ = self.0.subscribe().wait_for(|cancelled| *cancelled).await;
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}
