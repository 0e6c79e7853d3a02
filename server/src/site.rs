//! What the server tells of itself: the landing page at `/`, and a document for programs at
//! `/.well-known/wormhole.json`.

mod address;
mod escape;
mod line;
mod page;
mod qr;

use std::{borrow::Cow, sync::LazyLock};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, Accept, CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType,
        Header, HeaderValue, Quality, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    },
    web,
};
use data_encoding::BASE64;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use wormhole_protocol::{
    transit::{DirectHint, Endpoint},
    uri::WebSocketUrl,
};

use crate::{config::Config, front::Front};

/// Nothing but the page itself and its own style, which is known by its hash.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64.encode(&Sha256::digest(page::STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// Adds the routes; the app has to hold a [`Front`].
pub(crate) fn routes(service: &mut web::ServiceConfig) {
    let discovery = web::resource("/.well-known/wormhole.json");
    service
        .service(web::resource("/").route(web::get().to(root)).route(web::head().to(root)))
        .service(discovery.route(web::get().to(discover)).route(web::head().to(discover)));
}

/// Greets browsers with the page, and everybody else with the line that monitors look for.
async fn root(request: HttpRequest, front: web::Data<Front>) -> HttpResponse {
    let mut answer = if wants_html(&request) {
        page(&request, &front.config)
    } else {
        HttpResponse::Ok().insert_header(ContentType::plaintext()).body("Wormhole Relay\n")
    };
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    answer
}

/// Whether the client names `text/html` itself: `*/*` does not count.
fn wants_html(request: &HttpRequest) -> bool {
    Accept::parse(request).is_ok_and(|accept| {
        let html = |mime: &str| mime == "text/html";
        accept.iter().any(|one| html(one.item.essence_str()) && one.quality > Quality::ZERO)
    })
}

fn page(request: &HttpRequest, config: &Config) -> HttpResponse {
    let mailbox = address::mailbox(request, config);
    let rules = config.rules.now();
    HttpResponse::Ok()
        .insert_header(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(page::html(mailbox.as_ref(), &transit(config, mailbox.as_ref()), &rules.welcome))
}

/// Tells programs, those of other web sites too, what they need to use this server.
async fn discover(request: HttpRequest, front: web::Data<Front>) -> HttpResponse {
    let config = &front.config;
    let mailbox = address::mailbox(&request, config);
    let rules = config.rules.now();
    let relays = transit(config, mailbox.as_ref());
    let transit: Vec<_> = relays.iter().map(relay).map(Value::from).collect();
    let text = |text: &Option<String>| text.clone().map(Value::from);
    let document: Map<_, _> = [
        ("mailbox", mailbox.map(|url| url.as_str().into())),
        ("transit", (!transit.is_empty()).then(|| transit.into())),
        ("motd", text(&rules.welcome.motd)),
        ("error", text(&rules.welcome.error)),
        ("version", Some(env!("CARGO_PKG_VERSION").into())),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect();
    HttpResponse::Ok()
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .json(document)
}

/// The relays that are told: the operator's, or the one that runs beside the mailbox server.
fn transit<'a>(config: &'a Config, mailbox: Option<&WebSocketUrl>) -> Cow<'a, [DirectHint]> {
    match (config.transit_port, mailbox) {
        (Some(port), Some(mailbox)) if config.transit.is_empty() => {
            let hostname = mailbox.host().to_owned();
            Cow::Owned(vec![DirectHint { hostname, port, priority: 0.0 }])
        }
        _ => Cow::Borrowed(&config.transit),
    }
}

/// Writes a transit relay as it is typed: `tcp:HOST:PORT`.
fn relay(hint: &DirectHint) -> String {
    Endpoint::Tcp(hint.clone()).to_string()
}
