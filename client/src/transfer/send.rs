//! The sending side [file-transfer.md: sequence, text].

use wormhole_protocol::{
    transfer::{Ack, Answer, Message, Offer, Verdict},
    transit::{Hints, Role},
    wire::MAX_COMMAND,
};

use super::{Event, Plan, TransferError, talk};
use crate::{
    Wormhole,
    transit::{Config, LandError, Transit},
};

/// The longest confirmation that is read, in bytes.
const MAX_ACK: u64 = 64 * 1024;

/// The longest message in which a text is sent, in bytes: servers limit a command to two mebibytes,
/// and a message is twice as long there.
pub const MAX_TEXT: usize = MAX_COMMAND / 2 - 1024;

/// Sends a text and waits until the peer has taken it.
///
/// # Errors
/// [`TransferError`]: [`TextTooLong`](TransferError::TextTooLong) where the message that holds the
/// text, with its escapes, is longer than [`MAX_TEXT`].
pub async fn send_text(wormhole: &Wormhole, text: &str) -> Result<(), TransferError> {
    let offer = Message::Offer(Offer::Text(text.to_owned()));
    if offer.write().len() > MAX_TEXT {
        return Err(TransferError::TextTooLong(text.len()));
    }
    wormhole.versions().await?;
    talk::say(wormhole, &offer);
    talk::accounted(wormhole, taken(wormhole)).await
}

/// Waits until the peer has taken a text.
async fn taken(wormhole: &Wormhole) -> Result<(), TransferError> {
    loop {
        match talk::next(wormhole).await? {
            Message::Answer(Answer::MessageAck(Verdict::Ok)) => return Ok(()),
            Message::Answer(Answer::MessageAck(verdict) | Answer::FileAck(verdict)) => {
                return Err(TransferError::Answer(verdict.as_str().to_owned()));
            }
            // Rust programs send their hints whatever is offered.
            _ => {}
        }
    }
}

/// Sends a file or folder and waits until the peer has confirmed its hash.
///
/// # Errors
/// [`TransferError`], of which the peer was told then. Dropping the future breaks the transfer off.
pub async fn send(
    wormhole: &Wormhole,
    plan: Plan,
    config: &Config,
    events: impl Fn(Event),
) -> Result<(), TransferError> {
    wormhole.versions().await?;
    talk::accounted(wormhole, bulk(wormhole, plan, config, events)).await
}

async fn bulk(
    wormhole: &Wormhole,
    plan: Plan,
    config: &Config,
    events: impl Fn(Event),
) -> Result<(), TransferError> {
    let transit = Transit::beside(wormhole, Role::Sender, config)?;
    talk::say_transit(wormhole, &transit);
    talk::say(wormhole, &Message::Offer(plan.offer()));
    let theirs = accepted(wormhole).await?;
    let connection = talk::connect(wormhole, transit, &theirs, &events).await?;

    let size = plan.size();
    let source = plan.open().map_err(TransferError::Open)?;
    let digest = talk::reported(size, &events, async |progress| {
        connection.ship(source, size, progress).await
    })
    .await?;
    events(Event::Sent);
    let ack = connection.receive_record(MAX_ACK).await.map_err(|error| match error {
        LandError::NoRecord => TransferError::Unconfirmed,
        other => other.into(),
    })?;
    match Ack::parse(&ack)? {
        Ack { verdict: Verdict::Other(text), .. } => Err(TransferError::NotOk(text)),
        Ack { sha256: Some(theirs), .. } if theirs != digest => Err(TransferError::Hash),
        Ack { .. } => Ok(()),
    }
}

/// Waits for the peer's yes and gives the hints that came before it.
async fn accepted(wormhole: &Wormhole) -> Result<Hints, TransferError> {
    let mut theirs = Hints::default();
    loop {
        match talk::next(wormhole).await? {
            Message::Transit { hints, .. } => {
                theirs.direct.extend(hints.direct);
                theirs.relays.extend(hints.relays);
                theirs.direct.truncate(Hints::MAX_DIRECT);
                theirs.relays.truncate(Hints::MAX_RELAYS);
            }
            Message::Answer(Answer::FileAck(Verdict::Ok)) => return Ok(theirs),
            Message::Answer(Answer::MessageAck(verdict) | Answer::FileAck(verdict)) => {
                return Err(TransferError::Answer(verdict.as_str().to_owned()));
            }
            _ => {}
        }
    }
}
