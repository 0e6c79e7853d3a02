//! The hall: shows every session to its app, starts and ends the apps, and takes only so many.
//!
//! in: [`Enter`] (from the sessions and the canary), [`Fallen`] (from the apps), [`TakeCensus`]
//! (from whoever asks for figures), [`Settle`] (from [`Mailbox`](crate::mailbox::Mailbox))
//! out: [`Join`], [`Prune`], [`TakeCensus`] and [`Settle`] (to the apps)

use std::{
    collections::{
        BTreeMap, HashMap,
        hash_map::Entry::{Occupied, Vacant},
    },
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, MessageResult, ResponseFuture,
    WeakRecipient, WrapFuture,
};
use futures_util::{FutureExt, future::join_all};
use wormhole_protocol::name::AppId;

use crate::{
    app::{App, Fallen, Join, Prune, Settle, Surroundings},
    census::{Census, TakeCensus},
    config::Config,
    engine::{CANARY_APP, Desk, Enter},
    guest::{Kind, Visit},
    limits::{Exceeded, Limit, Limits},
    meters::Meters,
    quota::Share,
    store::Rows,
    usage::Usage,
    vitals::Pulse,
};

/// The actor that knows all apps.
pub(crate) struct Hall {
    surroundings: Surroundings,
    apps: HashMap<AppId, Entry>,
    /// The canary's, of which nothing is recorded or counted, and which nobody else enters.
    canary: Entry,
    meters: Meters,
    room_made: Option<Instant>,
    me: WeakRecipient<Fallen>,
    _pulse: Pulse,
}

/// An app that is running: every app with rows is.
struct Entry {
    app: Addr<App>,
    began: Instant,
    /// The sessions that it was ever shown.
    visits: u64,
    /// For whose account it is; nobody's where it was there at the start.
    share: Option<Share>,
}

/// An app that falls again so soon waits as long until it is started again.
const SETTLED: Duration = Duration::from_secs(1);

impl Hall {
    /// Starts it, and the apps that the store has rows of.
    pub(crate) fn start_with(
        surroundings: Surroundings,
        mut stored: BTreeMap<AppId, Rows>,
        meters: Meters,
        pulse: Pulse,
    ) -> Addr<Self> {
        Self::create(|ctx| {
            let me = ctx.address().downgrade().recipient();
            let left = stored.remove(&AppId::new(CANARY_APP)).unwrap_or_default();
            let canary = Entry::start(
                AppId::new(CANARY_APP),
                Some(left),
                &unrecorded(&surroundings),
                me.clone(),
            );
            // What a kill has left.
            canary.app.do_send(Prune::All);
            let start = |(id, rows): (AppId, Rows)| {
                (id.clone(), Entry::start(id, Some(rows), &surroundings, me.clone()))
            };
            let apps = stored.into_iter().map(start).collect();
            Self { surroundings, apps, canary, meters, room_made: None, me, _pulse: pulse }
        })
    }

    /// Finds the app, or starts it for the account of the session that wants it.
    fn entry(&mut self, id: AppId, visit: &Visit) -> Result<&mut Entry, Exceeded> {
        if id.as_str() == CANARY_APP {
            return Ok(&mut self.canary);
        }
        let count = self.apps.len() as u64;
        match self.apps.entry(id) {
            Occupied(entry) => Ok(entry.into_mut()),
            Vacant(place) => {
                self.surroundings.config.limits.check(Limit::Apps, count + 1)?;
                let share = visit.make(Kind::App)?;
                let id = place.key().clone();
                let rows = Some(Rows::default());
                let mut entry = Entry::start(id, rows, &self.surroundings, self.me.clone());
                entry.share = Some(share);
                Ok(place.insert(entry))
            }
        }
    }

    /// Looks for apps that nobody needs any more, once a second at most.
    fn make_room(&mut self, ctx: &mut Context<Self>) {
        if self.room_made.is_none_or(|when| when.elapsed() > Duration::from_secs(1)) {
            self.room_made = Some(Instant::now());
            self.prune(ctx);
        }
    }

