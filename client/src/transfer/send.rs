//! The sending side [file-transfer.md: sequence, text].

use std::{
    io::{self, Read, Seek},
    thread,
};

use tokio::{sync::oneshot, task::spawn_blocking};
use wormhole_protocol::{
    transfer::{Ability, Ack, Answer, Message, Offer, Verdict},
    transit::{Reach, Role},
    wire::MAX_MESSAGE,
};

use super::{
    Awaited, Event, FilePlan, Plan, StreamPlan, Terms, TransferError,
    confirm::{Patience, confirmation},
    course::Course,
    detached::{HangUp, detach},
    talk,
};
use crate::{
    Wormhole,
    transit::{Config, Source, Transit},
};

/// Finds out, before there is a wormhole, whether a text can be sent.
///
/// # Errors
/// [`TransferError::TextTooLong`] where the message that holds the text, with its escapes, is longer
/// than [`MAX_MESSAGE`].
pub fn check_text(text: &str) -> Result<(), TransferError> {
    // Most texts need no escapes, and what is too long without them is not copied.
    let message = if text.len() > MAX_MESSAGE { text.len() } else { message(text).write().len() };
    if message > MAX_MESSAGE {
        return Err(TransferError::TextTooLong(message));
    }
    Ok(())
}

fn message(text: &str) -> Message {
    Message::Offer(Offer::Text(text.to_owned()))
}

/// Sends a text and waits until the peer has taken it.
///
/// # Errors
/// [`TransferError`], also that of [`check_text`].
pub async fn send_text(wormhole: &Wormhole, text: &str) -> Result<(), TransferError> {
    check_text(text)?;
    let offer = message(text);
    let (terms, events) = (Terms::default(), |_| ());
    let course = Course::new(wormhole, Role::Sender, &terms, &events);
    course
        .run(async {
            course.meet().await?;
            talk::say(wormhole, &offer);
            course.answered(Awaited::Answer, taken(wormhole)).await
        })
        .await
}

/// Waits until the peer has taken a text.
async fn taken(wormhole: &Wormhole) -> Result<(), TransferError> {
    loop {
        match talk::next(wormhole).await? {
            Message::Answer(Answer::MessageAck(Verdict::Ok)) => return Ok(()),
            Message::Answer(Answer::MessageAck(verdict) | Answer::FileAck(verdict)) => {
                return Err(TransferError::Answer(verdict.as_str().to_owned()));
            }
            Message::Offer(_) => return Err(TransferError::SameRole(Role::Sender)),
            // Rust programs send their hints whatever is offered.
            _ => {}
        }
    }
}

/// Sends what is planned and waits until the peer has confirmed its hash.
///
/// # Errors
/// [`TransferError`], of which the peer was told then. Dropping the future breaks the transfer off,
/// and tells the peer as well.
pub async fn send(
    wormhole: &Wormhole,
    plan: Plan,
    config: &Config,
    events: impl Fn(Event),
) -> Result<(), TransferError> {
    send_on(&Terms::default(), wormhole, plan, config, events).await
}

/// Sends on terms of one's own, otherwise as [`send`].
///
/// # Errors
/// As [`send`]; also [`TransferError::Cancelled`] and [`TransferError::Late`].
pub async fn send_on(
    terms: &Terms,
    wormhole: &Wormhole,
    plan: Plan,
    config: &Config,
    events: impl Fn(Event),
) -> Result<(), TransferError> {
    let course = Course::new(wormhole, Role::Sender, terms, &events);
    course.run(bulk(&course, wormhole, plan, config)).await
}

