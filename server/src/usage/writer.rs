//! The thread that writes the usage database.

use std::sync::{Mutex, PoisonError};

use actix::{Actor, Addr, Handler, Message, SyncArbiter, SyncContext};
use rusqlite::Connection;

use super::record::{Blur, Record};

/// Records to be written in one commit; they come back where that failed.
#[derive(Message)]
#[rtype(result = "Result<(), Unwritten>")]
pub(super) struct Batch(pub(super) Vec<Record>);

/// What could not be written, and why.
pub(super) struct Unwritten {
    pub(super) records: Vec<Record>,
    pub(super) reason: rusqlite::Error,
}

/// Closes the database.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Shut;

pub(super) struct Writer {
    connection: Option<Connection>,
    blur: Blur,
}

impl Writer {
    /// Starts it on a thread of its own.
    pub(super) fn start(connection: Connection, blur: Blur) -> Addr<Self> {
        let connection = Mutex::new(Some(connection));
        SyncArbiter::start(1, move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner).take();
            Self { connection, blur }
        })
    }

    fn write(&self, records: &[Record]) -> rusqlite::Result<()> {
        // After `Shut` nobody sends.
        let Some(connection) = &self.connection else { return Ok(()) };
        let transaction = connection.unchecked_transaction()?;
        records.iter().try_for_each(|record| record.write(&transaction, self.blur))?;
        transaction.commit()
    }
}

impl Actor for Writer {
    type Context = SyncContext<Self>;
}

impl Handler<Batch> for Writer {
    type Result = Result<(), Unwritten>;

    fn handle(&mut self, Batch(records): Batch, _: &mut Self::Context) -> Self::Result {
        self.write(&records).map_err(|reason| Unwritten { records, reason })
    }
}

impl Handler<Shut> for Writer {
    type Result = ();

    fn handle(&mut self, _: Shut, _: &mut Self::Context) {
        self.connection = None;
    }
}
