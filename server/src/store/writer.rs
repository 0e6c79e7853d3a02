//! The one thread that writes: a batch of tasks is one commit.

use std::{collections::HashSet, sync::Arc};

use actix::{Actor, Handler, Message, SyncContext};
use rusqlite::Connection;
use wormhole_protocol::name::{AppId, MailboxId};

use super::{
    Change, Rows,
    apply::apply,
    load,
    upkeep::{Upkeep, lacks_room},
};
use crate::{
    database::{Lock, Opened},
    engine::StoredMessage,
    meters::Meters,
    vitals::Pulse,
};

/// Something to do for one app.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) app: AppId,
    pub(crate) work: Work,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Work {
    /// Writes the changes, then reads the messages of a mailbox where one is to be replayed.
    Write { changes: Vec<Change>, replay: Option<MailboxId> },
    /// Reads the app's rows; the first thing to ask for after a failure.
    Load,
}

impl Task {
    /// Bytes of the messages in it.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |change: &Change| match change {
            Change::Added { message, .. } => message.size(),
            _ => 0,
        };
        self.changes().iter().map(bytes).sum()
    }

    /// Tells whether it needs room that nobody gives back with it.
    fn takes_room(&self) -> bool {
        self.changes().iter().any(|change| {
            matches!(
                change,
                Change::Added { .. } | Change::MailboxMade { .. } | Change::NameplateMade { .. }
            )
        })
    }

    /// Tells whether something is deleted by it.
    fn deletes(&self) -> bool {
        self.changes().iter().any(|change| {
            matches!(change, Change::MailboxGone { .. } | Change::NameplateGone { .. })
        })
    }

    fn changes(&self) -> &[Change] {
        match &self.work {
            Work::Write { changes, .. } => changes,
            Work::Load => &[],
        }
    }
}

/// What came of a task, once its batch is on disk.
#[derive(Debug, PartialEq)]
pub(crate) enum Yield {
    Written { replay: Vec<Arc<StoredMessage>> },
    Loaded(Rows),
}

/// A task failed: nothing of it is on disk, and nothing of its app will be until the app loads its
/// rows again. The reason is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

/// Tasks in the order in which they were decided; the answers come in the same order.
#[derive(Message)]
#[rtype(result = "Vec<Result<Yield, Failed>>")]
pub(super) struct Batch(pub(super) Vec<Task>);

/// Sees to the database's files, as far as that is due.
#[derive(Clone, Copy, Message)]
#[rtype(result = "()")]
pub(super) struct Tidy;

/// Closes the database; what comes later fails.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Shut;

pub(super) struct Writer {
    book: Option<Book>,
    /// Apps whose memory is ahead of the disk.
    ahead: HashSet<AppId>,
    meters: Meters,
    _pulse: Pulse,
}

/// An open database.
pub(super) struct Book {
    connection: Connection,
    /// None where there are no files.
    upkeep: Option<Upkeep>,
    /// Dropped after the connection.
    _lock: Option<Lock>,
}

impl Book {
    pub(super) fn new(Opened { connection, lock }: Opened, upkeep: Option<Upkeep>) -> Self {
        Self { connection, upkeep, _lock: lock }
    }

    /// Writes all of it in one commit; where there is no room for that, once more with what can
    /// be had.
    fn commit(&mut self, batch: &[Task]) -> rusqlite::Result<Vec<Yield>> {
        let written = match commit(&self.connection, batch) {
            Err(reason) if lacks_room(&reason) => self.commit_with_room(batch),
            other => other,
        };
        if let (Ok(_), Some(upkeep)) = (&written, &mut self.upkeep) {
            upkeep.note_write(batch.iter().any(Task::deletes));
        }
        written
    }

    fn commit_with_room(&mut self, batch: &[Task]) -> rusqlite::Result<Vec<Yield>> {
        if let Some(upkeep) = &mut self.upkeep {
            upkeep.cut_log(&self.connection);
        }
        let written = commit(&self.connection, batch);
        let lacks_room = written.as_ref().is_err_and(lacks_room);
        match &mut self.upkeep {
            Some(upkeep) if lacks_room => upkeep.give_up_reserve(&self.connection),
            _ => return written,
        }
        match batch.iter().any(Task::takes_room) {
            true => written,
            false => commit(&self.connection, batch),
        }
    }

    fn takes(&self, task: &Task) -> bool {
        !(self.is_disk_full() && task.takes_room())
    }

    fn is_disk_full(&self) -> bool {
        self.upkeep.as_ref().is_some_and(Upkeep::is_disk_full)
    }
}

impl Writer {
    pub(super) fn new(book: Option<Book>, meters: Meters, pulse: Pulse) -> Self {
        Self { book, ahead: HashSet::new(), meters, _pulse: pulse }
    }

    fn write(&mut self, batch: &[Task]) -> Vec<Result<Yield, Failed>> {
        let Some(book) = &mut self.book else {
            return batch.iter().map(|_| Err(Failed)).collect();
        };
        if self.ahead.is_empty()
            && batch.iter().all(|task| book.takes(task))
            && let Ok(yields) = book.commit(batch)
        {
            self.meters.commit();
            return yields.into_iter().map(Ok).collect();
        }
        // Alone, so that a task that cannot be done takes only its own app's later ones with it.
        let write = |task| {
            let written = write_alone(book, &mut self.ahead, task);
            match written {
                Ok(_) => self.meters.commit(),
                Err(Failed) => self.meters.failure(),
            }
            written
        };
        batch.iter().map(write).collect()
    }
}

