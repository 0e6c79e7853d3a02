//! What operators ask a running server, on sockets that its clients do not reach.

use std::time::Duration;

use actix_web::{
    HttpResponse, Responder,
    dev::ServerHandle,
    error::ErrorInternalServerError,
    web::{self, ServiceConfig},
};
use serde_json::json;

use crate::{
    Error, clock,
    connections::{Bounds, Connections},
    door::Door,
    figures, health,
    limits::{Limit, Limits},
    mailbox::Mailbox,
    metrics,
    readiness::Unready,
    reception::Reception,
    relay,
    rules::LiveRules,
    serve::Listener,
};

/// A server for operators, as long as it is kept.
#[derive(Debug)]
pub struct Operation(Option<ServerHandle>);

/// The services of this process about which operators ask.
#[derive(Clone, Default)]
pub struct Services {
    /// The mailbox service.
    pub mailbox: Option<Mailbox>,
    /// The transit relay.
    pub relay: Option<relay::View>,
}

impl From<&Mailbox> for Services {
    fn from(mailbox: &Mailbox) -> Self {
        Self { mailbox: Some(mailbox.clone()), relay: None }
    }
}

impl Services {
    /// Asks whether all of them do their work.
    ///
    /// # Errors
    /// [`Unready`] of the first that does not.
    pub(crate) async fn ready(&self) -> Result<(), Unready> {
        if let Some(mailbox) = &self.mailbox {
            mailbox.ready().await?;
        }
        match &self.relay {
            Some(relay) => relay.ready().await,
            None => Ok(()),
        }
    }
}

/// How long one who asks may take to do so.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How many may ask at a time.
const ASKERS: u64 = 64;

/// Serves `/metrics` in OpenMetrics form, `/status` as JSON, `/healthz` and `/readyz` on
/// `listeners`, always plain; where there are none, on none.
///
/// # Errors
/// [`Error::Listen`] where a listener cannot be used; [`Error::Clock`].
pub fn operate<L: Into<Listener>>(
    services: impl Into<Services>,
    listeners: impl IntoIterator<Item = L>,
) -> Result<Operation, Error> {
    let listeners: Vec<_> = listeners.into_iter().map(Into::into).collect();
    if listeners.is_empty() {
        return Ok(Operation(None));
    }
    clock::check()?;
    let services = services.into();
    let reception = Reception {
        routes: move |service: &mut ServiceConfig| {
            service
                .configure(health::routes(services.clone()))
                .route("/metrics", web::get().to(tell_metrics))
                .route("/status", web::get().to(tell_status));
        },
        door: door(),
        tls: None,
        workers: 1,
        handshake: HANDSHAKE,
    };
    let server = reception.open(listeners)?;
    let handle = server.handle();
    actix::spawn(async {
        if let Err(reason) = server.await {
            tracing::error!("the server for operators has ended: {reason}");
        }
    });
    Ok(Operation(Some(handle)))
}

/// Whoever asks is no client: addresses do not count, and the limits are not the operator's.
fn door() -> Door {
    let limits = Limits::default().with(Limit::Connections, ASKERS);
    let bounds =
        Bounds { total: Limit::Connections, spare: 0, patience: Some(Limit::PlainSeconds) };
    let connections = Connections::new(limits, bounds);
    connections.attend();
    Door { connections, rules: LiveRules::default(), guests: None, watch: None }
}

impl Operation {
    /// Ends it.
    pub async fn stop(self) {
        if let Some(server) = self.0 {
            server.stop(false).await;
        }
    }
}

async fn tell_metrics(services: web::Data<Services>) -> Result<impl Responder, actix_web::Error> {
    let mut groups = Vec::new();
    if let Some(mailbox) = &services.mailbox {
        groups.push(("wormhole_mailbox", figures::gather(mailbox).await));
    }
    if let Some(relay) = &services.relay {
        groups.push(("wormhole_relay", relay.figures().await));
    }
    let text = metrics::openmetrics(groups).map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().content_type(metrics::CONTENT_TYPE).body(text))
}

async fn tell_status(services: web::Data<Services>) -> impl Responder {
    let mut status = json!({ "version": env!("CARGO_PKG_VERSION") });
    if let Some(mailbox) = &services.mailbox {
        status["figures"] = figures::json(&figures::gather(mailbox).await);
    }
    if let Some(relay) = &services.relay {
        status["relay"] = figures::json(&relay.figures().await);
    }
    web::Json(status)
}
