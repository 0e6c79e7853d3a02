//! One websocket: frames to requests, orders and answers to frames.
//!
//! in: frames (from the client), [`Heard`] (from the app), [`Call`] (from the watchdog)
//! out: [`Enter`] (to the hall), [`Order`] (to the app), [`Attend`] and [`Ended`] (to the
//! watchdog), [`Binding`] (to the usage records), frames (to the client)
//!
//! A session waits for the answer to each order before it takes another frame. Messages that come
//! meanwhile wait in its queue, and go out before the next frame is looked at: so an `add` is
//! echoed before the next command's `ack`.

mod fragments;
mod frames;
mod refused;
mod standing;
mod unsent;

pub(crate) use frames::{Inflow, limited};
pub(crate) use refused::Refused;
pub(crate) use unsent::counted;

use std::{sync::Arc, time::Instant};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Handler, MailboxError, StreamHandler,
    WrapFuture,
};
use actix_http::ws::ProtocolError;
use actix_web::web;
use actix_web_actors::ws::{CloseCode, Message, WebsocketContext};
use serde_json::{Map, Value};
use tokio::time::sleep;
use wormhole_protocol::wire::{Answer, Reply, Request, json_depth};

use crate::{
    bucket::{Bucket, Rate},
    clock,
    door::Connection,
    engine::{Desk, Done, Enter, Heard, Order, Refusal, SessionId},
    front::Front,
    guest::Visit,
    limits::Limit,
    permission::Pass,
    usage::Binding,
    watch::{Attend, Call, Ended, Socket},
};
use fragments::{Fragments, TooLong};
use standing::{Judged, Standing, Step};

/// The actor of one connection.
pub(crate) struct Session {
    id: SessionId,
    front: web::Data<Front>,
    visit: Arc<Visit>,
    state: State,
    commands: Bucket,
    standing: Standing,
    desk: Option<Desk>,
    fragments: Fragments,
    inflow: Inflow,
    /// None where the server does not know it.
    socket: Option<Arc<Socket>>,
}

enum State {
    /// Not yet said hello.
    New {
        welcome: Map<String, Value>,
    },
    Welcomed,
}

/// How many messages may wait for a session.
const QUEUE: usize = 1_024;

impl Session {
    /// Makes the session of a client that is about to be welcomed.
    pub(crate) fn new(
        front: web::Data<Front>,
        visit: Arc<Visit>,
        connection: Option<&Connection>,
        pass: Pass,
        welcome: Map<String, Value>,
        inflow: Inflow,
    ) -> Self {
        let rate = front.config.limits.most(Limit::ConnectionCommands).unwrap_or(0);
        let commands = Bucket::full(Rate::per_second(rate), Instant::now());
        let socket = connection.map(|connection| Arc::clone(&connection.socket));
        Self {
            id: connection.map_or_else(SessionId::fresh, |connection| connection.session),
            front,
            visit,
            state: State::New { welcome },
            commands,
            standing: Standing::Unbound(pass),
            desk: None,
            fragments: Fragments::default(),
            inflow,
            socket,
        }
    }

    fn receive(&mut self, frame: &[u8], now: Instant, ctx: &mut WebsocketContext<Self>) {
        self.pay(now, ctx);
        let limits = &self.front.config.limits;
        if let Err(exceeded) = limits.check(Limit::JsonDepth, json_depth(frame) as u64) {
            return self.object(exceeded.to_string(), Value::Null, ctx);
        }
        let request = match Request::read(frame) {
            Ok(request) => request,
            Err(unreadable) => {
                return self.object(unreadable.to_string(), unreadable.into_orig(), ctx);
            }
        };
        self.front.meters.command(request.verb());
        let limits = &self.front.config.limits;
        match self.standing.admit(Judged { request: &request, limits }) {
            Ok(Step::Pong(pong)) => reply(&request, Answer::Pong { pong }, ctx),
            Ok(Step::Done) => acknowledge(&request, ctx),
            Ok(Step::Enter(binding)) => self.enter(binding, request, ctx),
            Ok(Step::Order(side, ask)) => {
                self.order(Order { session: self.id, side, ask }, request, ctx);
            }
            Err(objection) => self.refuse(objection.to_string(), request, ctx),
        }
    }

