//! The conversation of file transfer over a wormhole: messages in, messages out.

use std::future::pending;

use wormhole_protocol::{
    transfer::{Ack, Message, Refusal, TRANSIT_KEY_PURPOSE},
    transit::{Role, TransitKey},
};

use super::TransferError;
use crate::{Wormhole, transit::Transit};

/// Reads the next message that is known; an error of the peer's is ours.
pub(super) async fn next(wormhole: &Wormhole) -> Result<Message, TransferError> {
    loop {
        match Message::parse(&wormhole.message().await?) {
            Ok(Message::Error(text)) => return Err(told(text)),
            Ok(Message::Unknown) => {}
            Ok(message) => return Ok(message),
            Err(bad) => return Err(bad.into()),
        }
    }
}

/// What the peer's error is to us.
fn told(text: String) -> TransferError {
    match Refusal::is_cancellation(&text) {
        true => TransferError::PeerCancelled(text),
        false => TransferError::Peer(text),
    }
}

/// Waits until the peer gives up, while nobody sends or receives yet: for who is asking a person
/// something first. Whatever else the peer says is left to the transfer.
///
/// It waits for ever where the wormhole ends, which the transfer will tell.
pub async fn abandoned(wormhole: &Wormhole) -> TransferError {
    let error = |message: &[u8]| match Message::parse(message) {
        Ok(Message::Error(text)) => Some(told(text)),
        _ => None,
    };
    match wormhole.overheard(error).await {
        Ok(error) => error,
        Err(_) => pending().await,
    }
}

pub(super) fn say(wormhole: &Wormhole, message: &Message) {
    wormhole.send_message(message.write());
}

/// Tells the peer where we can be reached.
pub(super) fn say_transit(wormhole: &Wormhole, transit: &Transit) {
    let (abilities, hints) = (transit.abilities(), transit.hints());
    say(wormhole, &Message::Transit { abilities, hints });
}

pub(super) fn transit_key(wormhole: &Wormhole) -> Result<TransitKey, TransferError> {
    let bytes = wormhole.derive_key(TRANSIT_KEY_PURPOSE, 32)?;
    let bytes = <[u8; 32]>::try_from(&bytes[..])
        .map_err(|_| TransferError::Internal("a key of another length"))?;
    Ok(TransitKey::new(bytes))
}

/// What a peer that has no more to ask still says.
#[derive(Debug)]
pub(super) enum News {
    /// It gives up.
    GaveUp(TransferError),
    /// It is at work on what it has received.
    Placing,
    /// It confirms what it has received.
    Ack(Ack),
}

/// Waits for news. Other messages have nothing more to say, and the end of the wormhole says
/// nothing: a peer that has closed it may still be transferring.
pub(super) async fn news(wormhole: &Wormhole) -> Option<News> {
    loop {
        match next(wormhole).await {
            Ok(Message::Placing) => return Some(News::Placing),
            Ok(Message::Ack(ack)) => return Some(News::Ack(ack)),
            Err(error @ (TransferError::Peer(_) | TransferError::PeerCancelled(_))) => {
                return Some(News::GaveUp(error));
            }
            Err(TransferError::Wormhole(_)) => return None,
            Ok(_) | Err(_) => {}
        }
    }
}

/// Waits until the peer says that it gives up; `None` at the end of the wormhole.
pub(super) async fn given_up(wormhole: &Wormhole) -> Option<TransferError> {
    loop {
        if let News::GaveUp(reason) = news(wormhole).await? {
            return Some(reason);
        }
    }
}

/// Tells the peer that somebody here broke the transfer off, where this is dropped before it is
/// [over](Self::over).
pub(super) struct Untold(Option<(Wormhole, Role)>);

impl Untold {
    pub(super) fn new(wormhole: &Wormhole, role: Role) -> Self {
        Self(Some((wormhole.clone(), role)))
    }

    /// The peer knows, or somebody else will tell it.
    pub(super) fn over(mut self) {
        self.0 = None;
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        if let Some((wormhole, role)) = &self.0 {
            say(wormhole, &Refusal::Cancelled(*role).into());
        }
    }
}
