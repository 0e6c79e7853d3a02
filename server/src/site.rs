//! What is at `/`.

use actix_web::{HttpResponse, http::header::ContentType, web};

/// Adds the routes.
pub(crate) fn routes(service: &mut web::ServiceConfig) {
    service.service(web::resource("/").route(web::get().to(greet)).route(web::head().to(greet)));
}

async fn greet() -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::plaintext()).body("Wormhole Relay\n")
}
