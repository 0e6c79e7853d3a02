//! A web app that hosts its own mailbox server, and inside it a wormhole that greets whoever comes.
//!
//! ```text
//! cargo run -p wormhole-client --example embedded_server -- --port 8080
//! ```
//!
//! The page at <http://127.0.0.1:8080/> shows a line to run in a terminal: any client of file
//! transfer will do. Ctrl-C stops the wormhole, the mailboxes and the app, in this order.

use std::{error::Error, net::TcpListener, process::ExitCode, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer,
    http::header::{CONTENT_SECURITY_POLICY, ContentType},
    web,
};
use clap::Parser;
use tokio::{signal, sync::watch};
use wormhole_client::{
    DEFAULT_WORDS,
    Error::{Peer, Timeout, WrongPassword},
    Wormhole,
    transfer::{APPID, TransferError, escape, send_text},
};
use wormhole_server::{
    Config,
    mailbox::{self, Mailbox},
};

/// How long a code is good for: a visitor who falls silent keeps the others waiting no longer.
const VISIT: Duration = Duration::from_secs(600);

#[derive(Parser)]
struct Args {
    /// Where to listen on this machine; 0 picks a free port
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

fn main() -> ExitCode {
    let Err(error) = serve(Args::parse()) else { return ExitCode::SUCCESS };
    eprintln!("{}", escape(&error.to_string()));
    ExitCode::FAILURE
}

#[actix::main]
async fn serve(Args { port }: Args) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let address = listener.local_addr()?;
    let mailbox = Mailbox::start(Config::default())?;
    let (line, shown) = watch::channel(String::new());

    let (service, hook) = (mailbox.clone(), mailbox::on_connect(&mailbox));
    let app = move || {
        App::new()
            .app_data(web::Data::new(shown.clone()))
            .route("/", web::get().to(page))
            .service(web::scope("/wormhole").configure(mailbox::configure(&service)))
    };
    let app = HttpServer::new(app).on_connect(hook).disable_signals().listen(listener)?.run();
    let handle = app.handle();
    println!("listening on http://{address}/");

    let url = format!("ws://{address}/wormhole/v1");
    let greeting = async move {
        let greeted = greet(&url, &line).await;
        // Browsers that wait for a line get none any more.
        drop(line);
        mailbox.stop().await;
        handle.stop(true).await;
        greeted
    };
    tokio::try_join!(async { Ok(app.await?) }, greeting)?;
    Ok(())
}

/// Greets one visitor after the other, until somebody presses Ctrl-C.
async fn greet(url: &str, line: &watch::Sender<String>) -> Result<(), Box<dyn Error>> {
    let interrupt = signal::ctrl_c();
    tokio::pin!(interrupt);
    for number in 1_u64.. {
        let wormhole = Wormhole::builder(APPID, url).timeout(VISIT).open();
        let interrupted = tokio::select! {
            visited = visit(&wormhole, url, number, line) => {
                if let Err(error) = visited {
                    eprintln!("visitor {number}: {}", escape(&error.to_string()));
                }
                None
            }
            interrupted = &mut interrupt => Some(interrupted),
        };
        let closed = wormhole.close().await;
        if let Some(interrupted) = interrupted {
            return Ok(interrupted?);
        }
        match closed {
            // Whatever a visitor does costs a code and no more.
            Ok(()) | Err(WrongPassword | Peer(_) | Timeout) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn visit(
    wormhole: &Wormhole,
    url: &str,
    number: u64,
    line: &watch::Sender<String>,
) -> Result<(), TransferError> {
    wormhole.allocate_code(DEFAULT_WORDS)?;
    let code = wormhole.code().await?;
    line.send_replace(format!("wormhole --relay-url {url} receive {}", code.as_str()));
    let verified = wormhole.verifier().await;
    // A code is good for one visitor.
    line.send_replace(String::new());
    verified?;
    send_text(wormhole, &format!("hello, you are visitor {number}")).await
}

/// Shows the line for the next visitor, as soon as there is one.
async fn page(line: web::Data<watch::Receiver<String>>) -> HttpResponse {
    let mut line = watch::Receiver::clone(&line);
    let Ok(line) = line.wait_for(|line| !line.is_empty()).await else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    HttpResponse::Ok()
        .insert_header(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'"))
        .body(format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>A greeting</title>\n\
             <p>To be greeted, run this in a terminal:\n<pre>{}</pre>\n",
            *line,
        ))
}
