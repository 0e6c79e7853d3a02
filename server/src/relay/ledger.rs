//! What is kept of connections that have ended, for counting and not for finding anybody
//! [transit-relay.md: results, usage database].
//!
//! Nobody waits for it: a thread writes the log, another the database.

mod log;
mod row;
mod schema;

use std::{fs::File, sync::Arc, time::Duration};

use actix::{Actor, Addr};

use super::{story::Ended, tally::Tally};
use crate::{
    clock,
    config::Database,
    database::{DatabaseError, DatabaseKind},
    usage::{Blur, Drain, Recorder},
    vitals::{Pulse, Vitals},
};
use log::Log;
use row::{Current, Row};

pub(crate) use schema::open as open_usage;

/// What a relay records of its use; by default nothing.
#[derive(Clone, Debug, Default)]
pub struct RelayUsage {
    /// A SQLite database in the form of the Python relay's, version 1.
    pub database: Option<Database>,
    /// Where each end is written as a line of JSON.
    pub log: Option<Arc<File>>,
    /// Times at which something began are kept as the last multiple of this before them, and
    /// numbers of bytes with about two digits; zero is as good as none.
    pub blur: Option<Duration>,
}

/// Where ends are told; clones share it.
#[derive(Clone)]
pub(super) struct Ledger {
    recorder: Option<Addr<Recorder<Row>>>,
    log: Option<Log>,
    blur: Blur,
}

/// Those who look at the row of the relay's state take it for dead after five minutes.
const UPDATE_EVERY: Duration = Duration::from_secs(60);

impl RelayUsage {
    /// Tells whether the database could be used, without touching it; one that is missing will be
    /// made.
    ///
    /// # Errors
    /// [`DatabaseError`] where it could not.
    pub fn check_database(&self) -> Result<(), DatabaseError> {
        self.database.as_ref().map_or(Ok(()), |database| database.check(DatabaseKind::Relay))
    }
}

impl Ledger {
    /// Opens the database and starts to write. A running actix system is needed.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be used.
    pub(super) fn open(
        usage: &RelayUsage,
        tally: &Tally,
        vitals: &Vitals,
    ) -> Result<Self, DatabaseError> {
        let blur = Blur::new(usage.blur);
        let pulse = || vitals.pulse("relay's usage recorder");
        let open = |database| recorder(database, blur, tally.clone(), pulse());
        let recorder = usage.database.as_ref().map(open).transpose()?;
        let log = usage.log.as_ref().map(|file| Log::start(Arc::clone(file)));
        Ok(Self { recorder: recorder.map(Actor::start), log, blur })
    }

    /// Tells of an end.
    pub(super) fn record(&self, ended: Ended) {
        if let Some(recorder) = &self.recorder {
            recorder.do_send(Row::Ended(ended));
        }
        if let Some(log) = &self.log {
            log.write(row::json(&ended, self.blur));
        }
    }

    /// Has everything written that was told, and closes the database. Nobody else may tell
    /// anything any more.
    pub(super) async fn close(self) {
        if let Some(recorder) = self.recorder
            && recorder.send(Drain).await.is_err()
        {
            tracing::error!("the relay's usage recorder ended before the relay");
        }
        if let Some(log) = self.log {
            log.close().await;
        }
    }

    /// Closes the database whenever all is written.
    pub(super) fn abandon(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.do_send(Drain);
        }
    }
}

fn recorder(
    database: &Database,
    blur: Blur,
    tally: Tally,
    pulse: Pulse,
) -> Result<Recorder<Row>, DatabaseError> {
    let (database, began) = (database.clone(), clock::steady());
    let open = move || open_usage(&database);
    let current = move || {
        Row::Current(Current {
            rebooted: clock::of_day(began),
            updated: clock::now(),
            connected: 2 * tally.pairs(),
            waiting: tally.waiting_tokens(),
            incomplete_bytes: tally.incomplete_bytes(),
        })
    };
    Recorder::new(open, blur, UPDATE_EVERY, current, pulse)
}
