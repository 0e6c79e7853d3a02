//! The routes: a line of text at `/`, the websocket at `/v1` and below.

use std::sync::Arc;

use actix::Recipient;
use actix_web::{
    Error, HttpRequest, HttpResponse,
    http::header::{ContentType, UPGRADE},
    web,
};
use actix_web_actors::ws::WsResponseBuilder;
use serde_json::{Map, Value};

use crate::{
    config::Config,
    engine::Enter,
    peer,
    session::{Session, TooLarge, limited},
};

/// The `Server` header of every response.
pub(crate) const SERVER: &str = concat!("Magic Wormhole Mailbox ", env!("CARGO_PKG_VERSION"));

/// What the routes need.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) config: Arc<Config>,
    pub(crate) hall: Recipient<Enter>,
}

/// Adds the routes; the app has to hold a [`Front`].
pub(crate) fn routes(service: &mut web::ServiceConfig) {
    service
        .service(web::resource("/").route(web::get().to(greet)).route(web::head().to(greet)))
        .route("/v1", web::get().to(enter))
        .route("/v1/{below:.*}", web::get().to(enter));
}

async fn greet() -> HttpResponse {
    text("Wormhole Relay\n")
}

async fn enter(
    request: HttpRequest,
    payload: web::Payload,
    front: web::Data<Front>,
) -> Result<HttpResponse, Error> {
    if !request.headers().contains_key(UPGRADE) {
        return Ok(text("This is the websocket of a Magic-Wormhole mailbox server.\n"));
    }
    let config = Arc::clone(&front.config);
    let limit = config.max_command;
    let welcome = welcome(&config, &request);
    let too_large = TooLarge::default();
    let frames = limited(payload, limit, too_large.clone());
    let session = Session::new(config, front.hall.clone(), welcome, too_large);
    WsResponseBuilder::new(session, &request, frames).frame_size(limit).start()
}

fn text(line: &'static str) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::plaintext()).body(line)
}

/// Writes the welcome; only what the operator has set is in it, and the client's address.
fn welcome(config: &Config, request: &HttpRequest) -> Map<String, Value> {
    let operator = [
        ("motd", &config.welcome.motd),
        ("current_cli_version", &config.welcome.current_cli_version),
        ("error", &config.welcome.error),
    ];
    let told =
        operator.into_iter().filter_map(|(key, text)| Some((key, Value::from(text.clone()?))));
    let address = request.peer_addr().map(|connection| {
        peer::show(peer::address(connection, request.headers(), &config.trusted_proxies))
    });
    told.chain(address.map(|address| ("your-address", address)))
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
