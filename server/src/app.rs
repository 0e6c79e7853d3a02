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
mod joiners;
mod ledger;
mod numbers;
mod prune;
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
use wormhole_protocol::name::{AppId, MailboxId, Nameplate, Side};

pub(crate) use prune::Prune;
#[cfg(test)]
pub(crate) use seats::Hold;
pub(crate) use seats::Seats;

use crate::{
    census::{Census, TakeCensus},
    clock,
    config::Config,
    engine::{Ask, Done, Heard, Leave, Order, Refusal, SessionId, StoredMessage},
    guest::{Kind, Visit},
    limits::Exceeded,
    quota::Quota,
    random,
    store::{
        Change, Disk, Failed, Job, Rows, Stored, Task, Work, Yield, mailbox_room, message_room,
    },
    testing::Trap,
    usage::Usage,
    watch::{Condemn, Shed},
};
use audience::Audience;
use joiners::Joiners;
use ledger::{Closing, Ledger};
use numbers::Numbers;
use release::{Delivery, Release};
use shares::{Shares, Stake};

/// A session has bound to this app.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Join {
    pub(crate) session: SessionId,
    pub(crate) visit: Arc<Visit>,
    pub(crate) ears: Recipient<Heard>,
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

/// A decision, and the mailbox whose messages its answer needs.
struct Decision {
    done: Done,
    delivery: Option<Delivery>,
    replay: Option<MailboxId>,
}

impl From<Done> for Decision {
    fn from(done: Done) -> Self {
        Self { done, delivery: None, replay: None }
    }
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

    fn decide(&mut self, order: Order, now: f64) -> Result<Decision, Refusal> {
        if let Some(trap) = &self.surroundings.trap {
            trap.spring(&order.ask);
        }
        let State::Ready(ledger) = &mut self.state else { return Err(Refusal::Broken) };
        let Order { session, side, ask } = order;
        if self.surroundings.disk.is_full() && ask.takes_room() {
            return Err(Refusal::Broken);
        }
        match ask {
            Ask::List if self.surroundings.config.rules.now().listing => {
                Ok(Done::Listed(ledger.list()).into())
            }
            Ask::List => Ok(Done::Listed(Vec::new()).into()),
            Ask::Allocate => {
                self.numbers.wake(now);
                let nameplate = self.numbers.pick(random::below)?;
                self.claim(session, &nameplate, &side, now)?;
                Ok(Done::Allocated(nameplate).into())
            }
            Ask::Claim(nameplate) => {
                if self.surroundings.config.claim_allocated_only && !ledger.has(&nameplate) {
                    return Err(Refusal::NotAllocated);
                }
                let mailbox = self.claim(session, &nameplate, &side, now)?;
                Ok(Done::Claimed(mailbox).into())
            }
            Ask::Release(name) => {
                ledger.release(&name, &side, now);
                Ok(Done::Released.into())
            }
            Ask::Open(mailbox) => {
                let seat = ledger.seat_in(&mailbox, &side);
                let is_new = seat.is_none();
                let joining = match seat {
                    None | Some(Ok(Some(_))) => None,
                    // The seat of another, or none at all.
                    Some(_) => {
                        let maker = self.shares.maker_of_mailbox(&mailbox);
                        self.audience.join_other(session, maker)?
                    }
                };
                ledger
                    .check_seat(&mailbox, &side)
                    .inspect_err(|_| self.joiners.suspect(&mailbox))?;
                self.audience.reserve(session, ledger.bytes(&mailbox))?;
                let stake = is_new.then(|| self.stake(session, &mailbox)).transpose()?;
                let State::Ready(ledger) = &mut self.state else { return Err(Refusal::Broken) };
                ledger.open(&mailbox, &side, now)?;
                self.joiners.keep(&mailbox, joining);
                if let Some(stake) = stake {
                    self.shares.keep_mailbox(&mailbox, stake);
                }
                self.audience.subscribe(session, &mailbox);
                let done = Done::Opened(Vec::new());
                Ok(Decision { done, delivery: None, replay: Some(mailbox) })
            }
            Ask::Add { mailbox, phase, body, id } => {
                if !self.audience.hears(session, &mailbox) {
                    return Err(Refusal::NotOpen);
                }
                self.joiners.hear(&mailbox, self.audience.own(session), &phase);
                let message = Arc::new(StoredMessage { side, phase, body, server_rx: now, id });
                let network = self.audience.network(session);
                let take = |bytes| {
                    let bytes = message_room(&self.id, &mailbox, bytes);
                    self.shares.put(&mailbox, network, bytes)
                };
                let limits = &self.surroundings.config.limits;
                ledger.add(&mailbox, Arc::clone(&message), limits, take)?;
                let delivery = Some(Delivery { message, to: self.audience.of(&mailbox).to_vec() });
                Ok(Decision { done: Done::Added, delivery, replay: None })
            }
            Ask::Close { mailbox, mood } => {
                self.joiners.close(&mailbox, self.audience.own(session), mood.as_ref());
                match ledger.close(&mailbox, &side, mood.as_ref(), now)? {
                    Closing::Stays => self.audience.unsubscribe(session),
                    Closing::Gone => self.audience.end(&mailbox),
                }
                Ok(Done::Closed.into())
            }
        }
    }

    fn claim(
        &mut self,
        session: SessionId,
        nameplate: &Nameplate,
        side: &Side,
        now: f64,
    ) -> Result<MailboxId, Refusal> {
        let State::Ready(ledger) = &mut self.state else { return Err(Refusal::Broken) };
        if let Some((mailbox, seat)) = ledger.seat_at(nameplate, side) {
            let joining = match seat {
                Ok(Some(_)) => None,
                // The seat of another, or none at all.
                _ => {
                    let maker = self.shares.maker_of_nameplate(nameplate);
                    self.audience.join_other(session, maker)?
                }
            };
            let claimed = ledger.claim(nameplate, side, now, random::mailbox_id());
            match claimed {
                Ok(_) => self.joiners.keep(&mailbox, joining),
                Err(_) => self.joiners.suspect(&mailbox),
            }
            return claimed;
        }
        let fresh = random::mailbox_id();
        let share = self.audience.make(session, Kind::Nameplate)?;
        let stake = self.stake(session, &fresh)?;
        let State::Ready(ledger) = &mut self.state else { return Err(Refusal::Broken) };
        let mailbox = ledger.claim(nameplate, side, now, fresh)?;
        self.shares.keep_nameplate(nameplate, share);
        self.shares.keep_mailbox(&mailbox, stake);
        Ok(mailbox)
    }

    /// Counts a mailbox that a session is about to make.
    fn stake(&self, session: SessionId, mailbox: &MailboxId) -> Result<Stake, Exceeded> {
        let place = self.audience.make(session, Kind::Mailbox)?;
        let network = self.audience.network(session);
        let bytes = self.shares.take(network, mailbox_room(&self.id, mailbox))?;
        Ok(Stake::new(place, bytes))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