fn write_alone(book: &mut Book, ahead: &mut HashSet<AppId>, task: &Task) -> Result<Yield, Failed> {
    if ahead.contains(&task.app) && !matches!(task.work, Work::Load) {
        return Err(Failed);
    }
    let done = match book.takes(task) {
        true => book.commit(std::slice::from_ref(task)).map(|mut yields| yields.pop()),
        // That the disk is full was said.
        false => Ok(None),
    };
    match done {
        Ok(Some(done)) => {
            ahead.remove(&task.app);
            return Ok(done);
        }
        Ok(None) => (),
        Err(reason) => tracing::error!(%reason, "the channel database failed"),
    }
    ahead.insert(task.app.clone());
    Err(Failed)
}

fn commit(connection: &Connection, batch: &[Task]) -> rusqlite::Result<Vec<Yield>> {
    let transaction = connection.unchecked_transaction()?;
    let yields = batch.iter().map(|task| perform(&transaction, task)).collect::<Result<_, _>>()?;
    transaction.commit()?;
    Ok(yields)
}

fn perform(connection: &Connection, task: &Task) -> rusqlite::Result<Yield> {
    match &task.work {
        Work::Load => load::app(connection, &task.app).map(Yield::Loaded),
        Work::Write { changes, replay } => {
            changes.iter().try_for_each(|change| apply(connection, &task.app, change))?;
            let replay = match replay {
                Some(mailbox) => load::messages(connection, &task.app, mailbox)?,
                None => Vec::new(),
            };
            Ok(Yield::Written { replay })
        }
    }
}

impl Actor for Writer {
    type Context = SyncContext<Self>;
}

impl Handler<Batch> for Writer {
    type Result = Vec<Result<Yield, Failed>>;

    fn handle(&mut self, Batch(batch): Batch, ctx: &mut Self::Context) -> Self::Result {
        let results = self.write(&batch);
        // Afterwards: whoever waits for the results does not wait for it.
        ctx.address().do_send(Tidy);
        results
    }
}

impl Handler<Tidy> for Writer {
    type Result = ();

    fn handle(&mut self, tidy: Tidy, ctx: &mut Self::Context) {
        let Some(Book { connection, upkeep: Some(upkeep), .. }) = &mut self.book else { return };
        if upkeep.look(connection) {
            ctx.address().do_send(tidy);
        }
    }
}

impl Handler<Shut> for Writer {
    type Result = ();

    fn handle(&mut self, _: Shut, _: &mut Self::Context) {
        let Some(Book { connection, upkeep, _lock }) = self.book.take() else { return };
        if let Some(upkeep) = upkeep {
            upkeep.end(&connection);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::{name::Side, wire::Body};

    use super::*;
    use crate::{
        store::{Key, schema},
        vitals::Vitals,
    };

    fn writer() -> Writer {
        let book = Book::new(schema::in_memory(), None);
        Writer::new(Some(book), Meters::default(), Vitals::default().pulse("writer"))
    }

    fn task(app: &str, changes: Vec<Change>) -> Task {
        let replay = Some(MailboxId::new("m"));
        Task { app: AppId::new(app), work: Work::Write { changes, replay } }
    }

    fn made() -> Change {
        Change::MailboxMade { mailbox: Key::of_invented(&MailboxId::new("m")), updated: 1.5 }
    }

    fn added(server_rx: f64) -> Change {
        let message = StoredMessage {
            side: Side::new("a"),
            phase: "p".to_owned().into(),
            body: Body::from_text("00"),
            server_rx,
            id: None,
        };
        let mailbox = Key::of_invented(&MailboxId::new("m"));
        Change::Added { mailbox, message: Arc::new(message) }
    }

    #[test]
    fn a_replay_holds_what_the_batch_wrote_before_it_in_the_order_of_time() {
        let mut writer = writer();
        let batch = [
            task("app", vec![made(), added(3.0), added(2.5)]),
            task("other", vec![made()]),
            task("app", vec![added(4.0)]),
        ];
        let times: Vec<Vec<f64>> = writer
            .write(&batch)
            .into_iter()
            .map(|done| match done.unwrap() {
                Yield::Written { replay } => replay.iter().map(|m| m.server_rx).collect(),
                Yield::Loaded(_) => unreachable!("nothing was loaded"),
            })
            .collect();
        assert_eq!(times, [vec![2.5, 3.0], vec![], vec![2.5, 3.0, 4.0]]);
    }

    #[test]
    fn a_failure_stays_with_its_app_until_that_loads() {
        let mut writer = writer();
        let batch = [
            task("bad", vec![made()]),
            task("good", vec![made()]),
            task("bad", vec![made(), added(1.0)]),
            task("good", vec![added(1.0)]),
            task("bad", vec![added(2.0)]),
        ];
        let well: Vec<bool> = writer.write(&batch).iter().map(Result::is_ok).collect();
        assert_eq!(well, [true, true, false, true, false], "a mailbox is made only once");

        assert_eq!(writer.write(&[task("bad", vec![added(3.0)])]), [Err(Failed)]);
        let load = Task { app: AppId::new("bad"), work: Work::Load };
        let loaded = writer.write(&[load]).pop().unwrap().unwrap();
        let Yield::Loaded(rows) = loaded else { unreachable!("a load loads") };
        assert_eq!(rows.mailboxes.len(), 1);
        let done = writer.write(&[task("bad", vec![added(4.0)])]).pop().unwrap().unwrap();
        let Yield::Written { replay } = done else { unreachable!("a write writes") };
        assert_eq!(replay.len(), 1, "of the failed tasks nothing is left");
    }
}
