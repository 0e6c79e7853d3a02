//! Rendezvous: the connection to the mailbox server, made again whenever it is lost.
//!
//! in:  [`Transmit`] (from Nameplate, Mailbox, Allocator, Lister), [`Hurry`], [`Stop`] (from Terminator),
//!      [`Abandon`] (from the keeper), [`News`] (from its own socket), `Minted` (from the search for
//!      a stamp)
//! out: [`Line`] (to Nameplate, Mailbox, Lister, Allocator, in this order), the server's answers
//!      (each to its layer), `GotWelcome`, `Broken` and `Change` (to Boss), `ConnectorStopped` (to
//!      Terminator)

mod backoff;
mod entrance;
mod minting;
mod recording;

use std::time::{Duration, SystemTime};

use actix::prelude::*;
use tokio::sync::mpsc;
use wormhole_protocol::{
    name::{AppId, Side},
    wire::{Answer, Command, CommandId, Tagged},
};

use self::{backoff::Backoff, entrance::Step};
use super::{
    allocator::GotAllocated,
    boss::{Broken, GotWelcome},
    ignored,
    lister::GotNameplates,
    mailbox::{GotClosed, GotMessage},
    nameplate::{GotClaimed, GotReleased},
    terminator::ConnectorStopped,
};
use crate::{
    error::Error,
    random::random,
    schedule::Schedule,
    socket::{self, News, OnThisComputer, Trust},
    status::{Change, Connection},
    timing::Log,
    wiring::To,
};

/// How long the server has for its welcome once the connection stands, and for its answer to a
/// permission.
const WELCOME_LIMIT: Duration = Duration::from_secs(30);

/// A command for the server. Layers send it only while the line is up.
#[derive(Message, Debug, PartialEq)]
#[rtype(result = "()")]
pub(crate) struct Transmit(pub(crate) Command);

/// The connection to the server has come, bound and ready, or has gone.
#[derive(Message, Debug, Clone, Copy, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) enum Line {
    Up,
    Down,
}

/// The wormhole has let go of everything on the server: hang up.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct Stop;

/// Something is left to say on the server before the end: do not wait any longer.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct Hurry;

/// Nobody waits any more: let go of the socket at once.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Abandon;

/// The time has come to connect, or to stop waiting for a welcome.
#[derive(Message)]
#[rtype(result = "()")]
struct Alarm;

/// Where the frames for the socket go in; dropped, it makes the socket say goodbye.
type Frames = mpsc::UnboundedSender<String>;

enum State {
    /// A connection is being made.
    Connecting { frames: Frames, attempt: SpawnHandle },
    /// It stands, and we are not bound yet; what is pending is cancelled with the step.
    Entering { frames: Frames, step: Step, pending: SpawnHandle },
    /// The server knows who we are; the layers were told.
    Open { frames: Frames },
    /// It was lost; an alarm is set for the next attempt.
    Waiting { alarm: SpawnHandle },
    /// The server let us wait too long; the socket says goodbye, and another attempt follows.
    Leaving,
    /// Told to stop while the socket says goodbye.
    Stopping,
    /// Stopped, or failed at the first attempt.
    Dead,
}

/// Edges to the layers which the server talks to.
pub(crate) struct Edges {
    pub(crate) lines: [To<Line>; 4],
    pub(crate) nameplate: (To<GotClaimed>, To<GotReleased>),
    pub(crate) mailbox: (To<GotMessage>, To<GotClosed>),
    pub(crate) lister: To<GotNameplates>,
    pub(crate) allocator: To<GotAllocated>,
    pub(crate) boss: (To<GotWelcome>, To<Broken>, To<Change>),
    pub(crate) terminator: To<ConnectorStopped>,
}

/// The server, and who we are to it.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) trust: Trust,
    /// Is told with each connection.
    pub(crate) on_this_computer: OnThisComputer,
    pub(crate) schedule: Option<Schedule>,
    /// The most zero bits of a stamp that we make.
    pub(crate) max_stamp_bits: u32,
    pub(crate) appid: AppId,
    pub(crate) side: Side,
    /// Our program's name and version.
    pub(crate) client_version: (String, String),
    pub(crate) timing: Option<Log>,
}