    /// Counts a frame, before anybody reads what it is. A client that is too fast is read more
    /// slowly: the next one waits.
    fn pay(&mut self, now: Instant, ctx: &mut WebsocketContext<Self>) {
        let limits = &self.front.config.limits;
        let mut wait = self.visit.command(now);
        if let Some(most) = limits.most(Limit::ConnectionCommands) {
            let own = self.commands.take(1, Rate::per_second(most), now);
            if !own.is_zero() {
                limits.exceed(Limit::ConnectionCommands, most);
            }
            wait = wait.max(own);
        }
        if !wait.is_zero() {
            ctx.wait(sleep(wait).into_actor(self));
        }
    }

    fn enter(&self, binding: Binding, request: Request, ctx: &mut WebsocketContext<Self>) {
        let (visit, ears) = (Arc::clone(&self.visit), ctx.address().recipient());
        let enter = Enter { app: binding.app.clone(), session: self.id, visit, ears };
        let (hall, now) = (self.front.hall.clone(), clock::now());
        let entering = async move { hall.send(enter).await }.into_actor(self);
        ctx.wait(entering.map(move |desk, session, ctx| match desk {
            Ok(Ok(desk)) => {
                session.visit.bind();
                session.front.usage.bind(binding, now);
                session.desk = Some(desk);
                acknowledge(&request, ctx);
            }
            Ok(Err(exceeded)) => {
                session.standing.unbind();
                session.refuse(exceeded.to_string(), request, ctx);
            }
            Err(_) => end(CloseCode::Again, ctx),
        }));
    }

    fn order(&self, order: Order, request: Request, ctx: &mut WebsocketContext<Self>) {
        let Some(desk) = &self.desk else { return end(CloseCode::Again, ctx) };
        let (orders, visit) = (desk.orders.clone(), Arc::clone(&self.visit));
        let socket = self.socket.clone();
        let ordering = async move {
            let mut order = order;
            loop {
                let again = order.again();
                let result = orders.send(order).await;
                match again {
                    Some(again) if matches!(result, Ok(Err(Refusal::NotYet))) => order = again,
                    _ => return result,
                }
                visit.may_join().await;
                // Nobody would be there to give the seat back.
                if socket.as_ref().is_some_and(|socket| socket.has_hung_up()) {
                    return result;
                }
            }
        };
        ctx.wait(
            ordering
                .into_actor(self)
                .map(|result, session, ctx| session.answer(result, request, ctx)),
        );
    }

    fn answer(
        &mut self,
        result: Result<Result<Done, Refusal>, MailboxError>,
        request: Request,
        ctx: &mut WebsocketContext<Self>,
    ) {
        let result = result.unwrap_or(Err(Refusal::Broken));
        self.standing.settle(&result);
        self.visit.release();
        match result {
            Ok(Done::Listed(nameplates)) => reply(&request, Answer::Nameplates { nameplates }, ctx),
            Ok(Done::Allocated(nameplate)) => reply(&request, Answer::Allocated { nameplate }, ctx),
            Ok(Done::Claimed(mailbox)) => reply(&request, Answer::Claimed { mailbox }, ctx),
            Ok(Done::Released) => reply(&request, Answer::Released, ctx),
            Ok(Done::Opened(messages)) => {
                acknowledge(&request, ctx);
                messages.iter().for_each(|message| say(message.as_ref().into(), ctx));
            }
            Ok(Done::Added) => acknowledge(&request, ctx),
            Ok(Done::Closed) => reply(&request, Answer::Closed, ctx),
            // An `error` would end the wormhole; so the client comes back, and says it again.
            Err(Refusal::Broken) => end(CloseCode::Again, ctx),
            Err(refused) => self.refuse(refused.to_string(), request, ctx),
        }
    }

    fn refuse(&self, error: String, request: Request, ctx: &mut WebsocketContext<Self>) {
        acknowledge(&request, ctx);
        self.object(error, request.into_orig(), ctx);
    }

