//! The seam between the sessions and whatever keeps the mailboxes: only these messages cross it.
//!
//! A session [enters](Enter) the hall once it knows its app, then gives [`Order`]s to the app one
//! at a time, and [hears](Heard) what is added to the mailbox that it has open.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use actix::{Message, Recipient};
use wormhole_protocol::{
    name::{AppId, MailboxId, Mood, Nameplate, Phase, Side},
    wire::{Answer, Body, ListedNameplate},
};

use crate::{guest::Visit, limits::Exceeded};

/// The app in which the canary does what clients do: no client may bind to it.
pub(crate) const CANARY_APP: &str = "canary.wormhole-server.invalid";

/// Tells one connection from all others of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(u64);

impl SessionId {
    /// Gives one that was never given before.
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A session has bound: it asks the hall for its app.
#[derive(Message)]
#[rtype(result = "Result<Desk, Exceeded>")]
pub(crate) struct Enter {
    pub(crate) app: AppId,
    pub(crate) session: SessionId,
    pub(crate) visit: Arc<Visit>,
    pub(crate) ears: Recipient<Heard>,
}

/// Where a session of an app gives its orders; dropped, it leaves.
pub(crate) struct Desk {
    pub(crate) session: SessionId,
    pub(crate) orders: Recipient<Order>,
    pub(crate) leave: Recipient<Leave>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.leave.do_send(Leave(self.session));
    }
}

/// One command that passed the checks which need no knowledge beyond the connection.
#[derive(Message)]
#[rtype(result = "Result<Done, Refusal>")]
pub(crate) struct Order {
    pub(crate) session: SessionId,
    pub(crate) side: Side,
    pub(crate) ask: Ask,
}

/// The connection has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Leave(pub(crate) SessionId);

impl Order {
    /// Gives it again, where it may be told to wait.
    pub(crate) fn again(&self) -> Option<Self> {
        let Self { session, side, ask } = self;
        matches!(ask, Ask::Claim(_) | Ask::Open(_)).then(|| Self {
            session: *session,
            side: side.clone(),
            ask: ask.clone(),
        })
    }
}

/// What an order asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ask {
    List,
    Allocate,
    Claim(Nameplate),
    /// The name may be any text: what is no nameplate is nobody's.
    Release(String),
    Open(MailboxId),
    Add {
        mailbox: MailboxId,
        phase: Phase,
        body: Body,
        id: Option<String>,
    },
    Close {
        mailbox: MailboxId,
        mood: Option<Mood>,
    },
}

impl Ask {
    /// Tells whether what it asks for takes room on the disk; the rest is read, or gives some back.
    pub(crate) fn takes_room(&self) -> bool {
        match self {
            Self::Allocate | Self::Claim(_) | Self::Open(_) | Self::Add { .. } => true,
            Self::List | Self::Release(_) | Self::Close { .. } => false,
        }
    }
}

/// An order carried out, and on disk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Done {
    Listed(Vec<ListedNameplate>),
    Allocated(Nameplate),
    Claimed(MailboxId),
    Released,
    /// Every message until now; later ones are heard.
    Opened(Vec<Arc<StoredMessage>>),
    /// The sender hears its own message.
    Added,
    Closed,
}

/// An order refused; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("crowded")]
    Crowded,
    #[error("reclaimed")]
    Reclaimed,
    /// The mailbox went away under the connection.
    #[error("must open mailbox before adding")]
    NotOpen,
    #[error("all nameplates are in use")]
    NoNameplate,
    /// This server takes only nameplates that it has allocated.
    #[error("nameplate is not allocated")]
    NotAllocated,
    #[error(transparent)]
    Limit(#[from] Exceeded),
    /// Too much that the client's address has joined has come to nothing: it has to wait, and the
    /// order to be given again. No client is told.
    #[error("the address has to wait before it joins")]
    NotYet,
    /// The store failed, or the app: what this connection knows may no longer be true.
    #[error("the server cannot use its database")]
    Broken,
}

/// Somebody has added a message to the mailbox that the session has open.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Heard(pub(crate) Arc<StoredMessage>);

/// A message as the server keeps it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredMessage {
    pub(crate) side: Side,
    pub(crate) phase: Phase,
    pub(crate) body: Body,
    /// When the `add` came, in unix seconds.
    pub(crate) server_rx: f64,
    /// The mark of the `add`, where it was a text.
    pub(crate) id: Option<String>,
}

impl StoredMessage {
    /// Bytes, as the limits count them: as they are sent, so that nobody can fill more of the
    /// server's memory than of a mailbox.
    pub(crate) fn size(&self) -> usize {
        let phase = match &self.phase {
            Phase::Other(text) => written(text),
            plain => plain.len(),
        };
        let id = self.id.as_deref().map_or(0, written);
        written(self.side.as_str()) + phase + written(self.body.as_str()) + id
    }
}

/// Bytes of a text in JSON.
fn written(text: &str) -> usize {
    let byte = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        ..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(byte).sum()
}

impl From<&StoredMessage> for Answer {
    fn from(message: &StoredMessage) -> Self {
        Self::Message {
            side: message.side.clone(),
            phase: message.phase.clone(),
            body: message.body.clone(),
            server_rx: Some(message.server_rx),
            id: message.id.clone().into(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod model;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_as_long_as_it_is_written(text in "[\\x00-\\x7fäß\u{2028}]{0,40}") {
            let quotes = 2;
            prop_assert_eq!(written(&text) + quotes, Value::from(text).to_string().len());
        }
    }
}
