//! Whether the server can do its work.

mod canary;
mod footing;

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use actix::Addr;
use tokio::{
    sync::Mutex,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{meters::Meters, vitals::Vitals};
use canary::Sing;

pub(crate) use canary::Canary;
pub(crate) use footing::Footing;

/// Has a canary go the way of a client, for whoever wants to know, at most once a second.
pub(crate) struct Readiness {
    canary: Addr<Canary>,
    footing: Footing,
    meters: Meters,
    vitals: Vitals,
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
    /// A part of it has panicked that cannot be started again; which one is in the log.
    #[error("a part of the server has failed")]
    Fallen,
    /// A file of the channel database was deleted or replaced under the server; the log says which.
    #[error("the channel database was deleted or replaced")]
    Replaced,
    /// Writing to the channel database fails; the reason is in the log.
    #[error("the channel database cannot be written")]
    Broken,
    /// What a client needs takes too long, above all writing to the channel database.
    #[error("the channel database does not answer")]
    Slow,
    /// What a client needs is refused; the reason is in the log.
    #[error("clients are refused what they need")]
    Refusing,
    /// Something that a client wanted could not be written to the channel database of late.
    #[error("a write to the channel database has failed a moment ago")]
    Failing,
    /// The transit relay's thread does not answer.
    #[error("the transit relay does not answer")]
    Hanging,
}

/// How long a canary may be on its way.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer holds, so that those who ask cost next to nothing.
const FRESH: Duration = Duration::from_secs(1);

/// How long a write that failed counts.
const RECENT: Duration = Duration::from_secs(10);

/// How often the files are looked for that the server needs, also where nobody asks.
const LOOK_EVERY: Duration = Duration::from_secs(30);

impl Readiness {
    pub(crate) fn new(
        canary: Addr<Canary>,
        footing: Footing,
        meters: Meters,
        vitals: Vitals,
    ) -> Self {
        let (draining, latest) = (AtomicBool::new(false), Mutex::default());
        Self { canary, footing, meters, vitals, draining, latest }
    }

    /// Notes that the server is about to stop.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    /// Tells whether the server is about to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Asks whether a client would be served.
    ///
    /// # Errors
    /// [`Unready`] where it would not, or the server is about to stop.
    pub(crate) async fn check(&self) -> Result<(), Unready> {
        if self.is_draining() {
            return Err(Unready::Draining);
        }
        let mut latest = self.latest.lock().await;
        let before = match *latest {
            Some((at, result)) if at.elapsed() < FRESH => return result,
            Some((_, result)) => result,
            None => Ok(()),
        };
        let result = timeout(PATIENCE, self.judge()).await.unwrap_or(Err(Unready::Slow));
        if result != before {
            match result {
                Ok(()) => tracing::info!("the server is ready again"),
                Err(unready) => tracing::warn!("the server is not ready: {unready}"),
            }
        }
        *latest = Some((Instant::now(), result));
        result
    }

    async fn judge(&self) -> Result<(), Unready> {
        if self.vitals.fallen().is_some() {
            return Err(Unready::Fallen);
        }
        self.canary.send(Sing).await.unwrap_or(Err(Unready::Fallen))?;
        if !is_firm(self.footing.clone()).await {
            return Err(Unready::Replaced);
        }
        match self.meters.since_failure(Instant::now()) {
            Some(since) if since < RECENT => Err(Unready::Failing),
            _ => Ok(()),
        }
    }
}

/// Disks can hang.
async fn is_firm(footing: Footing) -> bool {
    spawn_blocking(move || footing.is_firm()).await.unwrap_or(true)
}

/// Has it logged when a file goes that the server needs.
pub(crate) async fn keep_looking(footing: Footing) {
    let mut rounds = interval(LOOK_EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        is_firm(footing.clone()).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
