//! How the server is: `/healthz` for the process, `/readyz` for its work.

use actix_web::{HttpResponse, http::header::ContentType, web};

use crate::operation::Services;

/// Adds the routes.
pub(crate) fn routes(services: Services) -> impl FnOnce(&mut web::ServiceConfig) + 'static {
    let services = web::Data::new(services);
    move |service| {
        service
            .app_data(services)
            .route("/healthz", web::get().to(|| async { told(HttpResponse::Ok(), "ok") }))
            .route("/readyz", web::get().to(ready));
    }
}

async fn ready(services: web::Data<Services>) -> HttpResponse {
    match services.ready().await {
        Ok(()) => told(HttpResponse::Ok(), "ready"),
        Err(unready) => told(HttpResponse::ServiceUnavailable(), &unready.to_string()),
    }
}

fn told(mut answer: actix_web::HttpResponseBuilder, line: &str) -> HttpResponse {
    answer
        .insert_header(ContentType::plaintext())
        .insert_header(("Cache-Control", "no-store"))
        .body(format!("{line}\n"))
}
