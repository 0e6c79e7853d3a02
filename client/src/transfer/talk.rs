//! The conversation of file transfer over a wormhole: messages in, messages out.

use std::{pin::pin, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};
use wormhole_protocol::{
    transfer::{Message, TRANSIT_KEY_PURPOSE},
    transit::{Hints, TransitKey},
};

use super::{Event, TransferError};
use crate::{
    Wormhole,
    transit::{Connection, Transit},
};

/// How often progress is reported.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How much later than the end of the connection the peer's reason for it may come.
const REASON_LIMIT: Duration = Duration::from_secs(1);

/// Runs a transfer. Where it fails, the peer is told why, unless the failure is the peer's: then
/// its own words are the reason, if it has any.
pub(super) async fn accounted<T>(
    wormhole: &Wormhole,
    transfer: impl Future<Output = Result<T, TransferError>>,
) -> Result<T, TransferError> {
    let failed = match transfer.await {
        Err(error) => error,
        done => return done,
    };
    if failed.is_hang_up() {
        let reason = timeout(REASON_LIMIT, given_up(wormhole)).await;
        return Err(reason.ok().flatten().unwrap_or(failed));
    }
    if let Some(text) = failed.for_the_peer() {
        say(wormhole, &Message::Error(text));
    }
    Err(failed)
}

/// Reads the next message that is known; an error of the peer's is ours.
pub(super) async fn next(wormhole: &Wormhole) -> Result<Message, TransferError> {
    loop {
        match Message::parse(&wormhole.message().await?) {
            Ok(Message::Error(text)) => return Err(TransferError::Peer(text)),
            Ok(Message::Unknown) => {}
            Ok(message) => return Ok(message),
            Err(bad) => return Err(bad.into()),
        }
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

/// Connects to the peer, unless it gives up in the meantime.
pub(super) async fn connect(
    wormhole: &Wormhole,
    transit: Transit,
    theirs: &Hints,
    events: &impl Fn(Event),
) -> Result<Connection, TransferError> {
    let key = transit_key(wormhole)?;
    events(Event::Connecting);
    let connection = tokio::select! {
        connected = transit.connect(&key, theirs) => connected?,
        Some(gone) = given_up(wormhole) => return Err(gone),
    };
    events(Event::Connected(connection.via().clone()));
    Ok(connection)
}

/// Waits until the peer says that it gives up. Other messages have nothing more to say, and the
/// end of the wormhole says nothing: a peer that has closed it may still be transferring.
pub(super) async fn given_up(wormhole: &Wormhole) -> Option<TransferError> {
    loop {
        match next(wormhole).await {
            Err(error @ TransferError::Peer(_)) => return Some(error),
            Err(TransferError::Wormhole(_)) => return None,
            Ok(_) | Err(_) => {}
        }
    }
}

/// Runs a job that counts in a channel, and reports what it counted.
pub(super) async fn reported<T, E>(
    total: u64,
    events: &impl Fn(Event),
    job: impl AsyncFnOnce(watch::Sender<u64>) -> Result<T, E>,
) -> Result<T, E> {
    let (progress, done) = watch::channel(0);
    let report = || events(Event::Progress { done: *done.borrow(), total });
    let mut job = pin!(job(progress));
    let mut ticks = interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            finished = &mut job => {
                report();
                return finished;
            }
            _ = ticks.tick() => report(),
        }
    }
}
