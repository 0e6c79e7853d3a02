//! The receiving side [file-transfer.md: sequence, text].

use std::{future::pending, io::Write, path::PathBuf};

use tokio::task::spawn_blocking;
use wormhole_protocol::{
    transfer::{Ability, Ack, Answer, Message, Offer, Refusal, Verdict},
    transit::{Reach, Role},
};

use super::{
    Announced, Awaited, Event, SafeName, Target, Terms, TransferError,
    course::Course,
    talk::{self, Untold},
};
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

/// A text on offer. Dropped without an answer it tells the peer that nobody took it.
pub struct IncomingText {
    /// The text.
    pub text: String,
    wormhole: Wormhole,
    untold: Untold,
}

/// A file or folder on offer. Dropped without an answer it tells the peer that nobody took it.
pub struct IncomingBulk {
    /// Its name, as the peer gave it: escape it before it goes to a terminal.
    pub offered_name: String,
    /// What is announced of it.
    pub announced: Announced,
    /// On which terms it is accepted; those of [`receive_on`] at first.
    pub terms: Terms,
    wormhole: Wormhole,
    untold: Untold,
    transit: Transit,
    theirs: Reach,
    /// What is announced to be one name with another on some disk.
    collision: Option<String>,
}

/// Waits for the peer's offer.
///
/// # Errors
/// [`TransferError`]; an offer that cannot be understood was refused by then.
pub async fn receive(wormhole: &Wormhole, config: &Config) -> Result<Incoming, TransferError> {
    receive_on(&Terms::default(), wormhole, config).await
}

/// Waits for the peer's offer on terms of one's own, on which it may be accepted then.
///
/// # Errors
/// As [`receive`]; also [`TransferError::Cancelled`] and [`TransferError::Late`].
pub async fn receive_on(
    terms: &Terms,
    wormhole: &Wormhole,
    config: &Config,
) -> Result<Incoming, TransferError> {
    let course = Course::new(wormhole, Role::Receiver, terms, &|_| ());
    let offered = async {
        course.meet().await?;
        offer(terms, wormhole, config).await
    };
    course.run(course.answered(Awaited::Offer, offered)).await
}

async fn offer(
    terms: &Terms,
    wormhole: &Wormhole,
    config: &Config,
) -> Result<Incoming, TransferError> {
    let mut ways = None;
    let mut bulk = None;
    loop {
        match talk::next(wormhole).await? {
            Message::Transit { abilities, hints } if ways.is_none() => {
                let mut theirs = Reach::default();
                theirs.add(abilities, hints);
                let transit = Transit::beside(wormhole, Role::Receiver, config)?;
                talk::say_transit(wormhole, &transit);
                ways = Some((transit, theirs));
            }
            Message::Offer(Offer::Text(text)) => {
                let untold = Untold::new(wormhole, Role::Receiver);
                let wormhole = wormhole.clone();
                return Ok(Incoming::Text(IncomingText { text, wormhole, untold }));
            }
            Message::Offer(Offer::File(file)) => {
                let announced = Announced::from(&file);
                bulk = Some((file.filename, announced, None));
            }
            Message::Offer(Offer::Directory(folder)) => {
                let announced = Announced::from(&folder);
                bulk = Some((folder.dirname, announced, folder.collision));
            }
            Message::Offer(Offer::Stream(stream)) => {
                bulk = Some((stream.filename, Announced::Stream, None));
            }
            _ => {}
        }
        (ways, bulk) = match (ways, bulk) {
            (Some((transit, theirs)), Some((offered_name, announced, collision))) => {
                return Ok(Incoming::Bulk(Box::new(IncomingBulk {
                    offered_name,
                    announced,
                    terms: terms.clone(),
                    wormhole: wormhole.clone(),
                    untold: Untold::new(wormhole, Role::Receiver),
                    transit,
                    theirs,
                    collision,
                })));
            }
            incomplete => incomplete,
        };
    }
}

impl IncomingText {
    /// Tells the peer that the text was taken.
    pub fn accept(self) {
        self.untold.over();
        let yes = Message::Answer(Answer::MessageAck(Verdict::Ok));
        talk::say(&self.wormhole, &yes);
    }

