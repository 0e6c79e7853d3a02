//! What is there now: counted over all apps when somebody asks.

use std::iter::Sum;

use actix::Message;

/// Count what you hold.
#[derive(Clone, Copy, Message)]
#[rtype(result = "Census")]
pub(crate) struct TakeCensus;

/// What the apps hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) apps: u64,
    pub(crate) nameplates: u64,
    pub(crate) mailboxes: u64,
    pub(crate) messages: u64,
    /// Bytes of all messages.
    pub(crate) bytes: u64,
}

impl Sum for Census {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            apps: sum.apps + one.apps,
            nameplates: sum.nameplates + one.nameplates,
            mailboxes: sum.mailboxes + one.mailboxes,
            messages: sum.messages + one.messages,
            bytes: sum.bytes + one.bytes,
        })
    }
}
