//! One app: decides every order at once, in memory, and answers when the decision is on disk.
//!
//! in: [`Order`] and [`Leave`] (from the sessions), [`Join`], [`Prune`], [`TakeCensus`] and
//! [`Settle`] (from the hall), [`Stored`] (from the store)
//! out: [`Job`] (to the store), [`Heard`] (to the sessions), [`Condemn`] and [`Shed`] (to the
//! watchdog), [`Fallen`] (to the hall), what has ended (to [`Usage`])
//!
//! Every decision goes to the store, also one that changes nothing while others wait there: so no
//! answer tells of what is not yet on disk, and answers and messages leave in the order of the
//! decisions.

mod audience;
mod decision;
mod joiners;
mod ledger;
mod numbers;
mod release;
mod seats;
mod shares;

use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use actix::{
    Actor, AsyncContext, Context, Handler, Message, MessageResult, Recipient, ResponseFuture,
    WeakAddr, WeakRecipient,
};
use tokio::sync::oneshot;
use wormhole_protocol::name::{AppId, MailboxId};

#[cfg(test)]
pub(crate) use seats::Hold;
pub(crate) use seats::Seats;

use crate::{
    census::{Census, TakeCensus},
    clock,
    config::Config,
    engine::{Done, Heard, Leave, Order, Refusal, SessionId, StoredMessage},
    guest::Visit,
    quota::Quota,
    store::{Change, Disk, Failed, Job, Rows, Stored, Task, Work, Yield},
    testing::Trap,
    usage::Usage,
    watch::{Condemn, Shed},
};
use audience::Audience;
use decision::Decision;
use joiners::Joiners;
use ledger::Ledger;
use numbers::Numbers;
use release::{Delivery, Release};
use shares::Shares;

/// A session has bound to this app.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Join {
    pub(crate) session: SessionId,
    pub(crate) visit: Arc<Visit>,
    pub(crate) ears: Recipient<Heard>,
}

/// Forget mailboxes; the answer tells whether the app can be forgotten too.
#[derive(Clone, Copy, Debug, Message, PartialEq, Eq)]
#[rtype(result = "bool")]
pub(crate) enum Prune {
    /// Those that nobody has touched for long.
    Expired,
    /// All.
    All,
}

/// The app has panicked, and is no more.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Fallen(pub(crate) AppId);

/// Comes back when everything is let go that the store has answered.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Settle;

/// What an app needs from its surroundings.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Recipient<Job>,
    pub(crate) watch: Recipient<Condemn>,
    pub(crate) shed: Recipient<Shed>,
    pub(crate) usage: Usage,
    pub(crate) disk: Disk,
    /// Bytes in all mailboxes.
    pub(crate) stored: Quota,
    /// When the server started, by a clock that nobody sets.
    pub(crate) started: Instant,
    /// None but in a test.
    pub(crate) trap: Option<Trap>,
}

enum State {
    /// The ledger holds what the store holds, and what waits there.
    Ready(Ledger),
    /// A write failed, so that memory was ahead of the disk: the rows are read again.
    Lost,
}

/// The actor of one app.
pub(crate) struct App {
    id: AppId,
    surroundings: Surroundings,
    state: State,
    audience: Audience,
    shares: Shares,
    joiners: Joiners,
    numbers: Numbers,
    /// What leaves when the store has written it, in the order of the decisions.
    pending: VecDeque<Release>,
    me: WeakAddr<Self>,
    hall: WeakRecipient<Fallen>,
}

const RELOAD_AFTER: Duration = Duration::from_secs(1);

impl App {
    /// Starts the app with the rows that the store has of it, or where those have to be read
    /// again; the hall is told if it falls.
    pub(crate) fn start_with(
        id: AppId,
        rows: Option<Rows>,
        surroundings: Surroundings,
        hall: WeakRecipient<Fallen>,
    ) -> actix::Addr<Self> {
        let (watch, shed) = (surroundings.watch.clone(), surroundings.shed.clone());
        let audience = Audience::new(watch, shed, surroundings.usage.tally().clone());
        let numbers = Self::numbers(&surroundings, rows.as_ref());
        let mut shares = Shares::new(surroundings.stored.clone());
        rows.iter().for_each(|rows| shares.settle(&id, rows));
        Self::create(|ctx| Self {
            id,
            state: rows.map_or(State::Lost, |rows| State::Ready(Ledger::new(rows))),
            audience,
            shares,
            joiners: Joiners::default(),
            numbers,
            surroundings,
            pending: VecDeque::new(),
            me: ctx.address().downgrade(),
            hall,
        })
    }

    fn numbers(surroundings: &Surroundings, rows: Option<&Rows>) -> Numbers {
        let mut numbers = Numbers::new(surroundings.config.hold_down);
        let nameplates = rows.into_iter().flat_map(|rows| rows.nameplates.keys());
        nameplates.for_each(|name| numbers.take(name));
        numbers
    }

