//! The recorder: collects rows and has them written, many in one commit.
//!
//! in: a [`Row`] (from the apps and the sessions, or the relay), [`Drain`] (from whoever stops)
//! out: [`Batch`] (to the thread that writes)

use std::{collections::VecDeque, mem, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, MailboxError,
    Message, ResponseFuture, SpawnHandle, WrapFuture,
};
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::{
    blur::Blur,
    writer::{Batch, Row, Shut, Unwritten, Writer},
};
use crate::{
    database::{DatabaseError, Opened},
    vitals::Pulse,
};

/// Writes everything that has come, or as much as the disk takes, and closes the database.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Drain;

/// The batching actor.
pub(crate) struct Recorder<R: Row> {
    open: Box<dyn Fn() -> Result<Opened, DatabaseError> + Send>,
    blur: Blur,
    writer: Addr<Writer<R>>,
    /// Makes the row of the server's state.
    current: Box<dyn Fn() -> R + Send>,
    update_every: Duration,
    /// Whether the row of the server's state is to be written anew.
    outdated: bool,
    queue: VecDeque<R>,
    state: State,
    health: Health,
    drained: Option<oneshot::Sender<()>>,
    _pulse: Pulse,
}

enum State {
    Idle,
    /// A batch leaves when this timer ends.
    Waiting(SpawnHandle),
    Writing,
}

/// What has been said of the trouble there is.
#[derive(Default)]
struct Health {
    failing: bool,
    overflowing: bool,
}

/// A record waits so long at most, unless the disk is slow.
const BATCH_EVERY: Duration = Duration::from_secs(1);
const MAX_BATCH: usize = 256;

/// A hundred megabytes at worst, where all texts are as long as they may be.
const MAX_WAITING: usize = 100_000;

impl<R: Row> Recorder<R> {
    /// Makes one that writes to a database; the row of the server's state is replaced when it is
    /// started, and as often as `update_every` says.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be opened.
    pub(crate) fn new(
        open: impl Fn() -> Result<Opened, DatabaseError> + Send + 'static,
        blur: Blur,
        update_every: Duration,
        current: impl Fn() -> R + Send + 'static,
        pulse: Pulse,
    ) -> Result<Self, DatabaseError> {
        Ok(Self {
            writer: Writer::start(open()?, blur),
            open: Box::new(open),
            blur,
            current: Box::new(current),
            update_every,
            outdated: true,
            queue: VecDeque::new(),
            state: State::Idle,
            health: Health::default(),
            drained: None,
            _pulse: pulse,
        })
    }

    /// Has a batch written now or soon, or waits for the one that is being written.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        let urgent = self.queue.len() >= MAX_BATCH && !self.health.failing;
        match self.state {
            State::Writing => (),
            _ if self.queue.is_empty() && !self.outdated => self.shut(ctx),
            _ if urgent || self.drained.is_some() => self.write(ctx),
            State::Waiting(_) => (),
            State::Idle => self.state = State::Waiting(ctx.run_later(BATCH_EVERY, Self::write)),
        }
    }

    fn write(&mut self, ctx: &mut Context<Self>) {
        let count = self.queue.len().min(MAX_BATCH);
        let mut batch: Vec<_> = self.queue.drain(..count).collect();
        let records = batch.len();
        if mem::take(&mut self.outdated) {
            batch.push((self.current)());
        }
        if let State::Waiting(timer) = mem::replace(&mut self.state, State::Writing) {
            ctx.cancel_future(timer);
        }
        let writing = self.writer.send(Batch(batch)).into_actor(self);
        ctx.spawn(writing.map(move |result, recorder, ctx| recorder.written(records, result, ctx)));
    }

    fn written(
        &mut self,
        records: usize,
        result: Result<Result<(), Unwritten<R>>, MailboxError>,
        ctx: &mut Context<Self>,
    ) {
        self.state = State::Idle;
        match result {
            Ok(Ok(())) => {
                self.health.failing = false;
                self.health.overflowing &= self.queue.len() >= MAX_WAITING / 2;
            }
            Ok(Err(Unwritten { rows, reason })) => {
                if !mem::replace(&mut self.health.failing, true) {
                    tracing::error!(%reason, "cannot write the usage database: trying again");
                }
                self.put_back(rows);
                self.give_up_at_the_end();
            }
            Err(_) => {
                tracing::error!(
                    lost = records,
                    "the thread that writes the usage database has panicked: it is started again"
                );
                if let Err(reason) = self.start_again() {
                    self.health.failing = true;
                    tracing::error!("the usage database is not written: {reason}");
                    self.give_up_at_the_end();
                }
            }
        }
        self.proceed(ctx);
    }

    /// What the batch held may have been the cause: it is lost.
    fn start_again(&mut self) -> Result<(), DatabaseError> {
        self.outdated = true;
        self.writer = Writer::start((self.open)()?, self.blur);
        Ok(())
    }

    fn put_back(&mut self, rows: Vec<R>) {
        for row in rows.into_iter().rev() {
            match row.is_state() {
                true => self.outdated = true,
                false => self.queue.push_front(row),
            }
        }
        self.bound();
    }

    /// The server does not wait for a disk that fails.
    fn give_up_at_the_end(&mut self) {
        if self.drained.is_some() {
            let lost = self.queue.len();
            tracing::error!(lost, "usage records could not be written");
            self.queue.clear();
            self.outdated = false;
        }
    }

    /// Forgets the oldest records where there are too many.
    fn bound(&mut self) {
        while self.queue.len() > MAX_WAITING {
            self.queue.pop_front();
            if !mem::replace(&mut self.health.overflowing, true) {
                tracing::warn!("the usage database is too slow: the oldest records are dropped");
            }
        }
    }

    fn shut(&mut self, ctx: &mut Context<Self>) {
        let Some(drained) = self.drained.take() else { return };
        let shutting = self.writer.send(Shut).into_actor(self);
        ctx.spawn(shutting.map(|_, _, ctx| {
            // Whoever drains may have stopped waiting.
            let _ = drained.send(());
            // Its interval would keep it alive.
            ctx.stop();
        }));
    }
}

impl<R: Row> Actor for Recorder<R> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.write(ctx);
        ctx.run_interval(self.update_every, |recorder, ctx| {
            recorder.outdated = true;
            recorder.proceed(ctx);
        });
    }
}

impl<R: Row> Handler<R> for Recorder<R> {
    type Result = ();

    fn handle(&mut self, row: R, ctx: &mut Self::Context) {
        self.queue.push_back(row);
        self.bound();
        self.proceed(ctx);
    }
}

impl<R: Row> Handler<Drain> for Recorder<R> {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) -> Self::Result {
        let (drained, done) = oneshot::channel();
        self.drained = Some(drained);
        self.proceed(ctx);
        Box::pin(done.map(drop))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
