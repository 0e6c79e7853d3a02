//! The least that an actix-web-actors session can be: what our own is compared with.

use actix::{Actor, ActorContext, StreamHandler};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws::{self, Message, ProtocolError, WebsocketContext};

struct Echo;

impl Actor for Echo {
    type Context = WebsocketContext<Self>;
}

impl StreamHandler<Result<Message, ProtocolError>> for Echo {
    fn handle(&mut self, item: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        match item {
            Ok(Message::Text(text)) => ctx.text(text),
            Ok(Message::Ping(payload)) => ctx.pong(&payload),
            Ok(Message::Close(reason)) => {
                ctx.close(reason);
                ctx.stop();
            }
            Ok(_) => (),
            Err(_) => ctx.stop(),
        }
    }
}

async fn enter(
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, actix_web::Error> {
    ws::start(Echo, &request, payload)
}

/// Serves on a free port until it is killed.
pub(crate) fn serve() {
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(|| App::new().route("/v1", web::get().to(enter)))
            .workers(2)
            .bind("127.0.0.1:0")
            .expect("a free port");
        println!("listening on ws://{}/v1", server.addrs()[0]);
        server.run().await.expect("a server that runs until it is killed");
    });
}
