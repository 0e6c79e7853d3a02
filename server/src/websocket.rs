//! The websocket, at `/v1` and below.

use std::{net::Ipv6Addr, sync::Arc, time::Instant};

use actix_http::ws::Codec;
use actix_web::{
    Error, HttpRequest, HttpResponse,
    http::header::{ContentType, UPGRADE},
    web,
};
use actix_web_actors::ws::{WebsocketContext, handshake};
use serde_json::{Map, Value};

use crate::{
    connections::Stage,
    door::Connection,
    front::Front,
    limits::Limit,
    network::Network,
    peer,
    permission::Pass,
    rules::Welcome,
    session::{Inflow, Refused, Session, counted, limited},
    testing::{Faults, faulty},
};

/// No limit is this one: the codec makes room for what a frame announces.
const LARGEST_FRAME: usize = 1 << 30;

/// Adds the routes.
pub(crate) fn routes(front: web::Data<Front>, service: &mut web::ServiceConfig) {
    service.app_data(front);
    for path in ["/v1", "/v1/{below:.*}"] {
        service.route(path, web::get().to(enter));
    }
}

async fn enter(
    request: HttpRequest,
    payload: web::Payload,
    front: web::Data<Front>,
) -> Result<HttpResponse, Error> {
    if !request.headers().contains_key(UPGRADE) {
        let notice = "This is the websocket of a Magic-Wormhole mailbox server.\n";
        return Ok(HttpResponse::Ok().insert_header(ContentType::plaintext()).body(notice));
    }
    if front.readiness.is_draining() {
        return Ok(HttpResponse::ServiceUnavailable().finish());
    }
    let mut answer = handshake(&request)?;
    let (config, rules) = (&front.config, front.config.rules.now());
    let address = peer::address(request.peer_addr(), request.headers(), &rules.trusted_proxies);
    let pass = Pass::new(config.permission);
    let welcome = welcome(&rules.welcome, &pass, address.map(peer::show));
    // Where a listener tells no addresses, all guests are one.
    let guest = address.map_or(Ipv6Addr::UNSPECIFIED.into(), |address| address.ip());
    let who = front.address_ids.as_ref().map(|ids| ids.of(guest, Instant::now()));
    let client = who.map(tracing::field::display);
    let own = address.filter(|address| !rules.trusted_proxies.trust(Some(address.ip())));
    let network = own.map(|address| Network::from(address.ip()));
    let make_way = || front.door.connections.make_way(network);
    let visit = match front.guests.arrive(guest, network, make_way) {
        Ok(visit) => visit,
        Err(exceeded) => {
            tracing::debug!(client, %exceeded, "a websocket is refused");
            let refused = Refused { welcome, exceeded };
            return Ok(answer.streaming(WebsocketContext::create(refused, payload)));
        }
    };
    front.meters.welcome();
    tracing::debug!(client, "a websocket is open");
    let limit = config.limits.most(Limit::FrameBytes).map_or(LARGEST_FRAME, |most| {
        usize::try_from(most).map_or(LARGEST_FRAME, |most| most.min(LARGEST_FRAME))
    });
    let inflow = Inflow::default();
    let frames = limited(payload, limit, inflow.clone());
    let connection = request.conn_data::<Connection>();
    if let Some(connection) = connection {
        connection.entry.becomes(Stage::Settled, network);
    }
    let faults = Some(front.faults.clone()).filter(Faults::on_the_way);
    let session = Session::new(front, Arc::clone(&visit), connection, pass, welcome, inflow);
    let codec = Codec::new().max_size(limit);
    let said = counted(WebsocketContext::with_codec(session, frames, codec), visit);
    Ok(match faults {
        None => answer.streaming(said),
        Some(faults) => answer.streaming(faulty(said, faults)),
    })
}

/// Writes the welcome; only what the operator has set is in it, and the client's address.
fn welcome(operator: &Welcome, pass: &Pass, address: Option<Value>) -> Map<String, Value> {
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
