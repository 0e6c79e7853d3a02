//! The sender's wait for the word that everything has arrived, over the link or over the mailbox
//! [abilities.md: ack-v1].

use std::{pin::pin, time::Duration};

use tokio::time::{Instant, sleep_until};
use wormhole_protocol::transfer::{Ack, DirectoryOffer, Offer};

use super::{
    Awaited, TransferError,
    talk::{self, News},
};
use crate::{
    Connection as Server, Wormhole,
    transit::{Connection, LandError},
};

/// The longest confirmation that is read, in bytes.
const MAX_ACK: u64 = 64 * 1024;
/// How long a receiver that says when it is at work may be silent.
const SIGN_LIMIT: Duration = Duration::from_secs(120);
/// How long it may be silent when the link is gone.
const SIGN_LIMIT_WITHOUT_LINK: Duration = Duration::from_secs(12);
/// How long any other receiver may take for something small.
const SILENT_LIMIT: Duration = Duration::from_secs(600);
/// What the slowest of them does in a second.
const SLOWEST_BYTES: u64 = 1_000_000;
const SLOWEST_FILES: u64 = 100;

/// How long a receiver may be silent after the last byte.
pub(super) struct Patience {
    /// Whether it says when it is at work, and confirms over the mailbox as well.
    pub(super) signs: bool,
    /// How long one may take that does not.
    pub(super) silent: Duration,
}

impl Patience {
    pub(super) fn new(signs: bool, offer: &Offer) -> Self {
        let (bytes, files) = match offer {
            Offer::Text(_) | Offer::Stream(_) => (0, 0),
            Offer::File(file) => (file.filesize, 0),
            Offer::Directory(DirectoryOffer { numbytes, numfiles, .. }) => (*numbytes, *numfiles),
        };
        let work = Duration::from_secs(bytes / SLOWEST_BYTES + files / SLOWEST_FILES);
        Self { signs, silent: SILENT_LIMIT.saturating_add(work) }
    }

    /// Signs are missed only by who could hear them.
    fn limit(&self, wormhole: &Wormhole, link_lost: bool) -> Duration {
        match wormhole.status().connection {
            _ if link_lost => SIGN_LIMIT_WITHOUT_LINK,
            Server::Connected { .. } if self.signs => SIGN_LIMIT,
            _ => self.silent,
        }
    }
}

/// Waits for the confirmation that comes first.
///
/// # Errors
/// Why there is none: what the peer says, the end of the link, or [`TransferError::Late`].
pub(super) async fn confirmation(
    wormhole: &Wormhole,
    connection: &Connection,
    patience: &Patience,
) -> Result<Ack, TransferError> {
    let mut record = pin!(last_record(connection));
    let mut lost = None;
    let mut listening = true;
    let mut heard = Instant::now();
    loop {
        let limit = patience.limit(wormhole, lost.is_some());
        if heard.elapsed() >= limit {
            let late = TransferError::Late { awaited: Awaited::Confirmation, limit };
            return Err(lost.unwrap_or(late));
        }
        tokio::select! {
            biased;
            ack = &mut record, if lost.is_none() => match ack {
                Err(error) if error.is_hang_up() && patience.signs && listening => {
                    lost = Some(error);
                    heard = Instant::now();
                }
                ack => return ack,
            },
            news = talk::news(wormhole), if listening => match (news, lost.take()) {
                (Some(News::Ack(ack)), _) => return Ok(ack),
                (Some(News::GaveUp(reason)), None) => return Err(reason),
                (Some(News::GaveUp(reason)), Some(lost)) => {
                    return Err(if reason.is_lost_link() { lost } else { reason });
                }
                (Some(News::Placing), earlier) => {
                    lost = earlier;
                    heard = Instant::now();
                }
                (None, Some(lost)) => return Err(lost),
                (None, None) => listening = false,
            },
            () = sleep_until(heard + limit) => {}
        }
    }
}

async fn last_record(connection: &Connection) -> Result<Ack, TransferError> {
    let record = connection.receive_record(MAX_ACK).await.map_err(|error| match error {
        LandError::NoRecord => TransferError::Unconfirmed,
        other => other.into(),
    })?;
    Ok(Ack::parse(&record)?)
}
