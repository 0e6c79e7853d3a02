//! The receiving side [file-transfer.md: sequence, text].

use std::{future::pending, path::PathBuf};

use tokio::task::spawn_blocking;
use wormhole_protocol::{
    transfer::{Ack, Answer, Message, Offer, Refusal, Verdict},
    transit::{Hints, Role},
};

use super::{Announced, Event, SafeName, Target, TransferError, talk};
use crate::{
    Wormhole,
    transit::{Config, Transit},
};

/// What a peer has for us.
pub enum Incoming {
    /// A text, as it came: escape it before it goes to a terminal.
    Text(IncomingText),
    /// A file or folder, whose bytes come once it is accepted.
    Bulk(Box<IncomingBulk>),
}

/// A text on offer.
pub struct IncomingText {
    /// The text.
    pub text: String,
    wormhole: Wormhole,
}

/// A file or folder on offer.
pub struct IncomingBulk {
    /// Its name, as the peer gave it: escape it before it goes to a terminal.
    pub offered_name: String,
    /// What is announced of it.
    pub announced: Announced,
    wormhole: Wormhole,
    transit: Transit,
    theirs: Hints,
}

/// Waits for the peer's offer.
///
/// # Errors
/// [`TransferError`]; an offer that cannot be understood was refused by then.
pub async fn receive(wormhole: &Wormhole, config: &Config) -> Result<Incoming, TransferError> {
    talk::accounted(wormhole, offer(wormhole, config)).await
}

async fn offer(wormhole: &Wormhole, config: &Config) -> Result<Incoming, TransferError> {
    let mut ways = None;
    let mut bulk = None;
    loop {
        match talk::next(wormhole).await? {
            Message::Transit { hints, .. } if ways.is_none() => {
                let transit = Transit::beside(wormhole, Role::Receiver, config)?;
                talk::say_transit(wormhole, &transit);
                ways = Some((transit, hints));
            }
            Message::Offer(Offer::Text(text)) => {
                let wormhole = wormhole.clone();
                return Ok(Incoming::Text(IncomingText { text, wormhole }));
            }
            Message::Offer(Offer::File(file)) => {
                let announced = Announced::from(&file);
                bulk = Some((file.filename, announced));
            }
            Message::Offer(Offer::Directory(folder)) => {
                let announced = Announced::from(&folder);
                bulk = Some((folder.dirname, announced));
            }
            _ => {}
        }
        (ways, bulk) = match (ways, bulk) {
            (Some((transit, theirs)), Some((offered_name, announced))) => {
                let wormhole = wormhole.clone();
                return Ok(Incoming::Bulk(Box::new(IncomingBulk {
                    offered_name,
                    announced,
                    wormhole,
                    transit,
                    theirs,
                })));
            }
            incomplete => incomplete,
        };
    }
}

impl IncomingText {
    /// Tells the peer that the text was taken.
    pub fn accept(self) {
        let yes = Message::Answer(Answer::MessageAck(Verdict::Ok));
        talk::say(&self.wormhole, &yes);
    }
}

impl IncomingBulk {
    /// The name under which it may be stored.
    ///
    /// # Errors
    /// [`TransferError::Name`] where it must not be stored under any part of its name.
    pub fn name(&self) -> Result<SafeName, TransferError> {
        Ok(self.offered_name.parse()?)
    }

    /// Waits until the peer takes its offer back, for as long as a person thinks about it; for ever
    /// where it does not.
    pub async fn withdrawn(&self) -> TransferError {
        match talk::given_up(&self.wormhole).await {
            Some(reason) => reason,
            None => pending().await,
        }
    }

    /// Tells the peer that it is not wanted.
    pub fn reject(self, refusal: Refusal) {
        talk::say(&self.wormhole, &refusal.into());
    }

    /// Receives it, puts it in its place, and then confirms it to the peer.
    ///
    /// # Errors
    /// [`TransferError`], of which the peer was told then; nothing is left behind. Dropping the
    /// future hangs up and leaves nothing behind either, until all has come and is put in place.
    pub async fn accept(
        self,
        target: Target,
        events: impl Fn(Event),
    ) -> Result<PathBuf, TransferError> {
        let wormhole = self.wormhole.clone();
        talk::accounted(&wormhole, self.land(target, events)).await
    }

    async fn land(self, target: Target, events: impl Fn(Event)) -> Result<PathBuf, TransferError> {
        let Self { announced, wormhole, transit, theirs, .. } = self;
        let begun = blocking(move || target.begin()).await??;
        talk::say(&wormhole, &Message::Answer(Answer::FileAck(Verdict::Ok)));
        let connection = talk::connect(&wormhole, transit, &theirs, &events).await?;
        let size = announced.wire_size();
        let (begun, digest) = talk::reported(size, &events, async |progress| {
            connection.land(begun, size, progress).await
        })
        .await?;
        events(Event::Received);
        let path = blocking(move || begun.commit()).await??;
        events(Event::Placed);
        // It is all here: a peer that cannot be told changes nothing about that.
        match connection.send_record(Ack::ok(digest).write()).await {
            Ok(()) => connection.finish().await,
            Err(error) => tracing::debug!(%error, "the peer does not hear the confirmation"),
        }
        Ok(path)
    }
}

/// Runs file work on a thread where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TransferError> {
    spawn_blocking(work).await.map_err(|_| TransferError::Internal("a file task died"))
}
