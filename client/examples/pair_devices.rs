//! A web app that pairs a browser's session with a second device, by a code.
//!
//! ```text
//! cargo run -p wormhole-client --example pair_devices -- serve --port 8080
//! cargo run -p wormhole-client --example pair_devices -- join 7-crossover-clockwork --name Telephone
//! ```
//!
//! The page at <http://127.0.0.1:8080/> shows a code, then each step, live: the actor of its
//! websocket is the wormhole's delegate. The device gets a session token once the person at the
//! browser has seen the same emoji on both. `WORMHOLE_RELAY_URL` names another mailbox server than
//! the public one.

use std::{env, error::Error, io, net::TcpListener, process::ExitCode, sync::Arc, time::Duration};

use actix::prelude::*;
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::header::{CONTENT_SECURITY_POLICY, ContentType, HOST, ORIGIN},
    web,
};
use actix_web_actors::ws;
use clap::Parser;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wormhole_client::{
    Connection, DEFAULT_WORDS, Delegated, Event, PUBLIC_SERVER, Status, Wormhole, transfer::escape,
};

const APPID: &str = "example.org/pair-devices";

/// How long a pairing may take, on both sides.
const PATIENCE: Duration = Duration::from_secs(600);

/// The longest name of a device that is shown, in characters.
const LONGEST_NAME: usize = 64;

#[derive(Parser)]
enum Args {
    /// Serve the page
    Serve {
        /// Where to listen on this machine; 0 picks a free port
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// How many may pair at the same time: each holds a nameplate of the mailbox server
        #[arg(long, default_value_t = 16)]
        pairings: usize,
    },
    /// Be the second device
    Join {
        /// The code that the page shows
        code: String,
        /// What the page calls this device
        #[arg(long, default_value = "Terminal")]
        name: String,
    },
}

/// What a device says of itself, in its version message.
#[derive(Serialize)]
struct Device {
    device: String,
}

/// What the app sends to the device; whatever comes back confirms it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Token(String),
    Refused,
}

/// The websocket to a browser.
type Page = ws::WebsocketContext<Pairing>;

/// What the page is told.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum News<'a> {
    Status { connection: &'static str, code: String, key: String },
    Code { code: &'a str },
    Verifier { emoji: [char; 16], words: String },
    Device { name: String },
    Paired,
    Ended { reason: String },
}

fn main() -> ExitCode {
    let Err(error) = run(Args::parse()) else { return ExitCode::SUCCESS };
    eprintln!("{}", escape(&error.to_string()));
    ExitCode::FAILURE
}

#[actix::main]
async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let server = env::var("WORMHOLE_RELAY_URL").unwrap_or_else(|_| PUBLIC_SERVER.to_owned());
    match args {
        Args::Serve { port, pairings } => serve(server, port, pairings).await,
        Args::Join { code, name } => join(server, &code, name).await,
    }
}

/// The second device.
async fn join(server: String, code: &str, device: String) -> Result<(), Box<dyn Error>> {
    let builder = Wormhole::builder(APPID, server).versions(Device { device })?;
    let builder = builder.timeout(PATIENCE);
    let token = builder.run(async |wormhole| ask(wormhole, code).await).await?;
    println!("session token: {}", escape(&token));
    Ok(())
}

async fn ask(wormhole: &Wormhole, code: &str) -> Result<String, Box<dyn Error>> {
    wormhole.set_code(code)?;
    let verifier = wormhole.verifier().await?;
    println!("emoji: {}", verifier.emoji().map(String::from).join(" "));
    println!("words: {}", verifier.words());
    match serde_json::from_slice(&wormhole.message().await?)? {
        Answer::Token(token) => {
            wormhole.send_message("thanks");
            Ok(token)
        }
        Answer::Refused => Err("the browser refused".into()),
    }
}

struct Pairings {
    server: String,
    places: Arc<Semaphore>,
}

async fn serve(server: String, port: u16, pairings: usize) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening on http://{}/", listener.local_addr()?);
    let places = Arc::new(Semaphore::new(pairings));
    let pairings = web::Data::new(Pairings { server, places });
    let app = move || {
        let app = App::new().app_data(pairings.clone());
        app.route("/", web::get().to(index)).route("/pair", web::get().to(pair))
    };
    Ok(HttpServer::new(app).listen(listener)?.run().await?)
}

