//! The canary: does what a client does, by the same messages, so that the server is ready only if
//! it would have served one.
//!
//! in: [`Sing`] (from whoever asks whether the server is ready), [`Heard`] (from the app)
//! out: [`Enter`] (to the hall), [`Order`] (to the app)

use std::{mem, sync::Arc};

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, ResponseFuture,
    WrapFuture,
};
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use wormhole_protocol::{
    name::{AppId, MailboxId, Mood, Nameplate, Phase, Side},
    wire::Body,
};

use super::Unready;
use crate::{
    engine::{Ask, CANARY_APP, Desk, Done, Enter, Heard, Order, Refusal, SessionId},
    guest::{Guests, Visit},
    vitals::Pulse,
};

/// Go the way of a client, and tell how far that goes. Those who ask meanwhile are told the same.
#[derive(Message)]
#[rtype(result = "Result<(), Unready>")]
pub(super) struct Sing;

/// The actor.
pub(crate) struct Canary {
    hall: Recipient<Enter>,
    /// Counts for no address, and is not limited.
    visit: Arc<Visit>,
    state: State,
    _pulse: Pulse,
}

enum State {
    Resting(Left),
    Singing { waiting: Vec<oneshot::Sender<Result<(), Unready>>>, heard: mpsc::UnboundedSender<()> },
}

/// What a way that was broken off has left, to be cleared away on the next one.
#[derive(Default)]
struct Left {
    nameplate: Option<Nameplate>,
    mailbox: Option<MailboxId>,
}

impl Canary {
    pub(crate) fn new(hall: Recipient<Enter>, pulse: Pulse) -> Self {
        let state = State::Resting(Left::default());
        Self { hall, visit: Guests::insider(), state, _pulse: pulse }
    }

    fn set_out(&mut self, left: Left, ctx: &mut Context<Self>) -> mpsc::UnboundedSender<()> {
        let (heard, hearing) = mpsc::unbounded_channel();
        let session = SessionId::fresh();
        let (visit, ears) = (Arc::clone(&self.visit), ctx.address().recipient());
        let enter = Enter { app: AppId::new(CANARY_APP), session, visit, ears };
        let (hall, visit) = (self.hall.clone(), Arc::clone(&self.visit));
        let going = async move {
            let Ok(Ok(desk)) = hall.send(enter).await else { return (Err(Unready::Broken), left) };
            let mut way = Way { desk, visit, hearing, left };
            (way.go().await, way.left)
        };
        ctx.spawn(going.into_actor(self).map(|(result, left), canary, _| {
            let State::Singing { waiting, .. } =
                mem::replace(&mut canary.state, State::Resting(left))
            else {
                return;
            };
            for asker in waiting {
                // It may have lost patience.
                let _ = asker.send(result);
            }
        }));
        heard
    }
}

impl Actor for Canary {
    type Context = Context<Self>;
}

impl Handler<Sing> for Canary {
    type Result = ResponseFuture<Result<(), Unready>>;

    fn handle(&mut self, _: Sing, ctx: &mut Self::Context) -> Self::Result {
        let (asker, told) = oneshot::channel();
        match &mut self.state {
            State::Singing { waiting, .. } => {
                waiting.retain(|asker| !asker.is_closed());
                waiting.push(asker);
            }
            State::Resting(left) => {
                let left = mem::take(left);
                let heard = self.set_out(left, ctx);
                self.state = State::Singing { waiting: vec![asker], heard };
            }
        }
        Box::pin(told.map(|told| told.unwrap_or(Err(Unready::Broken))))
    }
}

impl Handler<Heard> for Canary {
    type Result = ();

    fn handle(&mut self, Heard(message): Heard, _: &mut Self::Context) {
        self.visit.settle(message.size());
        if let State::Singing { heard, .. } = &self.state {
            // The way may have ended before it was heard.
            let _ = heard.send(());
        }
    }
}

/// The way of one client; it leaves when this is dropped.
struct Way {
    desk: Desk,
    visit: Arc<Visit>,
    hearing: mpsc::UnboundedReceiver<()>,
    left: Left,
}

impl Way {
    async fn go(&mut self) -> Result<(), Unready> {
        self.clear_away().await?;
        let Done::Allocated(nameplate) = self.order(Ask::Allocate).await? else {
            return Err(Unready::Broken);
        };
        self.left.nameplate = Some(nameplate.clone());
        let Done::Claimed(mailbox) = self.order(Ask::Claim(nameplate)).await? else {
            return Err(Unready::Broken);
        };
        self.left.mailbox = Some(mailbox.clone());
        self.order(Ask::Open(mailbox.clone())).await?;
        let (phase, body) = (Phase::Pake, Body::from_text("00"));
        self.order(Ask::Add { mailbox, phase, body, id: None }).await?;
        self.hearing.recv().await.ok_or(Unready::Broken)?;
        self.clear_away().await
    }

    /// Ends what this way, or one before it, has made; what is gone already is no matter.
    async fn clear_away(&mut self) -> Result<(), Unready> {
        if let Some(nameplate) = &self.left.nameplate {
            self.order(Ask::Release(nameplate.to_string())).await?;
            self.left.nameplate = None;
        }
        if let Some(mailbox) = self.left.mailbox.clone() {
            self.order(Ask::Close { mailbox, mood: Some(Mood::Happy) }).await?;
            self.left.mailbox = None;
        }
        Ok(())
    }

    async fn order(&self, ask: Ask) -> Result<Done, Unready> {
        let order = Order { session: self.desk.session, side: Side::new("canary"), ask };
        let result = self.desk.orders.send(order).await;
        self.visit.release();
        match result {
            Ok(Ok(done)) => Ok(done),
            // An app that has fallen answers nothing.
            Ok(Err(Refusal::Broken)) | Err(_) => Err(Unready::Broken),
            Ok(Err(refusal)) => {
                tracing::error!(%refusal, "the server refuses what every client needs");
                Err(Unready::Refusing)
            }
        }
    }
}
