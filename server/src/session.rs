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

pub(crate) use frames::{TooLarge, limited};
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
use wormhole_protocol::wire::{Answer, Reply, Request, json_depth};

use crate::{
    bucket::Bucket,
    clock,
    door::Connection,
    engine::{Desk, Done, Enter, Heard, Order, Refusal, SessionId},
    front::Front,
    guest::Visit,
    limits::{Exceeded, Limit},
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
    /// Commands in a row that were too many.
    refused: u64,
    standing: Standing,
    desk: Option<Desk>,
    fragments: Fragments,
    too_large: TooLarge,
}

enum State {
    /// Not yet said hello.
    New {
        welcome: Map<String, Value>,
        socket: Option<Arc<Socket>>,
    },
    Welcomed,
}

/// How many commands in a row are refused as too many before the connection ends.
const PATIENCE: u64 = 1_000;

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
        too_large: TooLarge,
    ) -> Self {
        let rate = front.config.limits.most(Limit::ConnectionCommands).unwrap_or(0);
        let socket = connection.map(|connection| Arc::clone(&connection.socket));
        Self {
            id: connection.map_or_else(SessionId::fresh, |connection| connection.session),
            front,
            visit,
            state: State::New { welcome, socket },
            commands: Bucket::full(rate, Instant::now()),
            refused: 0,
            standing: Standing::Unbound(pass),
            desk: None,
            fragments: Fragments::default(),
            too_large,
        }
    }

    fn receive(&mut self, frame: &[u8], now: Instant, ctx: &mut WebsocketContext<Self>) {
        if let Err(exceeded) = self.take_token(now) {
            return self.refuse_command(exceeded, ctx);
        }
        self.refused = 0;
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

    /// Counts a frame that wants an answer, before anybody reads what it is.
    fn take_token(&mut self, now: Instant) -> Result<(), Exceeded> {
        let limits = &self.front.config.limits;
        if let Some(rate) = limits.most(Limit::ConnectionCommands)
            && !self.commands.take(rate, now)
        {
            return Err(limits.exceed(Limit::ConnectionCommands, rate));
        }
        self.visit.command(now)
    }

    /// A client that goes on and on is not answered for ever.
    fn refuse_command(&mut self, exceeded: Exceeded, ctx: &mut WebsocketContext<Self>) {
        self.refused += 1;
        self.object(exceeded.to_string(), Value::Null, ctx);
        if self.refused > PATIENCE {
            end(CloseCode::Policy, ctx);
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
        let ordering = desk.orders.send(order).into_actor(self);
        ctx.wait(ordering.map(|result, session, ctx| session.answer(result, request, ctx)));
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
        let State::New { welcome, socket } = std::mem::replace(&mut self.state, State::Welcomed)
        else {
            return;
        };
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
        match item {
            Ok(Message::Text(text)) => self.receive(text.as_bytes(), now, ctx),
            Ok(Message::Binary(bytes)) => self.receive(&bytes, now, ctx),
            Ok(Message::Continuation(item)) => {
                let limit = self.front.config.limits.most(Limit::FrameBytes);
                match self.fragments.push(item, limit) {
                    Ok(Some(message)) => self.receive(&message, now, ctx),
                    Ok(None) => (),
                    Err(TooLong) => self.refuse_length(ctx),
                }
            }
            Ok(Message::Ping(payload)) => match self.take_token(now) {
                Ok(()) => ctx.pong(&payload),
                Err(exceeded) => self.refuse_command(exceeded, ctx),
            },
            Ok(Message::Pong(_) | Message::Nop) => (),
            Ok(Message::Close(_)) => end(CloseCode::Normal, ctx),
            Err(ProtocolError::Overflow) => self.refuse_length(ctx),
            Err(ProtocolError::Io(_)) if self.too_large.is_set() => self.refuse_length(ctx),
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
