//! Every connection that is open, whatever it may become: how long one may take until it is a
//! websocket, and who gives way where there are too many.
//!
//! What a connection does until then is not looked at: it may be in the midst of a TLS handshake,
//! of a request, or of nothing. So it is judged from outside, and ended by its socket.

mod ranking;
mod table;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{
    limits::{Exceeded, Limit, Limits},
    network::Network,
};
pub(crate) use table::Stage;
use table::{Member, Table};

/// The connections of one server; clones share them.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Shared>);

struct Shared {
    limits: Limits,
    bounds: Bounds,
    table: Mutex<Table>,
    shed: AtomicU64,
    refused: AtomicU64,
}

/// What is bounded.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// How many may settle.
    pub(crate) total: Limit,
    /// How many more there may be.
    pub(crate) spare: u64,
    /// How many seconds one has to settle; none where others see to that.
    pub(crate) patience: Option<Limit>,
}

/// How others end a connection.
pub(crate) trait Dismiss: Send + Sync {
    /// Ends it at once.
    fn cut(&self);

    /// Ends one that is settled since its place is needed: the client may come back.
    fn shed(&self);
}

/// One connection, as long as this lives.
pub(crate) struct Entry {
    shared: Arc<Shared>,
    number: u64,
    since: Instant,
}

/// How often it is looked who is late.
const ROUND: Duration = Duration::from_secs(1);

/// How long the operator hears no more of what was just told.
const SILENCE: Duration = Duration::from_secs(60);

impl Connections {
    pub(crate) fn new(limits: Limits, bounds: Bounds) -> Self {
        let (table, shed, refused) = Default::default();
        Self(Arc::new(Shared { limits, bounds, table, shed, refused }))
    }

    /// Looks after them on this thread, as long as there are clones.
    pub(crate) fn attend(&self) {
        let shared = Arc::downgrade(&self.0);
        actix::spawn(async move {
            let (mut told, mut when) = ((0, 0), None::<Instant>);
            loop {
                sleep(ROUND).await;
                let (Some(shared), now) = (shared.upgrade(), Instant::now()) else { return };
                shared.end_the_late(now);
                let counts = shared.counts();
                if counts != told && when.is_none_or(|when| now.duration_since(when) >= SILENCE) {
                    shared.report(counts, told);
                    (told, when) = (counts, Some(now));
                }
            }
        });
    }

    /// Takes one in; `network` is none where it stands for many, or none is known. Where there are
    /// too many, another one gives way.
    ///
    /// # Errors
    /// [`Exceeded`] where none has to give way to it.
    pub(crate) fn enter(
        &self,
        network: Option<Network>,
        stage: Stage,
        ways: Arc<dyn Dismiss>,
    ) -> Result<Entry, Exceeded> {
        let (shared, since) = (Arc::clone(&self.0), Instant::now());
        let number = {
            let mut table = shared.table();
            if let Some(full) = shared.full(table.len()) {
                let victim = table.victim(network, since).ok_or_else(|| shared.refuse(full))?;
                shared.shed(&victim);
            }
            table.insert(network, since, stage, ways)
        };
        Ok(Entry { shared, number, since })
    }

    /// Has a settled one give way to one that wants to settle; false where none has to.
    pub(crate) fn make_way(&self, network: Option<Network>) -> bool {
        let victim = self.0.table().settled_victim(network);
        match &victim {
            Some(victim) => self.0.shed(victim),
            None => drop(self.0.refused.fetch_add(1, Relaxed)),
        }
        victim.is_some()
    }

    /// How many there are.
    pub(crate) fn open(&self) -> u64 {
        self.0.table().len()
    }

    /// How many have given way since the start.
    pub(crate) fn shed(&self) -> u64 {
        self.0.shed.load(Relaxed)
    }

    /// How many were refused since the start as there were too many.
    pub(crate) fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the limit where there is no room for one more.
    fn full(&self, open: u64) -> Option<u64> {
        let most = self.limits.most(self.bounds.total)?;
        (open >= most.saturating_add(self.bounds.spare)).then_some(most)
    }

    fn refuse(&self, most: u64) -> Exceeded {
        self.refused.fetch_add(1, Relaxed);
        self.limits.exceed(self.bounds.total, most)
    }

    fn shed(&self, victim: &Member) {
        self.shed.fetch_add(1, Relaxed);
        victim.shed();
    }

    fn end_the_late(&self, now: Instant) {
        let Some(limit) = self.bounds.patience else { return };
        let Some(seconds) = self.limits.most(limit) else { return };
        let Some(before) = now.checked_sub(Duration::from_secs(seconds)) else { return };
        for late in self.table().take_late(before) {
            self.limits.exceed(limit, seconds);
            late.cut();
        }
    }

    fn counts(&self) -> (u64, u64) {
        (self.shed.load(Relaxed), self.refused.load(Relaxed))
    }

    fn report(&self, (shed, refused): (u64, u64), (shed_before, refused_before): (u64, u64)) {
        tracing::warn!(
            shed = shed - shed_before,
            refused = refused - refused_before,
            "there are too many connections: those from the addresses with most of them give way \
             (--{})",
            self.bounds.total.option()
        );
    }
}

impl Entry {
    /// Notes what it has become, and from where it comes.
    pub(crate) fn becomes(&self, stage: Stage, network: Option<Network>) {
        self.shared.table().change(self.number, stage, network);
    }

    /// Tells whether more than half of its time to settle is over.
    pub(crate) fn is_old(&self) -> bool {
        let limit = self.shared.bounds.patience.and_then(|limit| self.shared.limits.most(limit));
        limit.is_some_and(|seconds| self.since.elapsed() >= Duration::from_secs(seconds) / 2)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        drop(self.shared.table().remove(self.number));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
