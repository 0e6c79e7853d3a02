//! The websocket, at `/v1` and below.

use std::{net::Ipv6Addr, sync::Arc};

use actix_http::ws::Codec;
use actix_web::{
    Error, HttpRequest, HttpResponse,
    http::header::{ContentType, UPGRADE},
    web,
};
use actix_web_actors::ws::{WebsocketContext, handshake};
use serde_json::{Map, Value};

use crate::{
    config::Config,
    door::Connection,
    front::Front,
    limits::Limit,
    peer,
    permission::Pass,
    session::{Refused, Session, TooLarge, counted, limited},
};

/// The `Server` header of every response.
pub(crate) const SERVER: &str = concat!("Magic Wormhole Mailbox ", env!("CARGO_PKG_VERSION"));

/// No limit is this one: the codec makes room for what a frame announces.
const LARGEST_FRAME: usize = 1 << 30;

/// Adds the routes; the app has to hold a [`Front`].
pub(crate) fn routes(service: &mut web::ServiceConfig) {
    service.route("/v1", web::get().to(enter)).route("/v1/{below:.*}", web::get().to(enter));
}

async fn enter(
    request: HttpRequest,
    payload: web::Payload,
    front: web::Data<Front>,
) -> Result<HttpResponse, Error> {
    if !request.headers().contains_key(UPGRADE) {
        return Ok(text("This is the websocket of a Magic-Wormhole mailbox server.\n"));
    }
    let mut answer = handshake(&request)?;
    let config = &front.config;
    let address = request
        .peer_addr()
        .map(|connection| peer::address(connection, request.headers(), &config.trusted_proxies));
    let pass = Pass::new(config.permission);
    let welcome = welcome(config, &pass, address.map(peer::show));
    // Where a listener tells no addresses, all guests are one.
    let guest = address.map_or(Ipv6Addr::UNSPECIFIED.into(), |address| address.ip());
    let visit = match front.guests.arrive(guest) {
        Ok(visit) => visit,
        Err(exceeded) => {
            let refused = Refused { welcome, exceeded };
            return Ok(answer.streaming(WebsocketContext::create(refused, payload)));
        }
    };
    let limit = config.limits.most(Limit::FrameBytes).map_or(LARGEST_FRAME, |most| {
        usize::try_from(most).map_or(LARGEST_FRAME, |most| most.min(LARGEST_FRAME))
    });
    let too_large = TooLarge::default();
    let frames = limited(payload, limit, too_large.clone());
    let connection = request.conn_data::<Connection>();
    let session = Session::new(front, Arc::clone(&visit), connection, pass, welcome, too_large);
    let codec = Codec::new().max_size(limit);
    Ok(answer.streaming(counted(WebsocketContext::with_codec(session, frames, codec), visit)))
}

/// Answers with a line of plain text.
pub(crate) fn text(line: &'static str) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::plaintext()).body(line)
}

/// Writes the welcome; only what the operator has set is in it, and the client's address.
fn welcome(config: &Config, pass: &Pass, address: Option<Value>) -> Map<String, Value> {
    let operator = &config.welcome;
    let text = |text: &Option<String>| text.clone().map(Value::from);
    [
        ("motd", text(&operator.motd)),
        ("current_cli_version", text(&operator.current_cli_version)),
        ("error", text(&operator.error)),
        ("permission-required", pass.offer()),
        ("your-address", address),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}
