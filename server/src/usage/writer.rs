//! The thread that writes the usage database.

use std::{
    marker::PhantomData,
    sync::{Mutex, PoisonError},
};

use actix::{Actor, Addr, Handler, Message, SyncArbiter, SyncContext};
use rusqlite::Connection;

use super::blur::Blur;
use crate::database::Opened;

/// What a usage database holds.
pub(crate) trait Row: Message<Result = ()> + Send + Unpin + 'static {
    /// Writes it.
    ///
    /// # Errors
    /// What SQLite says.
    fn write(&self, connection: &Connection, blur: Blur) -> rusqlite::Result<()>;

    /// Tells whether it is how the server does at the moment: rather than kept for later it is
    /// made anew.
    fn is_state(&self) -> bool;
}

/// Rows to be written in one commit; they come back where that failed.
pub(super) struct Batch<R>(pub(super) Vec<R>);

impl<R: Row> Message for Batch<R> {
    type Result = Result<(), Unwritten<R>>;
}

/// What could not be written, and why.
pub(super) struct Unwritten<R> {
    pub(super) rows: Vec<R>,
    pub(super) reason: rusqlite::Error,
}

/// Closes the database.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Shut;

pub(super) struct Writer<R> {
    opened: Option<Opened>,
    blur: Blur,
    rows: PhantomData<R>,
}

impl<R: Row> Writer<R> {
    /// Starts it on a thread of its own.
    pub(super) fn start(opened: Opened, blur: Blur) -> Addr<Self> {
        let opened = Mutex::new(Some(opened));
        SyncArbiter::start(1, move || {
            let opened = opened.lock().unwrap_or_else(PoisonError::into_inner).take();
            Self { opened, blur, rows: PhantomData }
        })
    }

    fn write(&self, rows: &[R]) -> rusqlite::Result<()> {
        // After `Shut` nobody sends.
        let Some(Opened { connection, .. }) = &self.opened else { return Ok(()) };
        let transaction = connection.unchecked_transaction()?;
        rows.iter().try_for_each(|row| row.write(&transaction, self.blur))?;
        transaction.commit()
    }
}

impl<R: Row> Actor for Writer<R> {
    type Context = SyncContext<Self>;
}

impl<R: Row> Handler<Batch<R>> for Writer<R> {
    type Result = Result<(), Unwritten<R>>;

    fn handle(&mut self, Batch(rows): Batch<R>, _: &mut Self::Context) -> Self::Result {
        self.write(&rows).map_err(|reason| Unwritten { rows, reason })
    }
}

impl<R: Row> Handler<Shut> for Writer<R> {
    type Result = ();

    fn handle(&mut self, _: Shut, _: &mut Self::Context) {
        self.opened = None;
    }
}