    /// Each app prunes by itself: what goes wrong in one does not concern the others.
    fn prune(&mut self, ctx: &mut Context<Self>) {
        for (id, entry) in &self.apps {
            let (id, visits) = (id.clone(), entry.visits);
            let pruning = entry.app.send(Prune::Expired).into_actor(self);
            ctx.spawn(pruning.map(move |idle, hall, _| {
                let unvisited = hall.apps.get(&id).is_some_and(|entry| entry.visits == visits);
                // One that has fallen says so itself.
                if unvisited && idle.unwrap_or(false) {
                    hall.apps.remove(&id);
                }
            }));
        }
        self.canary.app.do_send(Prune::Expired);
    }

    /// Starts an app again from what the store has.
    fn start_again(&mut self, id: AppId) {
        let is_canary = id.as_str() == CANARY_APP;
        let surroundings =
            if is_canary { unrecorded(&self.surroundings) } else { self.surroundings.clone() };
        let entry = if is_canary { Some(&mut self.canary) } else { self.apps.get_mut(&id) };
        if let Some(entry) = entry {
            entry.app = App::start_with(id, None, surroundings, self.me.clone());
            entry.began = Instant::now();
        }
    }
}

/// Makes surroundings in which nothing is recorded, limited, or held back.
fn unrecorded(surroundings: &Surroundings) -> Surroundings {
    let config = Config {
        limits: Limits::none(),
        hold_down: Duration::ZERO,
        ..surroundings.config.as_ref().clone()
    };
    let usage = Usage::default();
    Surroundings { config: Arc::new(config), usage, trap: None, ..surroundings.clone() }
}

impl Entry {
    fn start(
        id: AppId,
        rows: Option<Rows>,
        surroundings: &Surroundings,
        hall: WeakRecipient<Fallen>,
    ) -> Self {
        let app = App::start_with(id, rows, surroundings.clone(), hall);
        Self { app, began: Instant::now(), visits: 0, share: None }
    }
}

impl Actor for Hall {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.surroundings.config.prune_every, Self::prune);
    }
}

impl Handler<Enter> for Hall {
    type Result = MessageResult<Enter>;

    fn handle(&mut self, enter: Enter, ctx: &mut Self::Context) -> Self::Result {
        let Enter { app: id, session, visit, ears } = enter;
        let entry = match self.entry(id, &visit) {
            Ok(entry) => entry,
            Err(exceeded) => {
                self.make_room(ctx);
                return MessageResult(Err(exceeded));
            }
        };
        entry.visits += 1;
        entry.app.do_send(Join { session, visit, ears });
        let (orders, leave) = (entry.app.clone().recipient(), entry.app.clone().recipient());
        MessageResult(Ok(Desk { session, orders, leave }))
    }
}

impl Handler<Fallen> for Hall {
    type Result = ();

    fn handle(&mut self, Fallen(id): Fallen, ctx: &mut Self::Context) {
        self.meters.app_fell();
        tracing::error!(
            app = ?id.as_str(),
            "an application has panicked: it is started again, and its clients come back"
        );
        let entry = if id.as_str() == CANARY_APP { Some(&self.canary) } else { self.apps.get(&id) };
        match entry {
            Some(entry) if entry.began.elapsed() < SETTLED => {
                ctx.run_later(SETTLED, move |hall, _| hall.start_again(id));
            }
            _ => self.start_again(id),
        }
    }
}

impl Handler<TakeCensus> for Hall {
    type Result = ResponseFuture<Census>;

    fn handle(&mut self, take: TakeCensus, _: &mut Self::Context) -> Self::Result {
        let counting = join_all(self.apps.values().map(|entry| entry.app.send(take)));
        Box::pin(counting.map(|counted| counted.into_iter().flatten().sum()))
    }
}

impl Handler<Settle> for Hall {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Settle, _: &mut Self::Context) -> Self::Result {
        let all = self.apps.values().map(|entry| entry.app.send(Settle));
        Box::pin(join_all(all).map(drop))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