pub(crate) struct Rendezvous {
    state: State,
    server: Server,
    backoff: Backoff,
    ever_open: bool,
    edges: Edges,
}

impl Rendezvous {
    pub(crate) fn new(mut server: Server, edges: Edges) -> Self {
        let backoff = Backoff::new(server.schedule.take());
        Self { state: State::Dead, server, backoff, ever_open: false, edges }
    }

    fn connect(&mut self, ctx: &mut Context<Self>) {
        let (frames, outgoing) = mpsc::unbounded_channel();
        let news = ctx.address().downgrade();
        let (url, trust) = (self.server.url.clone(), self.server.trust.clone());
        self.connection(Connection::Connecting { url: url.clone(), since: SystemTime::now() });
        let here = self.server.on_this_computer.clone();
        let running = socket::run(url, trust, here, outgoing, move |item| {
            if let Some(rendezvous) = news.upgrade() {
                rendezvous.do_send(item);
            }
        });
        let attempt = ctx.spawn(running.into_actor(self));
        self.state = State::Connecting { frames, attempt };
    }

    /// The way in is over: says who we are, and lets the layers talk.
    fn bind(&mut self, frames: Frames) {
        let command = Command::Bind {
            appid: self.server.appid.clone(),
            side: self.server.side.clone(),
            client_version: Some(self.server.client_version.clone()),
        };
        self.send(&frames, command);
        self.state = State::Open { frames };
        self.edges.lines.iter().for_each(|layer| layer.tell(Line::Up));
    }

    fn send(&self, frames: &Frames, command: Command) {
        let id = CommandId::from_random(random());
        let frame = Tagged { command, id }.to_frame();
        if let Some(log) = &self.server.timing {
            recording::sent(log, &self.server.side, &frame);
        }
        // A socket that has just gone reports it by itself; the layers will say it all again.
        let _ = frames.send(frame);
    }

    fn connection(&self, connection: Connection) {
        self.edges.boss.2.tell(Change::Connection(connection));
    }

    fn dispatch(&mut self, answer: Answer, ctx: &mut Context<Self>) {
        match answer {
            Answer::Welcome { welcome } => self.greet(welcome, ctx),
            answer if matches!(self.state, State::Entering { .. }) => self.on_the_way(answer, ctx),
            Answer::Error { error, .. } => self.broken(Error::Server(error)),
            // Nobody has asked for anything on this connection.
            _ if !matches!(self.state, State::Open { .. }) => ignored::<Answer>("rendezvous"),
            Answer::Nameplates { nameplates } => {
                let ids = nameplates.into_iter().filter_map(|listed| listed.id.parse().ok());
                self.edges.lister.tell(GotNameplates(ids.collect()));
            }
            Answer::Allocated { nameplate } => self.edges.allocator.tell(GotAllocated(nameplate)),
            Answer::Claimed { mailbox } => self.edges.nameplate.0.tell(GotClaimed(mailbox)),
            Answer::Released => self.edges.nameplate.1.tell(GotReleased),
            Answer::Message { side, phase, body, .. } => match body.bytes() {
                Ok(body) => self.edges.mailbox.0.tell(GotMessage { side, phase, body }),
                // The server hands on what the peer made up.
                Err(_) => self.broken(Error::Peer("sent a message that is not hex")),
            },
            Answer::Closed => self.edges.mailbox.1.tell(GotClosed),
            Answer::Ack { .. } | Answer::Pong { .. } => {}
            _ => ignored::<Answer>("rendezvous"),
        }
    }