    /// Has the ledger's changes written, and lets `release` go when they are.
    fn commit(&mut self, replay: Option<MailboxId>, mut release: Release, now: f64) {
        let State::Ready(ledger) = &mut self.state else { return self.let_go(release, Vec::new()) };
        let changes = ledger.take_changes();
        release.retired = ledger.take_retired();
        for change in &changes {
            match change {
                Change::NameplateMade { name, .. } => self.numbers.take(name),
                Change::NameplateGone { name } => {
                    let share = self.shares.give_back_nameplate(name);
                    self.numbers.free(name, now, share);
                }
                Change::MailboxGone { mailbox } => {
                    self.joiners.forget(mailbox.id());
                    self.shares.give_back_mailbox(mailbox.id());
                }
                _ => (),
            }
        }
        if changes.is_empty() && replay.is_none() && self.pending.is_empty() {
            return self.let_go(release, Vec::new());
        }
        self.pending.push_back(release);
        self.tell_store(Work::Write { changes, replay });
    }

    fn tell_store(&self, work: Work) {
        let Some(me) = self.me.upgrade() else { return };
        let task = Task { app: self.id.clone(), work };
        self.surroundings.store.do_send(Job { task, from: me.recipient() });
    }

    fn written(&mut self, result: Result<Vec<Arc<StoredMessage>>, Failed>) {
        let Some(release) = self.pending.pop_front() else { return };
        match result {
            Ok(replay) => self.let_go(release, replay),
            Err(Failed) => {
                release.fail();
                if matches!(self.state, State::Ready(_)) {
                    self.state = State::Lost;
                    self.tell_store(Work::Load);
                }
            }
        }
    }

    fn let_go(&mut self, mut release: Release, replay: Vec<Arc<StoredMessage>>) {
        self.surroundings.usage.retire(&self.id, mem::take(&mut release.retired));
        if let Some(Delivery { message, to }) = &release.delivery {
            for session in to {
                self.audience.tell(*session, message);
            }
        }
        release.answer(replay);
    }

    fn is_idle(&self) -> bool {
        let State::Ready(ledger) = &self.state else { return false };
        self.audience.is_empty()
            && self.pending.is_empty()
            && self.numbers.all_awake()
            && ledger.is_empty()
    }
}

impl Actor for App {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        if let State::Lost = self.state {
            self.tell_store(Work::Load);
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if thread::panicking()
            && let Some(hall) = self.hall.upgrade()
        {
            hall.do_send(Fallen(self.id.clone()));
        }
    }
}

impl Handler<Join> for App {
    type Result = ();

    fn handle(&mut self, join: Join, _: &mut Self::Context) {
        self.audience.join(join);
    }
}

impl Handler<Order> for App {
    type Result = ResponseFuture<Result<Done, Refusal>>;

    fn handle(&mut self, order: Order, _: &mut Self::Context) -> Self::Result {
        let now = clock::steady();
        let (answer, answered) = oneshot::channel();
        match self.decide(order, now) {
            Ok(Decision { done, delivery, replay }) => {
                self.commit(replay, Release::of(answer, Ok(done), delivery), now);
            }
            // It may rest on what is not yet on disk.
            Err(refusal) => self.commit(None, Release::of(answer, Err(refusal), None), now),
        }
        Box::pin(async { answered.await.unwrap_or(Err(Refusal::Broken)) })
    }
}

impl Handler<Leave> for App {
    type Result = ();

    fn handle(&mut self, Leave(session): Leave, _: &mut Self::Context) {
        self.audience.leave(session);
    }
}

impl Handler<Stored> for App {
    type Result = ();

    fn handle(&mut self, Stored(result): Stored, ctx: &mut Self::Context) {
        match (&self.state, result) {
            (_, Ok(Yield::Written { replay })) => self.written(Ok(replay)),
            (_, Ok(Yield::Loaded(rows))) => {
                self.shares.settle(&self.id, &rows);
                self.numbers = Self::numbers(&self.surroundings, Some(&rows));
                self.state = State::Ready(Ledger::new(rows));
            }
            // What was still pending failed before the load did.
            (State::Lost, Err(Failed)) if self.pending.is_empty() => {
                ctx.run_later(RELOAD_AFTER, |app, _| app.tell_store(Work::Load));
            }
            (_, Err(Failed)) => self.written(Err(Failed)),
        }
    }
}

impl Handler<TakeCensus> for App {
    type Result = MessageResult<TakeCensus>;

    fn handle(&mut self, _: TakeCensus, _: &mut Self::Context) -> Self::Result {
        let held = match &self.state {
            State::Ready(ledger) => ledger.census(),
            State::Lost => Census::default(),
        };
        MessageResult(Census { apps: 1, ..held })
    }
}

impl Handler<Settle> for App {
    type Result = ();

    /// The store's answers came before.
    fn handle(&mut self, _: Settle, _: &mut Self::Context) {}
}

impl Handler<Prune> for App {
    type Result = bool;

    fn handle(&mut self, prune: Prune, _: &mut Self::Context) -> bool {
        let now = clock::steady();
        let Surroundings { config, started, .. } = &self.surroundings;
        let deadline = match prune {
            Prune::All => Some(f64::INFINITY),
            // Clients that the last stop cut off have as long to come back as those that left by
            // themselves.
            Prune::Expired if started.elapsed() < config.expiry => None,
            Prune::Expired => Some(now - config.expiry.as_secs_f64()),
        };
        if let Some(deadline) = deadline
            && let State::Ready(ledger) = &mut self.state
        {
            let listened = |id: &MailboxId| !self.audience.of(id).is_empty();
            let ended = ledger.prune(now, deadline, listened);
            if ended > 0 {
                tracing::info!(ended, "forgot mailboxes that nobody has touched");
            }
            self.commit(None, Release::default(), now);
        }
        self.numbers.wake(now);
        self.is_idle()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
