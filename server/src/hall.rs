//! The hall: shows every session to its app, starts and ends the apps, and takes only so many.
//!
//! in: [`Enter`] (from the sessions), [`TakeCensus`] (from whoever asks for figures), [`Settle`]
//! (from [`Mailbox`](crate::mailbox::Mailbox))
//! out: [`Join`], [`Prune`], [`TakeCensus`] and [`Settle`] (to the apps)

use std::{
    collections::{
        BTreeMap, HashMap,
        hash_map::Entry::{Occupied, Vacant},
    },
    time::{Duration, Instant},
};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, MessageResult, ResponseFuture,
    WrapFuture,
};
use futures_util::{FutureExt, future::join_all};
use wormhole_protocol::name::AppId;

use crate::{
    app::{App, Join, Prune, Settle, Surroundings},
    census::{Census, TakeCensus},
    engine::{Desk, Enter},
    guest::{Kind, Visit},
    limits::{Exceeded, Limit},
    quota::Share,
    store::Rows,
};

/// The actor that knows all apps.
pub(crate) struct Hall {
    surroundings: Surroundings,
    apps: HashMap<AppId, Entry>,
    room_made: Option<Instant>,
}

/// An app that is running: every app with rows is.
struct Entry {
    app: Addr<App>,
    /// The sessions that it was ever shown.
    visits: u64,
    /// For whose account it is; nobody's where it was there at the start.
    share: Option<Share>,
}

impl Hall {
    /// Starts the apps that the store has rows of.
    pub(crate) fn new(surroundings: Surroundings, stored: BTreeMap<AppId, Rows>) -> Self {
        let apps = stored
            .into_iter()
            .map(|(id, rows)| (id.clone(), Entry::start(id, rows, &surroundings)))
            .collect();
        Self { surroundings, apps, room_made: None }
    }

    /// Finds the app, or starts it for the account of the session that wants it.
    fn entry(&mut self, id: AppId, visit: &Visit) -> Result<&mut Entry, Exceeded> {
        let count = self.apps.len() as u64;
        match self.apps.entry(id) {
            Occupied(entry) => Ok(entry.into_mut()),
            Vacant(place) => {
                self.surroundings.config.limits.check(Limit::Apps, count + 1)?;
                let share = visit.make(Kind::App)?;
                let id = place.key().clone();
                let mut entry = Entry::start(id, Rows::default(), &self.surroundings);
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
            let pruning = entry.app.send(Prune).into_actor(self);
            ctx.spawn(pruning.map(move |idle, hall, _| {
                let unvisited = hall.apps.get(&id).is_some_and(|entry| entry.visits == visits);
                if unvisited && idle.unwrap_or(true) {
                    hall.apps.remove(&id);
                }
            }));
        }
    }
}

impl Entry {
    fn start(id: AppId, rows: Rows, surroundings: &Surroundings) -> Self {
        Self { app: App::start_with(id, rows, surroundings.clone()), visits: 0, share: None }
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
