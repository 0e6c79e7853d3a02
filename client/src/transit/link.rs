//! Link: the actor that owns the connection to the peer.
//!
//! in:  [`Ship`], [`Land`], [`SendRecord`], [`ReceiveRecord`], [`Finish`], [`Stop`] (from the
//!      connection's handle)
//! out: the answer to each, when it is done
//!
//! One thing is done at a time; the pump runs as a future of this actor and the heavy work on a
//! blocking thread, so the mailbox carries only beginnings and ends.

use std::io::Write;

use actix::{fut, prelude::*};
use tokio::sync::watch;

use super::pump::{LandError, ShipError, Source, Wire};

/// Send this many bytes, or all there are.
#[derive(Message)]
#[rtype(result = "Result<[u8; 32], ShipError>")]
pub(super) struct Ship {
    pub(super) source: Source,
    pub(super) size: Option<u64>,
    pub(super) progress: watch::Sender<u64>,
}

/// Receive this many bytes, or all that come; the sink comes back with them in it.
#[derive(Message)]
#[rtype(result = "Result<(S, [u8; 32]), LandError>")]
pub(super) struct Land<S: Write + Send + 'static> {
    pub(super) sink: S,
    pub(super) size: Option<u64>,
    pub(super) progress: watch::Sender<u64>,
}

/// Send one record.
#[derive(Message)]
#[rtype(result = "Result<(), ShipError>")]
pub(super) struct SendRecord(pub(super) Vec<u8>);

/// Receive one record of at most so many bytes.
#[derive(Message)]
#[rtype(result = "Result<Vec<u8>, LandError>")]
pub(super) struct ReceiveRecord(pub(super) u64);

/// Hang up when everything sent has arrived.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Finish;

/// Hang up at once.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Stop;

enum State {
    /// The connection is free.
    Idle(Box<Wire>),
    /// A pump has it.
    Busy,
    /// It was lost or closed.
    Over,
}

pub(super) struct Link {
    state: State,
}

impl Link {
    pub(super) fn new(wire: Wire) -> Self {
        Self { state: State::Idle(Box::new(wire)) }
    }

    /// Takes the connection for one job; none is left after a failure.
    fn take(&mut self) -> Option<Wire> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Idle(wire) => {
                self.state = State::Busy;
                Some(*wire)
            }
            earlier => {
                self.state = earlier;
                None
            }
        }
    }

    /// Runs a job that gives the connection back when it succeeds.
    fn run<T: 'static, E: 'static>(
        &mut self,
        taken: E,
        job: impl AsyncFnOnce(Wire) -> Result<(Wire, T), E> + 'static,
    ) -> ResponseActFuture<Self, Result<T, E>> {
        let Some(wire) = self.take() else { return Box::pin(fut::err(taken)) };
        let done = async move { job(wire).await };
        Box::pin(done.into_actor(self).map(|done, link, _| {
            let (state, done) = match done {
                Ok((wire, value)) => (State::Idle(Box::new(wire)), Ok(value)),
                Err(error) => (State::Over, Err(error)),
            };
            link.state = state;
            done
        }))
    }
}

const TAKEN: &str = "the connection is in use or gone";

impl Actor for Link {
    type Context = Context<Self>;
}

impl Handler<Ship> for Link {
    type Result = ResponseActFuture<Self, Result<[u8; 32], ShipError>>;

    fn handle(
        &mut self,
        Ship { source, size, progress }: Ship,
        _: &mut Self::Context,
    ) -> Self::Result {
        self.run(ShipError::Internal(TAKEN), async move |wire| {
            wire.ship(source, size, &progress).await
        })
    }
}

impl<S: Write + Send + 'static> Handler<Land<S>> for Link {
    type Result = ResponseActFuture<Self, Result<(S, [u8; 32]), LandError>>;

    fn handle(
        &mut self,
        Land { sink, size, progress }: Land<S>,
        _: &mut Self::Context,
    ) -> Self::Result {
        self.run(LandError::Internal(TAKEN), async move |wire| {
            let (wire, sink, digest) = wire.land(sink, size, &progress).await?;
            Ok((wire, (sink, digest)))
        })
    }
}

impl Handler<SendRecord> for Link {
    type Result = ResponseActFuture<Self, Result<(), ShipError>>;

    fn handle(&mut self, SendRecord(plaintext): SendRecord, _: &mut Self::Context) -> Self::Result {
        self.run(ShipError::Internal(TAKEN), async move |wire| {
            Ok((wire.send(&plaintext).await?, ()))
        })
    }
}

impl Handler<ReceiveRecord> for Link {
    type Result = ResponseActFuture<Self, Result<Vec<u8>, LandError>>;

    fn handle(
        &mut self,
        ReceiveRecord(limit): ReceiveRecord,
        _: &mut Self::Context,
    ) -> Self::Result {
        self.run(LandError::Internal(TAKEN), async move |wire| wire.receive(limit).await)
    }
}

impl Handler<Finish> for Link {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Finish, _: &mut Self::Context) -> Self::Result {
        let wire = self.take();
        self.state = State::Over;
        let done = async move {
            if let Some(wire) = wire {
                wire.finish().await;
            }
        };
        Box::pin(done.into_actor(self))
    }
}

impl Handler<Stop> for Link {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