/// Nothing but the page's own script and style, which carry this answer's nonce, and its websocket.
async fn index() -> io::Result<HttpResponse> {
    let nonce = random_hex()?;
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    Ok(HttpResponse::Ok()
        .insert_header(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .body(include_str!("pair_devices/page.html").replace("{nonce}", &nonce)))
}

async fn pair(
    request: HttpRequest,
    payload: web::Payload,
    pairings: web::Data<Pairings>,
) -> Result<HttpResponse, actix_web::Error> {
    if !is_our_page(&request) {
        return Ok(HttpResponse::Forbidden().finish());
    }
    let Ok(place) = Arc::clone(&pairings.places).try_acquire_owned() else {
        return Ok(HttpResponse::ServiceUnavailable().finish());
    };
    let mut answer = ws::handshake(&request)?;
    let builder = Wormhole::builder(APPID, &pairings.server).timeout(PATIENCE);
    let frames = Page::with_factory(payload, |page| {
        let wormhole = builder.delegate(page.address().recipient());
        Pairing { wormhole, step: Step::Alone, _place: place }
    });
    Ok(answer.streaming(frames))
}

/// Browsers let every page open a websocket to every server, and tell which page it is.
fn is_our_page(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name)?.to_str().ok();
    let origin = header(ORIGIN).and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, host)| Some(host) == header(HOST))
}

fn random_hex() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(HEXLOWER.encode(&bytes))
}

/// One browser that pairs: its websocket, and the delegate of its wormhole. When the tab is closed
/// the actor stops, its handle is dropped, and so the wormhole closes.
struct Pairing {
    wormhole: Delegated,
    step: Step,
    _place: OwnedSemaphorePermit,
}

/// How far a pairing is.
#[derive(PartialEq, Eq)]
enum Step {
    /// No device has come.
    Alone,
    /// The person compares what both sides show.
    Comparing,
    /// The device was sent its token.
    Answered,
    /// The device has its token.
    Paired,
}

impl Pairing {
    fn answer(&mut self, answer: &Answer) {
        self.step = Step::Answered;
        self.wormhole.send_message(json!(answer).to_string());
    }
}

impl Actor for Pairing {
    type Context = Page;

    fn started(&mut self, page: &mut Page) {
        if let Err(error) = self.wormhole.allocate_code(DEFAULT_WORDS) {
            end(page, &error);
        }
    }

    fn stopping(&mut self, _: &mut Page) -> Running {
        // Where no device has come, nobody hears it.
        if matches!(self.step, Step::Alone | Step::Comparing) {
            self.answer(&Answer::Refused);
        }
        Running::Stop
    }
}

impl Handler<Event> for Pairing {
    type Result = ();

    fn handle(&mut self, event: Event, page: &mut Page) {
        match event {
            Event::Status(status) => tell(page, &News::from(&status)),
            Event::Code(code) => tell(page, &News::Code { code: code.as_str() }),
            Event::Verifier(verifier) => {
                let (emoji, words) = (verifier.emoji(), verifier.words());
                tell(page, &News::Verifier { emoji, words });
            }
            Event::Versions(device) => {
                self.step = Step::Comparing;
                let name = device.get("device").and_then(Value::as_str).unwrap_or("A device");
                let name: String = name.chars().take(LONGEST_NAME).collect();
                tell(page, &News::Device { name: escape(&name) });
            }
            Event::Message(_) if self.step == Step::Answered => {
                self.step = Step::Paired;
                tell(page, &News::Paired);
                self.wormhole.close();
            }
            Event::Closed(Err(error)) if self.step != Step::Paired => end(page, &error),
            Event::Closed(_) => page.close(None),
            _ => {}
        }
    }
}

/// What the page says: that the person sees the same on both sides. To refuse, it hangs up.
impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Pairing {
    fn handle(&mut self, said: Result<ws::Message, ws::ProtocolError>, page: &mut Page) {
        match said {
            Ok(ws::Message::Text(text)) if text == "same" && self.step == Step::Comparing => {
                match random_hex() {
                    // A real app remembers the token, and what it is good for.
                    Ok(token) => self.answer(&Answer::Token(token)),
                    Err(error) => end(page, &error),
                }
            }
            Ok(ws::Message::Ping(payload)) => page.pong(&payload),
            Ok(ws::Message::Close(_)) | Err(_) => page.stop(),
            Ok(_) => {}
        }
    }
}

fn tell(page: &mut Page, news: &News<'_>) {
    page.text(json!(news).to_string());
}

fn end(page: &mut Page, error: &dyn Error) {
    tell(page, &News::Ended { reason: error.to_string() });
    page.close(None);
    page.stop();
}

impl From<&Status> for News<'_> {
    fn from(status: &Status) -> Self {
        let connection = match status.connection {
            Connection::Disconnected => "disconnected",
            Connection::Connecting { .. } => "connecting",
            Connection::Connected { .. } => "connected",
            _ => "closed",
        };
        Self::Status { connection, code: status.code.to_string(), key: status.key.to_string() }
    }
}
