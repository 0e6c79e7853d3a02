//! The course of one transfer: how far it has come, and the ways in which it ends.

use std::{future::pending, pin::pin, sync::OnceLock, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use wormhole_protocol::{
    transfer::{Ability, Ack, AppVersions, Message},
    transit::{Reach, Role},
};

use super::{
    Awaited, Event, Terms, TransferError,
    talk::{self, News, Untold},
};
use crate::{
    Wormhole,
    transit::{Connection, Transit},
};

/// How often progress is reported.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How much later than the end of the connection the peer's reason for it may come: if it ended it,
/// and if it has to be told.
const REASON_LIMIT: Duration = Duration::from_millis(500);
const LATE_REASON_LIMIT: Duration = Duration::from_millis(1500);
/// How much later than its reason the end of the connection may come.
const HANG_UP_LIMIT: Duration = Duration::from_secs(1);
/// How often a receiver says that it is at work while bytes come. A mailbox takes a thousand
/// messages on some servers: at this pace they last for days.
const SIGN_WHILE_MOVING: Duration = Duration::from_secs(300);
/// How often while it puts them in place: the longer that takes, the more seldom.
const SIGN_AT_FIRST: Duration = Duration::from_secs(2);
const SIGN_AT_LAST: Duration = Duration::from_secs(40);

/// One transfer while it goes on.
pub(super) struct Course<'a, E> {
    wormhole: &'a Wormhole,
    role: Role,
    terms: &'a Terms,
    events: &'a E,
    /// Set when it is known.
    peer: OnceLock<AppVersions>,
    done: watch::Sender<u64>,
    /// Set when it is known.
    total: OnceLock<u64>,
    /// The peer's confirmation, where it overtakes the last of our bytes.
    ack: OnceLock<Ack>,
}

impl<'a, E: Fn(Event)> Course<'a, E> {
    pub(super) fn new(wormhole: &'a Wormhole, role: Role, terms: &'a Terms, events: &'a E) -> Self {
        let (peer, total, ack) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { wormhole, role, terms, events, peer, done: watch::Sender::new(0), total, ack }
    }

    /// Waits for what the peer says of itself.
    pub(super) async fn meet(&self) -> Result<&AppVersions, TransferError> {
        let peer = AppVersions::read(&*self.wormhole.versions().await?);
        if peer.only(self.role) {
            return Err(TransferError::SameRole(self.role));
        }
        Ok(self.peer.get_or_init(|| peer))
    }

    /// Tells whether the peer, whom we have [met](Self::meet), can do this.
    pub(super) fn peer_has(&self, ability: Ability) -> bool {
        self.peer.get().is_some_and(|peer| peer.has(ability))
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
        let untold = Untold::new(self.wormhole, self.role);
        // On the heap: it is large, and handed on from one to the other.
        let ended = self.ended(Box::pin(transfer)).await;
        untold.over();
        let failed = match ended {
            Err(error) => error,
            done => return done,
        };
        if let TransferError::Cancelled { done, total } = failed {
            self.event(Event::Cancelled { done, total });
        }
        let text = failed.for_the_peer(self.role);
        let tell = || {
            if let Some(text) = text {
                talk::say(self.wormhole, &Message::Error(text));
            }
        };
        if !failed.is_of_the_link() {
            tell();
            return Err(failed);
        }
        // A peer that has ended it says why; another may not have noticed.
        let mut reason = pin!(talk::given_up(self.wormhole));
        let reason = match timeout(REASON_LIMIT, &mut reason).await {
            Ok(reason) => reason,
            Err(_) => {
                tell();
                timeout(LATE_REASON_LIMIT, reason).await.ok().flatten()
            }
        };
        Err(reason.filter(|reason| !reason.is_of_the_peers_link()).unwrap_or(failed))
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

    /// Waits for the peer's confirmation, unless it has come already.
    pub(super) async fn confirmed(
        &self,
        confirmation: impl Future<Output = Result<Ack, TransferError>>,
    ) -> Result<Ack, TransferError> {
        match self.ack.get() {
            Some(ack) => Ok(ack.clone()),
            None => within(self.terms.deadlines.confirm, Awaited::Confirmation, confirmation).await,
        }
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
        let mut sign = last;
        let mut job = pin!(job(self.done.clone()));
        let mut ticks = interval(PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // Who waits for data or room notices nothing else of a peer that gives up, nor does who
        // has lost the peer without a word of the network's.
        let mut gone = pin!(Box::pin(self.given_up()));
        loop {
            tokio::select! {
                biased;
                finished = &mut job => return finished.map_err(Into::into),
                reason = &mut gone => return match self.role {
                    Role::Sender => Err(reason),
                    // Perhaps all of it was on its way already.
                    Role::Receiver => match timeout(HANG_UP_LIMIT, job).await {
                        Ok(Ok(all)) => Ok(all),
                        _ => Err(reason),
                    },
                },
                _ = ticks.tick() => {
                    let done = report();
                    if done != last.0 {
                        last = (done, Instant::now());
                    }
                    if done != sign.0 && sign.1.elapsed() >= SIGN_WHILE_MOVING {
                        self.say_placing();
                        sign = last;
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

    /// Waits until what has come is in its place.
    pub(super) async fn placing<T>(&self, placed: impl Future<Output = T>) -> T {
        with_signs(placed, || self.say_placing()).await
    }

    /// Tells a sender that wants to know that we are at work.
    fn say_placing(&self) {
        if self.role == Role::Receiver && self.peer_has(Ability::Ack) {
            talk::say(self.wormhole, &Message::Placing);
        }
    }

    /// Waits until the peer gives up, and keeps its confirmation for later.
    async fn given_up(&self) -> TransferError {
        loop {
            match talk::news(self.wormhole).await {
                Some(News::GaveUp(reason)) => return reason,
                Some(News::Ack(ack)) => drop(self.ack.set(ack)),
                Some(News::Placing) => {}
                None => pending().await,
            }
        }
    }

    fn total(&self) -> Option<u64> {
        self.total.get().copied()
    }
}

/// Does something that may take long, and gives a sign of it now and then.
async fn with_signs<T>(work: impl Future<Output = T>, sign: impl Fn()) -> T {
    let mut work = pin!(work);
    let begun = Instant::now();
    loop {
        let pause = (begun.elapsed() / 16).clamp(SIGN_AT_FIRST, SIGN_AT_LAST);
        match timeout(pause, &mut work).await {
            Ok(done) => return done,
            Err(_) => sign(),
        }
    }
}

/// Reports how far it came when it ends.
struct AtTheEnd<F: Fn() -> u64>(F);

impl<F: Fn() -> u64> Drop for AtTheEnd<F> {
    fn drop(&mut self) {
        (self.0)();
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::{pause, sleep};

    use super::*;

    #[actix::test]
    async fn work_that_takes_long_is_told_of_all_along() {
        pause();
        for (seconds, signs) in [(0, 0), (1, 0), (9, 4), (61, 26), (36_000, 949)] {
            let told = Cell::new(0);
            let work = sleep(Duration::from_secs(seconds));
            with_signs(work, || told.set(told.get() + 1)).await;
            assert_eq!(told.get(), signs, "{seconds}");
        }
    }
}
