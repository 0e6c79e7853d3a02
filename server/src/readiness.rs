//! Whether the server can do its work.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use actix::Recipient;
use tokio::sync::Mutex;

use crate::store::Probe;

/// Asks the store, for whoever wants to know, at most once a second.
pub(crate) struct Readiness {
    store: Recipient<Probe>,
    draining: AtomicBool,
    latest: Mutex<Option<(Instant, Result<(), Unready>)>>,
}

/// Why a server should be sent no clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unready {
    /// It is about to stop.
    #[error("the server is about to stop")]
    Draining,
    /// Writing to the channel database failed; the reason is in the log.
    #[error("the channel database cannot be written")]
    Broken,
    /// Writing to the channel database takes too long.
    #[error("the channel database does not answer")]
    Slow,
    /// The transit relay's thread does not answer.
    #[error("the transit relay does not answer")]
    Hanging,
}

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer holds, so that those who ask cost next to nothing.
const FRESH: Duration = Duration::from_secs(1);

impl Readiness {
    pub(crate) fn new(store: Recipient<Probe>) -> Self {
        Self { store, draining: AtomicBool::new(false), latest: Mutex::default() }
    }

    /// Notes that the server is about to stop.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    /// Tells whether the server is about to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Has something written to the channel database.
    ///
    /// # Errors
    /// [`Unready`] where that fails, or the server is about to stop.
    pub(crate) async fn check(&self) -> Result<(), Unready> {
        if self.is_draining() {
            return Err(Unready::Draining);
        }
        let mut latest = self.latest.lock().await;
        match *latest {
            Some((at, result)) if at.elapsed() < FRESH => return result,
            _ => (),
        }
        let result = match tokio::time::timeout(PATIENCE, self.store.send(Probe)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(_) => Err(Unready::Broken),
            Err(_) => Err(Unready::Slow),
        };
        *latest = Some((Instant::now(), result));
        result
    }
}