    fn object(&self, error: String, orig: Value, ctx: &mut WebsocketContext<Self>) {
        self.front.meters.refusal();
        say(Answer::Error { error, orig }, ctx);
    }

    /// A message is longer than the server takes.
    fn refuse_length(&self, ctx: &mut WebsocketContext<Self>) {
        let limits = &self.front.config.limits;
        let most = limits.most(Limit::FrameBytes).unwrap_or(0);
        let exceeded = limits.exceed(Limit::FrameBytes, most);
        self.object(exceeded.to_string(), Value::Null, ctx);
        end(CloseCode::Size, ctx);
    }
}

fn say<A>(answer: Answer, ctx: &mut WebsocketContext<A>)
where
    A: Actor<Context = WebsocketContext<A>>,
{
    ctx.text(Reply { answer, server_tx: clock::now() }.to_frame());
}

/// Every command is acknowledged before anything else that it causes; but only then, so that both
/// leave together.
fn acknowledge(request: &Request, ctx: &mut WebsocketContext<Session>) {
    say(Answer::Ack { id: request.id() }, ctx);
}

fn reply(request: &Request, answer: Answer, ctx: &mut WebsocketContext<Session>) {
    acknowledge(request, ctx);
    say(answer, ctx);
}

fn end(code: CloseCode, ctx: &mut WebsocketContext<Session>) {
    ctx.close(Some(code.into()));
    ctx.stop();
}

impl Actor for Session {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(QUEUE);
        let State::New { welcome } = std::mem::replace(&mut self.state, State::Welcomed) else {
            return;
        };
        let socket = self.socket.clone();
        let calls = ctx.address().recipient();
        let (session, visit) = (self.id, Arc::clone(&self.visit));
        self.front.watch.do_send(Attend { session, visit, calls, socket });
        say(Answer::Welcome { welcome }, ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.front.watch.do_send(Ended(self.id));
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Session {
    fn handle(&mut self, item: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        let now = Instant::now();
        self.visit.hear(now);
        self.inflow.handle();
        match item {
            Ok(Message::Text(text)) => self.receive(text.as_bytes(), now, ctx),
            Ok(Message::Binary(bytes)) => self.receive(&bytes, now, ctx),
            Ok(Message::Continuation(item)) => {
                if fragments::is_dear(&item) {
                    self.pay(now, ctx);
                }
                let limit = self.front.config.limits.most(Limit::FrameBytes);
                match self.fragments.push(item, limit) {
                    Ok(Some(message)) => self.receive(&message, now, ctx),
                    Ok(None) => (),
                    Err(TooLong) => self.refuse_length(ctx),
                }
            }
            Ok(Message::Ping(payload)) => {
                self.pay(now, ctx);
                ctx.pong(&payload);
            }
            Ok(Message::Pong(_)) => self.pay(now, ctx),
            Ok(Message::Nop) => (),
            Ok(Message::Close(_)) => end(CloseCode::Normal, ctx),
            Err(ProtocolError::Overflow) => self.refuse_length(ctx),
            Err(ProtocolError::Io(_)) if self.inflow.is_too_large() => self.refuse_length(ctx),
            // The connection is gone.
            Err(ProtocolError::Io(_)) => ctx.stop(),
            Err(_) => end(CloseCode::Protocol, ctx),
        }
    }
}

impl Handler<Heard> for Session {
    type Result = ();

    fn handle(&mut self, Heard(message): Heard, ctx: &mut Self::Context) {
        self.visit.settle(message.size());
        // It may have been on its way when the mailbox was closed.
        if self.standing.listens() {
            say(message.as_ref().into(), ctx);
        }
    }
}

impl Handler<Call> for Session {
    type Result = ();

    fn handle(&mut self, call: Call, ctx: &mut Self::Context) {
        match call {
            Call::Ping => ctx.ping(b""),
            Call::End(exceeded) => {
                self.object(exceeded.to_string(), Value::Null, ctx);
                end(CloseCode::Policy, ctx);
            }
            Call::ComeBack => end(CloseCode::Again, ctx),
            Call::GoAway => end(CloseCode::Away, ctx),
        }
    }
}
