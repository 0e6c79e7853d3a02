//! What operators ask a running server, on sockets that its clients do not reach.

use actix_web::{
    HttpResponse, Responder,
    dev::{Extensions, ServerHandle},
    error::ErrorInternalServerError,
    web::{self, ServiceConfig},
};
use serde_json::json;

use crate::{
    Error, figures, health,
    mailbox::Mailbox,
    metrics,
    serve::{Listener, Reception},
};

/// A server for operators, as long as it is kept.
#[derive(Debug)]
pub struct Operation(Option<ServerHandle>);

/// How many may ask at a time.
const ASKERS: usize = 64;

/// Serves `/metrics` in OpenMetrics form, `/status` as JSON, `/healthz` and `/readyz` on
/// `listeners`, always plain; where there are none, on none.
///
/// # Errors
/// [`Error::Listen`] where a listener cannot be used.
pub fn operate<L: Into<Listener>>(
    mailbox: &Mailbox,
    listeners: impl IntoIterator<Item = L>,
) -> Result<Operation, Error> {
    let listeners: Vec<_> = listeners.into_iter().map(Into::into).collect();
    if listeners.is_empty() {
        return Ok(Operation(None));
    }
    let (mailbox, handshake) = (mailbox.clone(), mailbox.front.config.handshake);
    let reception = Reception {
        routes: move |service: &mut ServiceConfig| {
            service
                .configure(health::routes(&mailbox))
                .route("/metrics", web::get().to(tell_metrics))
                .route("/status", web::get().to(tell_status));
        },
        hook: |_: &dyn std::any::Any, _: &mut Extensions| (),
        tls: None,
        workers: 1,
        handshake,
        most: ASKERS,
    };
    let server = reception.open(listeners)?;
    let handle = server.handle();
    actix::spawn(server);
    Ok(Operation(Some(handle)))
}

impl Operation {
    /// Ends it.
    pub async fn stop(self) {
        if let Some(server) = self.0 {
            server.stop(false).await;
        }
    }
}

async fn tell_metrics(mailbox: web::Data<Mailbox>) -> Result<impl Responder, actix_web::Error> {
    let text = metrics::openmetrics(figures::gather(&mailbox).await);
    let text = text.map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().content_type(metrics::CONTENT_TYPE).body(text))
}

async fn tell_status(mailbox: web::Data<Mailbox>) -> impl Responder {
    let figures = figures::json(&figures::gather(&mailbox).await);
    web::Json(json!({ "version": env!("CARGO_PKG_VERSION"), "figures": figures }))
}