async fn bulk(
    course: &Course<'_, impl Fn(Event)>,
    wormhole: &Wormhole,
    plan: Plan,
    config: &Config,
) -> Result<(), TransferError> {
    let peer = course.meet().await?;
    let mut theirs = Reach::default();
    let plan = match plan {
        Plan::Stream(stream) if !peer.has(Ability::Streams) => {
            course.event(Event::Spooling);
            tokio::select! {
                spooled = spool(stream) => spooled?,
                // Rust programs send their hints at once.
                early = accepted(wormhole, &mut theirs) => {
                    early?;
                    return Err(TransferError::Answer("ok before there was an offer".to_owned()));
                }
            }
        }
        plan => plan.made_for(peer),
    };
    if plan.is_hollow() {
        course.event(Event::Hollow);
    }
    let transit = Transit::beside(wormhole, Role::Sender, config)?;
    let offer = plan.offer();
    let patience = Patience::new(peer.has(Ability::Ack), &offer);
    talk::say_transit(wormhole, &transit);
    talk::say(wormhole, &Message::Offer(offer));
    course.answered(Awaited::Answer, accepted(wormhole, &mut theirs)).await?;
    let connection = course.connect(transit, theirs).await?;

    let (size, grown) = (plan.size(), plan.grown());
    let (source, _hang_up) = opened(plan).await?;
    let digest =
        course.moving(size, async |progress| connection.ship(source, size, progress).await).await?;
    grown.paths().into_iter().for_each(|file| course.event(Event::Grew(file)));
    course.event(Event::Sent);
    match course.confirmed(confirmation(wormhole, &connection, &patience)).await? {
        Ack { verdict: Verdict::Other(text), .. } => Err(TransferError::NotOk(text)),
        Ack { sha256: Some(theirs), .. } if theirs != digest => Err(TransferError::Hash),
        Ack { .. } => Ok(()),
    }
}

/// Opens what is planned, on a thread where that may take its time. What may never end is read on a
/// thread of its own, until the other value is dropped.
async fn opened(plan: Plan) -> Result<(Source, Option<HangUp>), TransferError> {
    match plan {
        Plan::Stream(stream) => {
            let (source, hang_up) = detach(stream.source);
            Ok((Box::new(source), Some(hang_up)))
        }
        plan => {
            let died = |_| TransferError::Internal("a file task died");
            let opened = spawn_blocking(|| plan.open()).await.map_err(died)?;
            Ok((opened.map_err(TransferError::Open)?, None))
        }
    }
}

/// Reads data of unknown length to its end, into a temporary file without a name, and plans to send
/// that. The thread that reads is left to itself where this future is dropped.
async fn spool(stream: StreamPlan) -> Result<Plan, TransferError> {
    let (told, spooled) = oneshot::channel();
    thread::spawn(move || {
        let mut source = Wanted { source: stream.source, by: &told };
        let spooled = tempfile::tempfile().and_then(|mut file| {
            let size = io::copy(&mut source, &mut file)?;
            file.rewind()?;
            Ok(FilePlan::reading(stream.offer.filename, size, Box::new(file)))
        });
        let _ = told.send(spooled);
    });
    let died = |_| TransferError::Internal("a file task died");
    spooled.await.map_err(died)?.map(Plan::File).map_err(TransferError::Spool)
}

/// Ends where nobody waits for it any more.
struct Wanted<'a, T> {
    source: Source,
    by: &'a oneshot::Sender<T>,
}

impl<T> Read for Wanted<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.by.is_closed() { Ok(0) } else { self.source.read(buffer) }
    }
}

/// Waits for the peer's yes and adds the hints that come before it. A call that is dropped loses
/// none.
async fn accepted(wormhole: &Wormhole, theirs: &mut Reach) -> Result<(), TransferError> {
    loop {
        match talk::next(wormhole).await? {
            Message::Transit { abilities, hints } => theirs.add(abilities, hints),
            Message::Answer(Answer::FileAck(Verdict::Ok)) => return Ok(()),
            Message::Answer(Answer::MessageAck(verdict) | Answer::FileAck(verdict)) => {
                return Err(TransferError::Answer(verdict.as_str().to_owned()));
            }
            Message::Offer(_) => return Err(TransferError::SameRole(Role::Sender)),
            _ => {}
        }
    }
}
