//! What a relay does and has done, for those who watch it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use actix::ArbiterHandle;
use tokio::{sync::oneshot, time::timeout};

use super::{story::RelayMood, tally::Tally};
use crate::{
    clock,
    connections::Connections,
    figures::{Figure, Kind, Samples, limits_reached, limits_set},
    limits::Limits,
    readiness::Unready,
    vitals::Vitals,
};

/// A look at a relay, which clones share and which does not keep it running.
#[derive(Clone)]
pub struct View {
    tally: Tally,
    limits: Limits,
    all: Connections,
    thread: ArbiterHandle,
    /// When it was started, by [`clock::steady`].
    started: f64,
    stopping: Arc<AtomicBool>,
    vitals: Vitals,
}

/// How long the relay's thread may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

impl View {
    /// Tells how many connections are open.
    pub fn connections(&self) -> u64 {
        self.tally.connections()
    }

    /// Tells how many connections were let in since the start.
    pub fn accepted(&self) -> u64 {
        self.tally.accepted()
    }

    /// Tells how many connections wait for their peers.
    pub fn waiting(&self) -> u64 {
        self.tally.waiting()
    }

    /// Tells with how many tokens somebody waits: spare connections of a client share one.
    pub fn waiting_tokens(&self) -> u64 {
        self.tally.waiting_tokens()
    }

    /// Tells how many connections are websockets.
    pub fn websockets(&self) -> u64 {
        self.tally.websockets()
    }

    /// Tells how many pairs are joined.
    pub fn pairs(&self) -> u64 {
        self.tally.pairs()
    }

    /// Tells how many bytes were carried since the start, in both directions.
    pub fn bytes(&self) -> u64 {
        self.tally.bytes()
    }

    /// Tells how many connections have ended so since the start; of a pair only one counts.
    pub fn ended(&self, mood: RelayMood) -> u64 {
        self.tally.ended(mood)
    }

    /// Tells whether the relay's thread still does what it is told, within two seconds.
    pub async fn alive(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.thread.spawn_fn(move || {
            // Nobody waits for an answer that comes too late.
            let _ = answer.send(());
        });
        matches!(timeout(PATIENCE, answered).await, Ok(Ok(())))
    }

    pub(super) fn new(
        tally: Tally,
        limits: Limits,
        all: Connections,
        thread: ArbiterHandle,
        vitals: Vitals,
    ) -> Self {
        let (started, stopping) = (clock::steady(), Arc::default());
        Self { tally, limits, all, thread, started, stopping, vitals }
    }

    #[cfg(test)]
    pub(super) fn vitals(&self) -> &Vitals {
        &self.vitals
    }

    /// Comes back with the name of a part that has failed.
    pub(super) async fn fallen(&self) -> &'static str {
        self.vitals.watch().await
    }

    /// Notes that the relay is about to stop.
    pub(super) fn stopping(&self) -> &Tally {
        self.stopping.store(true, Relaxed);
        &self.tally
    }

    /// Asks whether the relay does its work.
    pub(crate) async fn ready(&self) -> Result<(), Unready> {
        match self.stopping.load(Relaxed) {
            true => Err(Unready::Draining),
            false if self.vitals.fallen().is_some() => Err(Unready::Fallen),
            false if self.alive().await => Ok(()),
            false => Err(Unready::Hanging),
        }
    }

    /// Gathers all figures.
    pub(crate) async fn figures(&self) -> Vec<Figure> {
        let gauge = |name, help, samples| Figure { name, help, kind: Kind::Gauge, samples };
        let count = |name, help, samples| Figure { name, help, kind: Kind::Counter, samples };
        let ended = RelayMood::ALL.map(|mood| (mood.as_str(), self.ended(mood)));
        vec![
            gauge(
                "start_time_seconds",
                "When the relay started, in unix time",
                Samples::One(clock::of_day(self.started)),
            ),
            gauge(
                "uptime_seconds",
                "How long the relay has run",
                Samples::One(clock::steady() - self.started),
            ),
            gauge(
                "ready",
                "Whether the relay takes clients",
                u64::from(self.ready().await.is_ok()).into(),
            ),
            gauge("connections", "Connections that are open", self.connections().into()),
            count("connections_accepted", "Connections that were let in", self.accepted().into()),
            count(
                "connections_shed",
                "Connections that gave way to others when there were too many",
                self.all.shed().into(),
            ),
            count(
                "connections_refused",
                "Connections that were refused since there were too many",
                self.all.refused().into(),
            ),
            gauge("waiting", "Connections that wait for their peers", self.waiting().into()),
            gauge(
                "waiting_tokens",
                "Tokens with which somebody waits",
                self.waiting_tokens().into(),
            ),
            gauge("websockets", "Connections that are websockets", self.websockets().into()),
            gauge("pairs", "Pairs that are joined", self.pairs().into()),
            count("bytes", "Bytes that were carried, in both directions", self.bytes().into()),
            count(
                "ended",
                "Connections that ended, by mood; of a pair only one counts",
                Samples::each("mood", ended),
            ),
            limits_reached(&self.limits, |limit| limit.is_of_relay()),
            limits_set(&self.limits, |limit| limit.is_of_relay()),
        ]
    }
}
