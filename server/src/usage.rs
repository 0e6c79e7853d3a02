//! What came of nameplates and mailboxes, and what clients bound: counted, and recorded where the
//! owner wants it [mailbox-server.md: usage records].
//!
//! Everybody in the server holds a `Usage` and tells it; nobody ever waits for it.

mod blur;
mod outcome;
mod record;
mod recorder;
pub mod report;
mod schema;
mod tally;
mod writer;

pub use outcome::Outcome;

pub(crate) use blur::Blur;
pub(crate) use outcome::{End, Life, Retired};
pub(crate) use record::{Binding, ClientVersion};
pub(crate) use recorder::{Drain, Recorder};
pub(crate) use tally::{ClientKind, Subscription, Tally};
pub(crate) use writer::Row;

use std::time::Duration;

use actix::{Actor, Addr};
use wormhole_protocol::name::AppId;

use crate::{
    clock,
    config::{Config, UsageConfig},
    database::DatabaseError,
    vitals::{Pulse, Vitals},
};
use record::{Current, Record};

pub(crate) use schema::open;

/// Where everything is told; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Usage {
    tally: Tally,
    recorder: Option<Addr<Recorder<Record>>>,
}

impl Usage {
    /// Opens the usage database where there is to be one, and starts to write it. A running actix
    /// system is needed.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be used.
    pub(crate) fn start(config: &Config, vitals: &Vitals) -> Result<Self, DatabaseError> {
        let tally = Tally::default();
        let pulse = || vitals.pulse("usage recorder");
        let open = |usage| recorder_of(usage, config.prune_every, tally.clone(), pulse());
        let recorder = config.usage.as_ref().map(open).transpose()?;
        Ok(Self { tally, recorder: recorder.map(Actor::start) })
    }

    /// The counters.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Tells what has ended in an app.
    pub(crate) fn retire(&self, app: &AppId, retired: Vec<Retired>) {
        for mut what in retired {
            self.tally.count(&what);
            let life = what.life_mut();
            life.started = clock::of_day(life.started);
            self.record(|| Record::Retired { app: app.clone(), what });
        }
    }

    /// Tells that a client has bound.
    pub(crate) fn bind(&self, binding: Binding, at: f64) {
        self.tally.count_bind(binding.client.as_ref());
        self.record(|| Record::Bound { binding, at });
    }

    fn record(&self, record: impl FnOnce() -> Record) {
        if let Some(recorder) = &self.recorder {
            recorder.do_send(record());
        }
    }

    /// Has everything written that was told, and closes the database.
    pub(crate) async fn drain(self) {
        let Some(recorder) = self.recorder else { return };
        if recorder.send(Drain).await.is_err() {
            tracing::error!("the usage recorder ended before the server");
        }
    }
}

/// Opens the database.
fn recorder_of(
    config: &UsageConfig,
    update_every: Duration,
    tally: Tally,
    pulse: Pulse,
) -> Result<Recorder<Record>, DatabaseError> {
    let (database, began) = (config.database.clone(), clock::steady());
    let open = move || schema::open(&database);
    let current = move || {
        let subscriptions = tally.subscriptions();
        let (rebooted, updated) = (clock::of_day(began), clock::now());
        Record::Current(Current { rebooted, updated, subscriptions })
    };
    Recorder::new(open, Blur::new(config.blur), update_every, current, pulse)
}
