//! Rendezvous: the connection to the mailbox server, made again whenever it is lost.
//!
//! in:  [`Transmit`] (from Nameplate, Mailbox, Allocator, Lister), [`Stop`] (from Terminator),
//!      [`Abandon`] (from the keeper), [`News`] (from its own socket)
//! out: [`Line`] (to Nameplate, Mailbox, Lister, Allocator, in this order), the server's answers
//!      (each to its layer), `GotWelcome` and `Broken` (to Boss), `ConnectorStopped` (to
//!      Terminator)

mod backoff;

use std::time::Duration;

use actix::prelude::*;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use wormhole_protocol::{
    name::{AppId, Side},
    wire::{Answer, Command, CommandId, Tagged},
};

use self::backoff::Backoff;
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
    socket::{self, News},
    wiring::To,
};

/// How long the server has for its welcome once the connection stands.
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
    /// It stands, and the server has not said its welcome.
    Unwelcomed { frames: Frames, limit: SpawnHandle },
    /// The server knows who we are; the layers were told.
    Open { frames: Frames },
    /// It was lost; an alarm is set for the next attempt.
    Waiting { alarm: SpawnHandle },
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
    pub(crate) boss: (To<GotWelcome>, To<Broken>),
    pub(crate) terminator: To<ConnectorStopped>,
}

pub(crate) struct Rendezvous {
    state: State,
    url: String,
    appid: AppId,
    side: Side,
    backoff: Backoff,
    ever_open: bool,
    edges: Edges,
}

impl Rendezvous {
    pub(crate) fn new(url: String, appid: AppId, side: Side, edges: Edges) -> Self {
        let backoff = Backoff::default();
        Self { state: State::Dead, url, appid, side, backoff, ever_open: false, edges }
    }

    fn connect(&mut self, ctx: &mut Context<Self>) {
        let (frames, outgoing) = mpsc::unbounded_channel();
        let news = ctx.address().downgrade();
        let running = socket::run(self.url.clone(), outgoing, move |item| {
            if let Some(rendezvous) = news.upgrade() {
                rendezvous.do_send(item);
            }
        });
        let attempt = ctx.spawn(running.into_actor(self));
        self.state = State::Connecting { frames, attempt };
    }

    fn greet(&mut self, welcome: Map<String, Value>, ctx: &mut Context<Self>) {
        let State::Unwelcomed { frames, limit } = &self.state else {
            return ignored::<Answer>("rendezvous");
        };
        ctx.cancel_future(*limit);
        let turned_away = welcome.contains_key("error");
        self.edges.boss.0.tell(GotWelcome(welcome));
        self.state = State::Open { frames: frames.clone() };
        if turned_away {
            return;
        }
        self.ever_open = true;
        self.transmit(Command::Bind {
            appid: self.appid.clone(),
            side: self.side.clone(),
            client_version: Some((
                env!("CARGO_PKG_NAME").to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
            )),
        });
        self.edges.lines.iter().for_each(|layer| layer.tell(Line::Up));
    }

    fn transmit(&self, command: Command) {
        let State::Open { frames } = &self.state else {
            return ignored::<Transmit>("rendezvous");
        };
        let id = CommandId::from_random(random());
        // A socket that has just gone reports it by itself; the layers will say it all again.
        let _ = frames.send(Tagged { command, id }.to_frame());
    }

    fn dispatch(&mut self, answer: Answer, ctx: &mut Context<Self>) {
        match answer {
            Answer::Welcome { welcome } => self.greet(welcome, ctx),
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
                Err(bad) => self.broken(Error::ServerProtocol(bad.to_string())),
            },
            Answer::Closed => self.edges.mailbox.1.tell(GotClosed),
            Answer::Ack { .. } | Answer::Pong { .. } => {}
            _ => ignored::<Answer>("rendezvous"),
        }
    }

    fn lost(&mut self, reason: String, ctx: &mut Context<Self>) {
        match std::mem::replace(&mut self.state, State::Dead) {
            State::Stopping => self.edges.terminator.tell(ConnectorStopped),
            _ if !self.ever_open => {
                let url = self.url.clone();
                self.broken(Error::ServerConnection { url, reason });
            }
            earlier => {
                tracing::debug!(%reason, "connection to the mailbox server lost");
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
                self.backoff = Backoff::default();
                let limit = ctx.notify_later(Alarm, WELCOME_LIMIT);
                self.state = State::Unwelcomed { frames: frames.clone(), limit };
            }
            (News::Frame(frame), State::Unwelcomed { .. } | State::Open { .. }) => {
                match Answer::parse(&frame) {
                    Ok(answer) => self.dispatch(answer, ctx),
                    Err(bad) => self.broken(Error::ServerProtocol(bad.to_string())),
                }
            }
            (News::Broken(what), State::Unwelcomed { .. } | State::Open { .. }) => {
                self.broken(Error::ServerProtocol(what.to_owned()));
            }
            (News::Gone(reason), _) => {
                if let State::Unwelcomed { limit, .. } = self.state {
                    ctx.cancel_future(limit);
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
            State::Unwelcomed { .. } => {
                self.broken(Error::ServerProtocol("no welcome came".to_owned()));
            }
            _ => ignored::<Alarm>("rendezvous"),
        }
    }
}

impl Handler<Transmit> for Rendezvous {
    type Result = ();

    fn handle(&mut self, Transmit(command): Transmit, _: &mut Self::Context) {
        self.transmit(command);
    }
}

impl Handler<Stop> for Rendezvous {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        match std::mem::replace(&mut self.state, State::Dead) {
            State::Open { .. } | State::Unwelcomed { .. } => self.state = State::Stopping,
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