    fn lost(&mut self, reason: String, ctx: &mut Context<Self>) {
        match std::mem::replace(&mut self.state, State::Dead) {
            State::Stopping => self.edges.terminator.tell(ConnectorStopped),
            State::Dead => ignored::<News>("rendezvous"),
            _ if !self.ever_open => {
                self.connection(Connection::Disconnected);
                let url = self.server.url.clone();
                self.broken(Error::ServerConnection { url, reason });
            }
            earlier => {
                tracing::debug!(%reason, "connection to the mailbox server lost");
                self.connection(Connection::Disconnected);
                if let State::Open { .. } = earlier {
                    self.edges.lines.iter().for_each(|layer| layer.tell(Line::Down));
                }
                let alarm = ctx.notify_later(Alarm, self.backoff.next());
                self.state = State::Waiting { alarm };
            }
        }
    }

    fn broken(&self, error: Error) {
        self.edges.boss.1.tell(Broken(error));
    }
}

impl Actor for Rendezvous {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.connect(ctx);
    }
}

impl Handler<News> for Rendezvous {
    type Result = ();

    fn handle(&mut self, news: News, ctx: &mut Self::Context) {
        match (news, &self.state) {
            (News::Up, State::Connecting { frames, .. }) => {
                let pending = ctx.notify_later(Alarm, WELCOME_LIMIT);
                let frames = frames.clone();
                self.state = State::Entering { frames, step: Step::Welcome, pending };
                self.connection(Connection::Connected { url: self.server.url.clone() });
            }
            (News::Frame(frame), State::Entering { .. } | State::Open { .. }) => {
                if let Some(log) = &self.server.timing {
                    recording::received(log, &self.server.side, &frame);
                }
                match Answer::parse(&frame) {
                    Ok(answer) => self.dispatch(answer, ctx),
                    Err(bad) => self.broken(Error::ServerProtocol(bad.to_string())),
                }
            }
            (News::Broken(what), State::Entering { .. } | State::Open { .. }) => {
                self.broken(Error::ServerProtocol(what.to_owned()));
            }
            (News::Gone(reason), _) => {
                if let State::Entering { pending, .. } = self.state {
                    ctx.cancel_future(pending);
                }
                self.lost(reason, ctx);
            }
            (News::Up | News::Frame(_) | News::Broken(_), _) => ignored::<News>("rendezvous"),
        }
    }
}

impl Handler<Alarm> for Rendezvous {
    type Result = ();

    fn handle(&mut self, _: Alarm, ctx: &mut Self::Context) {
        match &self.state {
            State::Waiting { .. } => self.connect(ctx),
            // A server that is in trouble may be itself again the next time.
            State::Entering { .. } if self.ever_open => self.state = State::Leaving,
            State::Entering { step, .. } => {
                self.broken(Error::ServerProtocol(step.overdue().to_owned()));
            }
            _ => ignored::<Alarm>("rendezvous"),
        }
    }
}

impl Handler<Transmit> for Rendezvous {
    type Result = ();

    fn handle(&mut self, Transmit(command): Transmit, _: &mut Self::Context) {
        let State::Open { frames } = &self.state else {
            return ignored::<Transmit>("rendezvous");
        };
        self.send(frames, command);
    }
}

impl Handler<Hurry> for Rendezvous {
    type Result = ();

    fn handle(&mut self, _: Hurry, ctx: &mut Self::Context) {
        if let State::Waiting { alarm } = self.state {
            ctx.cancel_future(alarm);
            self.connect(ctx);
        }
    }
}

impl Handler<Stop> for Rendezvous {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        match std::mem::replace(&mut self.state, State::Dead) {
            State::Open { .. } | State::Leaving => self.state = State::Stopping,
            State::Entering { pending, .. } => {
                ctx.cancel_future(pending);
                self.state = State::Stopping;
            }
            State::Connecting { attempt: waiting, .. } | State::Waiting { alarm: waiting } => {
                ctx.cancel_future(waiting);
                self.edges.terminator.tell(ConnectorStopped);
            }
            State::Dead => self.edges.terminator.tell(ConnectorStopped),
            State::Stopping => self.state = State::Stopping,
        }
    }
}

impl Handler<Abandon> for Rendezvous {
    type Result = ();

    fn handle(&mut self, _: Abandon, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

#[cfg(test)]
mod tests;
