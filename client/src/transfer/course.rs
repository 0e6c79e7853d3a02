//! The course of one transfer: how far it has come, and the ways in which it ends.

use std::{future::pending, pin::pin, sync::OnceLock, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use wormhole_protocol::{
    transfer::{Message, Refusal},
    transit::{Reach, Role},
};

use super::{Awaited, Event, Terms, TransferError, talk};
use crate::{
    Wormhole,
    transit::{Connection, Transit},
};

/// How often progress is reported.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How much later than the end of the connection the peer's reason for it may come.
const REASON_LIMIT: Duration = Duration::from_secs(1);

/// One transfer while it goes on.
pub(super) struct Course<'a, E> {
    wormhole: &'a Wormhole,
    role: Role,
    terms: &'a Terms,
    events: &'a E,
    done: watch::Sender<u64>,
    /// Set when it is known.
    total: OnceLock<u64>,
}

impl<'a, E: Fn(Event)> Course<'a, E> {
    pub(super) fn new(wormhole: &'a Wormhole, role: Role, terms: &'a Terms, events: &'a E) -> Self {
        let (done, total) = (watch::Sender::new(0), OnceLock::new());
        Self { wormhole, role, terms, events, done, total }
    }

    pub(super) fn event(&self, event: Event) {
        (self.events)(event);
    }

    /// Runs the transfer until it ends by itself, is cancelled or takes too long. Where it fails,
    /// the peer is told why, unless the failure is the peer's: then its own words are the reason,
    /// if it has any. Where this future is dropped, the peer is told as well.
    pub(super) async fn run<T>(
        &self,
        transfer: impl Future<Output = Result<T, TransferError>>,
    ) -> Result<T, TransferError> {
        let untold = Untold { wormhole: self.wormhole, role: self.role };
        // On the heap: it is large, and handed on from one to the other.
        let ended = self.ended(Box::pin(transfer)).await;
        std::mem::forget(untold);
        let failed = match ended {
            Err(error) => error,
            done => return done,
        };
        if let TransferError::Cancelled { done, total } = failed {
            self.event(Event::Cancelled { done, total });
        }
        if failed.is_hang_up() {
            let reason = timeout(REASON_LIMIT, talk::given_up(self.wormhole)).await;
            return Err(reason.ok().flatten().unwrap_or(failed));
        }
        if let Some(text) = failed.for_the_peer(self.role) {
            talk::say(self.wormhole, &Message::Error(text));
        }
        Err(failed)
    }

    async fn ended<T>(
        &self,
        transfer: impl Future<Output = Result<T, TransferError>>,
    ) -> Result<T, TransferError> {
        let cancelled =
            || TransferError::Cancelled { done: *self.done.borrow(), total: self.total() };
        if self.terms.cancel.is_cancelled() {
            return Err(cancelled());
        }
        tokio::select! {
            // What is done is done, even where it is cancelled in the same breath.
            biased;
            ended = within(self.terms.deadlines.whole, Awaited::End, transfer) => ended,
            () = self.terms.cancel.cancelled() => Err(cancelled()),
        }
    }

    /// Waits for the peer's offer or answer.
    pub(super) async fn answered<T>(
        &self,
        awaited: Awaited,
        answer: impl Future<Output = Result<T, TransferError>>,
    ) -> Result<T, TransferError> {
        within(self.terms.deadlines.answer, awaited, answer).await
    }

    /// Waits for the peer's confirmation.
    pub(super) async fn confirmed<T>(
        &self,
        confirmation: impl Future<Output = Result<T, TransferError>>,
    ) -> Result<T, TransferError> {
        within(self.terms.deadlines.confirm, Awaited::Confirmation, confirmation).await
    }

    /// Connects to the peer, unless it gives up in the meantime.
    pub(super) async fn connect(
        &self,
        transit: Transit,
        theirs: Reach,
    ) -> Result<Connection, TransferError> {
        let key = talk::transit_key(self.wormhole)?;
        self.event(Event::Connecting);
        let connection = tokio::select! {
            connected = within(self.terms.deadlines.connect, Awaited::Connection, async {
                Ok(transit.connect(&key, theirs).await?)
            }) => connected?,
            Some(gone) = talk::given_up(self.wormhole) => return Err(gone),
        };
        if !connection.remarks().is_empty() {
            self.event(Event::Remarked(connection.remarks().clone()));
        }
        self.event(Event::Connected(connection.via().clone()));
        Ok(connection)
    }

    /// Runs the job that moves `total` bytes, or as many as there are, and counts them in a
    /// channel; reports what it counted.
    pub(super) async fn moving<T, F: Into<TransferError>>(
        &self,
        total: Option<u64>,
        job: impl AsyncFnOnce(watch::Sender<u64>) -> Result<T, F>,
    ) -> Result<T, TransferError> {
        if let Some(total) = total {
            let _ = self.total.set(total);
        }
        let report = || {
            let done = *self.done.borrow();
            self.event(Event::Progress { done, total });
            done
        };
        let stall = self.terms.deadlines.stall.filter(|_| total.is_some());
        // Also where this future is dropped.
        let _at_the_end = AtTheEnd(&report);
        let mut last = (0, Instant::now());
        let mut job = pin!(job(self.done.clone()));
        let mut ticks = interval(PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // A sender that waits for its data notices nothing else of a peer that gives up.
        let mut gone = pin!(async {
            match self.role {
                Role::Sender => match Box::pin(talk::given_up(self.wormhole)).await {
                    Some(reason) => reason,
                    None => pending().await,
                },
                // A receiver notices the end of the connection.
                Role::Receiver => pending().await,
            }
        });
        loop {
            tokio::select! {
                biased;
                finished = &mut job => return finished.map_err(Into::into),
                reason = &mut gone => return Err(reason),
                _ = ticks.tick() => {
                    let done = report();
                    if done != last.0 {
                        last = (done, Instant::now());
                    }
                }
            }
            if let Some(limit) = stall
                && last.1.elapsed() >= limit
            {
                return Err(TransferError::Late { awaited: Awaited::Bytes, limit });
            }
        }
    }

    fn total(&self) -> Option<u64> {
        self.total.get().copied()
    }
}

/// Reports how far it came when it ends.
struct AtTheEnd<F: Fn() -> u64>(F);

impl<F: Fn() -> u64> Drop for AtTheEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Tells the peer of a transfer that is dropped.
struct Untold<'a> {
    wormhole: &'a Wormhole,
    role: Role,
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        talk::say(self.wormhole, &Refusal::Cancelled(self.role).into());
    }
}

async fn within<T>(
    limit: Option<Duration>,
    awaited: Awaited,
    step: impl Future<Output = Result<T, TransferError>>,
) -> Result<T, TransferError> {
    let Some(limit) = limit else { return step.await };
    timeout(limit, step).await.unwrap_or(Err(TransferError::Late { awaited, limit }))
}
