//! Why a transfer came to nothing.

use std::{io, time::Duration};

use wormhole_protocol::{
    transfer::{BadAck, BadMessage, Refusal},
    transit::Role,
    wire::MAX_MESSAGE,
};

use super::{ArrivalError, Awaited, NameError, TargetError, UnpackError};
use crate::{
    Error,
    transit::{LandError, ShipError, TransitError},
};

/// The reason of a failed transfer, by whose fault it is.
///
/// Text of the peer's is as it came: escape it before it goes to a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The wormhole ended.
    #[error(transparent)]
    Wormhole(#[from] Error),
    /// There is no connection to the peer.
    #[error(transparent)]
    Transit(#[from] TransitError),
    /// Sending over the connection failed.
    #[error(transparent)]
    Ship(#[from] ShipError),
    /// Receiving over the connection failed.
    #[error(transparent)]
    Land(#[from] LandError),
    /// The peer gave up, for this reason.
    #[error("the peer gave up: {0}")]
    Peer(String),
    /// Somebody at the peer's end broke it off, in these words.
    #[error("the peer broke the transfer off: {0}")]
    PeerCancelled(String),
    /// It was [cancelled](super::Cancel) here.
    #[error("cancelled after {done} bytes")]
    Cancelled {
        /// Bytes sent or received until then.
        done: u64,
        /// Bytes in all, where that is known.
        total: Option<u64>,
    },
    /// A [deadline](super::Deadlines) has passed.
    #[error("waited {limit:?} for {awaited} in vain")]
    Late {
        /// What did not come.
        awaited: Awaited,
        /// The time it had.
        limit: Duration,
    },
    /// The peer is in the same role as we are.
    #[error("the other side {} as well: one of the two has to {}", same(*.0).0, same(*.0).1)]
    SameRole(Role),
    /// The peer sent a message that is none.
    #[error(transparent)]
    BadMessage(#[from] BadMessage),
    /// The peer did not say ok to our offer.
    #[error("the peer answered our offer with something other than ok: {0}")]
    Answer(String),
    /// The peer's confirmation cannot be read.
    #[error(transparent)]
    BadAck(#[from] BadAck),
    /// The peer hung up after the last byte.
    #[error("the peer hung up without confirming that everything arrived")]
    Unconfirmed,
    /// The peer confirmed something other than ok.
    #[error("the transfer failed, the peer says: {0}")]
    NotOk(String),
    /// The peer received other bytes than were sent.
    #[error("the peer received other bytes than were sent: their hashes differ")]
    Hash,
    /// The offered name is none that a file may have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no place for what is offered.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// What was received did not come to its place.
    #[error(transparent)]
    Arrival(#[from] ArrivalError),
    /// Data of unknown length could not be stored, to be measured for a peer that must know.
    #[error("cannot store what is to be sent: {0}")]
    Spool(std::io::Error),
    /// A file could not be opened.
    #[error("cannot open what is to be sent: {0}")]
    Open(std::io::Error),
    /// The message that holds a text, with its escapes, has more bytes than one may have; it has at
    /// least so many.
    #[error(
        "the text takes {0} bytes as a message, at most {MAX_MESSAGE} fit into one: send it as a file"
    )]
    TextTooLong(usize),
    /// Our own code is at fault.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

fn same(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Sender => ("wants to send", "receive"),
        Role::Receiver => ("waits for something", "send"),
    }
}

impl TransferError {
    /// Whether all we know is that there is no connection: the peer may know more, or less.
    pub(super) fn is_of_the_link(&self) -> bool {
        matches!(self, Self::Transit(_)) || self.is_hang_up()
    }

    /// Whether that is all that the peer knows.
    pub(super) fn is_of_the_peers_link(&self) -> bool {
        matches!(self, Self::Peer(text)
            if Refusal::is_of_the_link(text) || TransitError::is_told_by(text))
    }

    /// Whether the connection ended without a word.
    pub(super) fn is_hang_up(&self) -> bool {
        matches!(
            self,
            Self::Unconfirmed
                | Self::Ship(ShipError::Connection(_))
                | Self::Land(
                    LandError::Connection(_)
                        | LandError::Short { .. }
                        | LandError::NoEnd
                        | LandError::NoRecord
                )
        )
    }

    /// What to answer to an offer for which this has shown that there is no place.
    pub fn refusal(&self) -> Refusal {
        match self {
            _ if self.is_full() => Refusal::Full,
            Self::Target(TargetError::Io { .. } | TargetError::FileLimit { .. }) => {
                Refusal::Unstored
            }
            _ => Refusal::Rejected,
        }
    }

    /// Whether there is no room for what is received.
    fn is_full(&self) -> bool {
        match self {
            Self::Target(TargetError::NoRoom { .. }) => true,
            Self::Arrival(error) => is_full(error),
            Self::Land(LandError::Sink(error)) => is_full_disk(error),
            _ => false,
        }
    }

    /// What the peer should be told, which holds nothing of this machine; `None` where it knows.
    pub(super) fn for_the_peer(&self, role: Role) -> Option<String> {
        let text = match self {
            Self::BadMessage(BadMessage::Offer(offer)) => return Some(offer.refusal().to_string()),
            Self::Cancelled { .. } => return Some(Refusal::Cancelled(role).to_string()),
            Self::SameRole(role) => return Some(Refusal::SameRole(*role).to_string()),
            _ if self.is_full() => return Some(Refusal::Full.to_string()),
            Self::Late { .. } => "the transfer took too long",
            Self::BadMessage(_) => "a message could not be read",
            Self::Transit(error) => return Some(error.for_the_peer(role)),
            _ if self.is_hang_up() => return Some(Refusal::LinkLost.to_string()),
            Self::Ship(ShipError::Source(_)) | Self::Open(_) | Self::Spool(_) => {
                "the sender could not read what it offered"
            }
            Self::Land(LandError::Sink(_)) | Self::Target(_) | Self::Arrival(_) => {
                return Some(Refusal::Unstored.to_string());
            }
            Self::Land(_) => "the sender broke the transit protocol",
            Self::BadAck(_) => "the receiver broke the transfer protocol",
            Self::Ship(ShipError::Internal(_)) | Self::Internal(_) => "an internal error",
            Self::Wormhole(_)
            | Self::Peer(_)
            | Self::PeerCancelled(_)
            | Self::Ship(ShipError::Connection(_))
            | Self::Unconfirmed
            | Self::Answer(_)
            | Self::NotOk(_)
            | Self::Hash
            | Self::Name(_)
            | Self::TextTooLong(_) => return None,
        };
        Some(text.to_owned())
    }
}

fn is_full(error: &ArrivalError) -> bool {
    match error {
        ArrivalError::NoRoom { .. }
        | ArrivalError::Target(TargetError::NoRoom { .. })
        | ArrivalError::Unpack(UnpackError::NoRoom { .. }) => true,
        ArrivalError::Io { source, .. }
        | ArrivalError::Unpack(UnpackError::Entry { source, .. }) => is_full_disk(source),
        _ => false,
    }
}

fn is_full_disk(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    let within = error.get_ref().and_then(|inner| inner.downcast_ref());
    within.is_some_and(is_full) || matches!(error.kind(), StorageFull | QuotaExceeded)
}
