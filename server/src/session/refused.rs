//! A connection that is not let in: told why, and ended.

use actix::{Actor, ActorContext, StreamHandler};
use actix_http::ws::ProtocolError;
use actix_web_actors::ws::{CloseCode, Message, WebsocketContext};
use serde_json::{Map, Value};
use wormhole_protocol::wire::Answer;

use super::say;
use crate::limits::Exceeded;

/// The actor of such a connection.
pub(crate) struct Refused {
    pub(crate) welcome: Map<String, Value>,
    pub(crate) exceeded: Exceeded,
}

impl Actor for Refused {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Clients cannot read anything before a welcome.
        say(Answer::Welcome { welcome: std::mem::take(&mut self.welcome) }, ctx);
        say(Answer::Error { error: self.exceeded.to_string(), orig: Value::Null }, ctx);
        ctx.close(Some(CloseCode::Again.into()));
        ctx.stop();
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Refused {
    fn handle(&mut self, _: Result<Message, ProtocolError>, _: &mut Self::Context) {}
}