    /// Tells the peer that it was not taken, and why.
    pub fn reject(self, refusal: Refusal) {
        self.untold.over();
        talk::say(&self.wormhole, &refusal.into());
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

    /// Tells the peer that it is not wanted, and why.
    pub fn reject(self, refusal: Refusal) {
        self.untold.over();
        talk::say(&self.wormhole, &refusal.into());
    }

    /// Receives it into a folder, under its own name, and then confirms it to the peer; gives its
    /// place. Nothing may have that name there.
    ///
    /// # Errors
    /// As [`accept_at`](Self::accept_at), and [`TransferError::Name`], [`TransferError::Target`]
    /// where it cannot be accepted; the peer was told then too.
    pub async fn accept_into(
        self,
        folder: impl Into<PathBuf>,
        events: impl Fn(Event),
    ) -> Result<PathBuf, TransferError> {
        match self.planned(folder.into()).await {
            Ok(target) => self.accept_at(target, events).await,
            Err(error) => {
                self.reject(error.refusal());
                Err(error)
            }
        }
    }

    /// Receives it, puts it in its place, and then confirms it to the peer; gives that place.
    ///
    /// # Errors
    /// [`TransferError`], of which the peer was told then; nothing is left behind, or what came
    /// where [`Target::keep_partial`] was said. How much that was is the last
    /// [`Event::Progress`]. Dropping the future hangs up and leaves as much, until all has come and
    /// is put in place.
    pub async fn accept_at(
        self,
        target: Target,
        events: impl Fn(Event),
    ) -> Result<PathBuf, TransferError> {
        let (wormhole, terms) = (self.wormhole.clone(), self.terms.clone());
        let course = Course::new(&wormhole, Role::Receiver, &terms, &events);
        let target = Target { collision: self.collision.clone(), ..target };
        let accepted = self.accepted();
        let landing = async {
            let begun = blocking(move || target.begin()).await??;
            begun.cleared().iter().for_each(|left| course.event(Event::Cleared(left.clone())));
            if let Some(partial) = begun.partial() {
                course.event(Event::Keeping(partial));
            }
            let (path, unpacked) =
                accepted.land(&course, begun, |begun| Ok(begun.place()?)).await?;
            if let Some(unpacked) = unpacked {
                course.event(Event::Unpacked(unpacked));
            }
            Ok(path)
        };
        // On the heap: a future of many steps within steps is large.
        course.run(Box::pin(landing)).await
    }

    /// Receives its bytes into a writer, which is flushed before they are confirmed to the peer;
    /// gives the writer back. The bytes of a folder are its zip archive.
    ///
    /// It is written on a blocking thread, from a bounded number of buffers: a slow writer slows
    /// the peer.
    ///
    /// # Errors
    /// [`TransferError`], of which the peer was told then: [`TransferError::Land`] with what the
    /// writer says. Some bytes were written by then, and are as good as none.
    pub async fn accept<W: Write + Send + 'static>(
        self,
        writer: W,
        events: impl Fn(Event),
    ) -> Result<W, TransferError> {
        let (wormhole, terms) = (self.wormhole.clone(), self.terms.clone());
        let course = Course::new(&wormhole, Role::Receiver, &terms, &events);
        course.run(Box::pin(self.accepted().land(&course, writer, Ok))).await
    }

    /// Leaves it to the course to tell the peer how it ends.
    fn accepted(self) -> Accepted {
        let Self { announced, wormhole, transit, theirs, untold, .. } = self;
        untold.over();
        Accepted { announced, wormhole, transit, theirs }
    }

    async fn planned(&self, folder: PathBuf) -> Result<Target, TransferError> {
        let (name, announced) = (self.name()?, self.announced);
        Ok(blocking(move || Target::plan(&folder, None, &name, announced)).await??)
    }
}

/// What is to come.
struct Accepted {
    announced: Announced,
    wormhole: Wormhole,
    transit: Transit,
    theirs: Reach,
}

impl Accepted {
    /// Receives the bytes, has them placed, and confirms them.
    async fn land<S, T>(
        self,
        course: &Course<'_, impl Fn(Event)>,
        sink: S,
        place: impl FnOnce(S) -> Result<T, TransferError> + Send + 'static,
    ) -> Result<T, TransferError>
    where
        S: Write + Send + 'static,
        T: Send + 'static,
    {
        let Self { announced, wormhole, transit, theirs } = self;
        course.meet().await?;
        talk::say(&wormhole, &Message::Answer(Answer::FileAck(Verdict::Ok)));
        let connection = course.connect(transit, theirs).await?;
        let size = announced.wire_size();
        let (sink, digest) = course
            .moving(size, async |progress| connection.land(sink, size, progress).await)
            .await?;
        course.event(Event::Received);
        let placed = course.placing(blocking(move || place(sink))).await??;
        course.event(Event::Placed);
        // It is all here: a peer that cannot be told changes nothing about that.
        let ack = Ack::ok(digest);
        let record = ack.write();
        if course.peer_has(Ability::Ack) {
            talk::say(&wormhole, &Message::Ack(ack));
        }
        match connection.send_record(record).await {
            Ok(()) => connection.finish().await,
            Err(error) => tracing::debug!(%error, "the peer does not hear the confirmation"),
        }
        Ok(placed)
    }
}

/// Runs file work on a thread where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TransferError> {
    spawn_blocking(work).await.map_err(|_| TransferError::Internal("a file task died"))
}
