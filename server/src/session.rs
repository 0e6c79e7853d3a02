//! One websocket: frames to requests, orders and answers to frames.
//!
//! in: frames (from the client), [`Heard`] (from the app)
//! out: [`Enter`] (to the hall), [`Order`] and [`Leave`] (to the app), frames (to the client)
//!
//! A session waits for the answer to each order before it takes another frame. Messages that come
//! meanwhile wait in its queue, and go out before the next frame is looked at: so an `add` is
//! echoed before the next command's `ack`.

mod fragments;
mod frames;
mod standing;

pub(crate) use frames::{TooLarge, limited};

use std::{sync::Arc, time::Instant};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Handler, MailboxError, Recipient,
    StreamHandler, WrapFuture,
};
use actix_http::ws::ProtocolError;
use actix_web_actors::ws::{CloseCode, Message, WebsocketContext};
use serde_json::{Map, Value};
use wormhole_protocol::wire::{Answer, Reply, Request};

use crate::{
    clock,
    config::Config,
    engine::{Desk, Done, Enter, Heard, Leave, Order, Refusal, SessionId},
};
use fragments::{Fragments, TooLong};
use standing::{Standing, Step};

/// The actor of one connection.
pub(crate) struct Session {
    id: SessionId,
    config: Arc<Config>,
    hall: Recipient<Enter>,
    welcome: Map<String, Value>,
    standing: Standing,
    desk: Option<Desk>,
    fragments: Fragments,
    too_large: TooLarge,
    heard: Instant,
}

/// How many messages may wait for a session.
const QUEUE: usize = 256;

impl Session {
    /// Makes the session of a client that is about to be welcomed.
    pub(crate) fn new(
        config: Arc<Config>,
        hall: Recipient<Enter>,
        welcome: Map<String, Value>,
        too_large: TooLarge,
    ) -> Self {
        Self {
            id: SessionId::fresh(),
            config,
            hall,
            welcome,
            standing: Standing::Unbound,
            desk: None,
            fragments: Fragments::default(),
            too_large,
            heard: Instant::now(),
        }
    }

    fn receive(&mut self, frame: &[u8], ctx: &mut WebsocketContext<Self>) {
        let request = match Request::read(frame) {
            Ok(request) => request,
            Err(unreadable) => {
                let error = unreadable.to_string();
                return say(Answer::Error { error, orig: unreadable.into_orig() }, ctx);
            }
        };
        say(Answer::Ack { id: request.id() }, ctx);
        match self.standing.admit(&request) {
            Ok(Step::Pong(pong)) => say(Answer::Pong { pong }, ctx),
            Ok(Step::Enter(app)) => {
                let ears = ctx.address().recipient();
                self.enter(Enter { app, session: self.id, ears }, ctx);
            }
            Ok(Step::Order(side, ask)) => {
                self.order(Order { session: self.id, side, ask }, request, ctx);
            }
            Err(objection) => refuse(objection.to_string(), request, ctx),
        }
    }

    fn enter(&self, enter: Enter, ctx: &mut WebsocketContext<Self>) {
        let entering = self.hall.send(enter).into_actor(self);
        ctx.wait(entering.map(|desk, session, ctx| match desk {
            Ok(desk) => session.desk = Some(desk),
            Err(_) => session.end(CloseCode::Restart, ctx),
        }));
    }

    fn order(&self, order: Order, request: Request, ctx: &mut WebsocketContext<Self>) {
        let Some(desk) = &self.desk else { return self.end(CloseCode::Restart, ctx) };
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
        match result {
            Ok(Done::Listed(nameplates)) => say(Answer::Nameplates { nameplates }, ctx),
            Ok(Done::Allocated(nameplate)) => say(Answer::Allocated { nameplate }, ctx),
            Ok(Done::Claimed(mailbox)) => say(Answer::Claimed { mailbox }, ctx),
            Ok(Done::Released) => say(Answer::Released, ctx),
            Ok(Done::Opened(messages)) => {
                messages.into_iter().for_each(|message| say(message.into(), ctx));
            }
            Ok(Done::Added) => (),
            Ok(Done::Closed) => say(Answer::Closed, ctx),
            Err(Refusal::Broken) => {
                refuse(Refusal::Broken.to_string(), request, ctx);
                self.end(CloseCode::Error, ctx);
            }
            Err(refusal) => refuse(refusal.to_string(), request, ctx),
        }
    }

    fn end(&self, code: CloseCode, ctx: &mut WebsocketContext<Self>) {
        ctx.close(Some(code.into()));
        ctx.stop();
    }

    fn probe(&mut self, ctx: &mut WebsocketContext<Self>) {
        if self.heard.elapsed() > self.config.silence {
            return ctx.stop();
        }
        ctx.ping(b"");
    }
}

fn say(answer: Answer, ctx: &mut WebsocketContext<Session>) {
    ctx.text(Reply { answer, server_tx: clock::now() }.to_frame());
}

fn refuse(error: String, request: Request, ctx: &mut WebsocketContext<Session>) {
    say(Answer::Error { error, orig: request.into_orig() }, ctx);
}

impl Actor for Session {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(QUEUE);
        ctx.run_interval(self.config.ping_every, Self::probe);
        say(Answer::Welcome { welcome: std::mem::take(&mut self.welcome) }, ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(desk) = &self.desk {
            desk.leave.do_send(Leave(self.id));
        }
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Session {
    fn handle(&mut self, item: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        self.heard = Instant::now();
        match item {
            Ok(Message::Text(text)) => self.receive(text.as_bytes(), ctx),
            Ok(Message::Binary(bytes)) => self.receive(&bytes, ctx),
            Ok(Message::Continuation(item)) => {
                match self.fragments.push(item, self.config.max_command) {
                    Ok(Some(message)) => self.receive(&message, ctx),
                    Ok(None) => (),
                    Err(TooLong) => self.end(CloseCode::Size, ctx),
                }
            }
            Ok(Message::Ping(payload)) => ctx.pong(&payload),
            Ok(Message::Pong(_) | Message::Nop) => (),
            Ok(Message::Close(_)) => self.end(CloseCode::Normal, ctx),
            Err(ProtocolError::Overflow) => self.end(CloseCode::Size, ctx),
            Err(ProtocolError::Io(_)) if self.too_large.is_set() => self.end(CloseCode::Size, ctx),
            // The connection is gone.
            Err(ProtocolError::Io(_)) => ctx.stop(),
            Err(_) => self.end(CloseCode::Protocol, ctx),
        }
    }
}

impl Handler<Heard> for Session {
    type Result = ();

    fn handle(&mut self, heard: Heard, ctx: &mut Self::Context) {
        match heard {
            Heard::Message(message) if self.standing.listens() => {
                say(message.as_ref().clone().into(), ctx);
            }
            // It was on its way when the mailbox was closed.
            Heard::Message(_) => (),
            Heard::Cut => self.end(CloseCode::Policy, ctx),
        }
    }
}
