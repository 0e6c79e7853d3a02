//! The store: collects what the apps have decided while the writer is busy, and has it written in
//! one commit.
//!
//! in: [`Job`] (from the apps), [`Drain`] (from [`Mailbox`](crate::mailbox::Mailbox))
//! out: [`Stored`] (to the app that gave the job, in the order of its jobs)

mod apply;
mod disk;
mod load;
mod memory;
mod rows;
mod schema;
mod upkeep;
mod writer;

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{Mutex, PoisonError},
};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, MailboxError, Message, Recipient,
    ResponseFuture, SyncArbiter, WrapFuture,
};
use futures_util::FutureExt;
use tokio::sync::oneshot;
use wormhole_protocol::name::AppId;

pub(crate) use disk::Disk;
pub(crate) use rows::{
    Change, Held, Key, MailboxRow, NameplateRow, Rows, mailbox_room, message_room,
};
pub(crate) use writer::{Failed, Task, Work, Yield};

use crate::{
    config::{Config, Database},
    database::DatabaseError,
    meters::Meters,
    vitals::{Pulse, Vitals},
};
use memory::Memory;
use upkeep::{LOOK_EVERY, Upkeep};

pub(crate) use schema::open;
use writer::{Batch, Book, Shut, Tidy, Writer};

/// A task, and who wants to know when it is on disk.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Job {
    pub(crate) task: Task,
    pub(crate) from: Recipient<Stored>,
}

/// A job's task is on disk, or has failed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Stored(pub(crate) Result<Yield, Failed>);

/// Closes the database as soon as nothing waits to be written.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Drain;

/// The batching actor.
pub(crate) struct Store {
    pen: Pen,
    queue: Vec<Job>,
    state: State,
    drained: Option<oneshot::Sender<()>>,
    _pulse: Pulse,
}

/// Who writes.
enum Pen {
    /// A thread of its own, which may wait for the disk.
    Disk(Addr<Writer>),
    /// The store itself.
    Memory(Memory),
}

enum State {
    /// The writer has nothing to do.
    Idle,
    /// The writer is at a batch of these.
    Writing(VecDeque<Recipient<Stored>>),
}

/// A long batch keeps everybody waiting for its last task.
const MAX_BATCH: usize = 256;

/// Bytes of messages in a batch, but for its last one: all of them are in the log at once.
const MAX_BATCH_BYTES: usize = 256 << 10;

impl Store {
    /// Opens the database and starts the writer; gives the rows of every app too. A running actix
    /// system is needed.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be used.
    pub(crate) fn start(
        config: &Config,
        meters: Meters,
        disk: Disk,
        vitals: &Vitals,
    ) -> Result<(Addr<Self>, BTreeMap<AppId, Rows>), DatabaseError> {
        let (pen, apps) = match &config.database {
            Database::Memory => (Pen::Memory(Memory::default()), BTreeMap::new()),
            Database::File(path) => {
                let (opened, failed) = (schema::open(path)?, DatabaseError::at(path));
                if !config.wait_for_disk {
                    let lazy = opened.connection.execute_batch("PRAGMA synchronous = OFF");
                    lazy.map_err(failed)?;
                }
                let apps = load::everything(&opened.connection).map_err(failed)?;
                let upkeep = Upkeep::begin(&opened.connection, path, disk).map_err(failed)?;
                let book = Book::new(opened, Some(upkeep));
                (Pen::Disk(start_writer(book, meters, vitals)), apps)
            }
        };
        let (queue, state, pulse) = (Vec::new(), State::Idle, vitals.pulse("store"));
        let store = Self { pen, queue, state, drained: None, _pulse: pulse };
        Ok((store.start(), apps))
    }

    fn write(&mut self, ctx: &mut Context<Self>) {
        if matches!(self.state, State::Writing(_)) {
            return;
        }
        if self.queue.is_empty() {
            return self.shut(ctx);
        }
        let jobs = self.next_batch();
        match &mut self.pen {
            Pen::Memory(memory) => {
                for Job { task, from } in jobs {
                    from.do_send(Stored(Ok(memory.perform(task))));
                }
                self.write(ctx);
            }
            Pen::Disk(writer) => {
                let (tasks, waiting) = jobs.into_iter().map(|job| (job.task, job.from)).unzip();
                self.state = State::Writing(waiting);
                let writing = writer.send(Batch(tasks)).into_actor(self);
                ctx.spawn(writing.map(|results, store, ctx| store.written(results, ctx)));
            }
        }
    }

    fn next_batch(&mut self) -> Vec<Job> {
        let mut bytes = 0;
        let mut fits = |job: &Job| {
            let room = bytes < MAX_BATCH_BYTES;
            bytes += job.task.bytes();
            room
        };
        let length = self.queue.iter().take(MAX_BATCH).take_while(|job| fits(job)).count();
        let later = self.queue.split_off(length);
        mem::replace(&mut self.queue, later)
    }

    fn shut(&mut self, ctx: &mut Context<Self>) {
        let Some(drained) = self.drained.take() else { return };
        let Pen::Disk(writer) = &self.pen else {
            let _ = drained.send(());
            return;
        };
        let shutting = writer.send(Shut).into_actor(self);
        ctx.spawn(shutting.map(|_, _, _| {
            // Whoever drains may have stopped waiting.
            let _ = drained.send(());
        }));
    }

    fn written(
        &mut self,
        results: Result<Vec<Result<Yield, Failed>>, MailboxError>,
        ctx: &mut Context<Self>,
    ) {
        let State::Writing(waiting) = mem::replace(&mut self.state, State::Idle) else { return };
        // A writer that has fallen has told the operator.
        let mut results = results.unwrap_or_default().into_iter();
        for job in waiting {
            job.do_send(Stored(results.next().unwrap_or(Err(Failed))));
        }
        self.write(ctx);
    }
}

fn start_writer(book: Book, meters: Meters, vitals: &Vitals) -> Addr<Writer> {
    let (book, vitals) = (Mutex::new(Some(book)), vitals.clone());
    SyncArbiter::start(1, move || {
        let book = book.lock().unwrap_or_else(PoisonError::into_inner).take();
        Writer::new(book, meters.clone(), vitals.pulse("thread that writes the database"))
    })
}

impl Actor for Store {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Pen::Disk(writer) = &self.pen else { return };
        let writer = writer.clone();
        ctx.run_interval(LOOK_EVERY, move |_, _| writer.do_send(Tidy));
    }
}

impl Handler<Job> for Store {
    type Result = ();

    fn handle(&mut self, job: Job, ctx: &mut Self::Context) {
        self.queue.push(job);
        self.write(ctx);
    }
}

impl Handler<Drain> for Store {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) -> Self::Result {
        let (drained, done) = oneshot::channel();
        self.drained = Some(drained);
        self.write(ctx);
        Box::pin(done.map(drop))
    }
}
