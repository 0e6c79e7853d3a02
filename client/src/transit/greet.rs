//! One connection on its way to being the peer's: dialled or accepted, then greeted.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_util::either::Either;
use wormhole_protocol::transit::{
    DirectHint, Endpoint, Established, Greeting, GreetingError, Role, Step, TransitKey, Undecided,
    relay::TransitSide,
};

use super::{
    dial,
    stream::{Stream, tune},
};
use crate::socket::Trust;

/// How long a connection has from its first byte to the end of its greeting.
const GREETING_LIMIT: Duration = Duration::from_secs(60);

/// Why one of the ways led nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{}", words(.0))]
    Io(#[from] io::Error),
    #[error(transparent)]
    Greeting(#[from] GreetingError),
    #[error("no answer within {} seconds", GREETING_LIMIT.as_secs())]
    Unanswered,
    #[error("the peer did not show up there within {} seconds", GREETING_LIMIT.as_secs())]
    Silent,
    #[error("too many others dialled us")]
    Ousted,
}

/// A connection at whose other end the peer is.
pub(super) struct Found {
    pub(super) stream: Stream,
    pub(super) outcome: Outcome,
}

/// How far the greeting has come.
pub(super) enum Outcome {
    /// We are the sender, and it is for us to choose a connection.
    Undecided(Undecided),
    /// We are the receiver, and the sender chose this one.
    Chosen(Established),
}

/// Dials a direct hint of the peer's.
pub(super) async fn dial(
    hint: DirectHint,
    key: &TransitKey,
    role: Role,
    silence: Duration,
) -> Result<Found, Failure> {
    met(dial::tcp(&hint, silence), Greeting::direct(key, role)).await
}

/// Dials a relay and waits there for the peer.
pub(super) async fn dial_relay(
    endpoint: Endpoint,
    key: &TransitKey,
    role: Role,
    side: &TransitSide,
    (trust, silence): (&Trust, Duration),
) -> Result<Found, Failure> {
    let dialled = async {
        match &endpoint {
            Endpoint::Tcp(hint) => dial::tcp(hint, silence).await,
            Endpoint::WebSocket(url) => dial::websocket(url, trust, silence).await,
            Endpoint::Tor(_) => Err(io::Error::other("it can be reached through Tor only")),
        }
    };
    met(dialled, Greeting::relayed(key, role, side)).await
}

/// Greets one who dialled us.
pub(super) async fn accepted(
    stream: TcpStream,
    key: &TransitKey,
    role: Role,
    silence: Duration,
) -> Result<Found, Failure> {
    let accepted = async { tune(&stream, silence).map(|()| Either::Left(stream)) };
    met(accepted, Greeting::direct(key, role)).await
}

/// Greets once a connection stands, within the time that there is for both.
async fn met(
    connected: impl Future<Output = io::Result<Stream>>,
    greeting: (Vec<u8>, Greeting),
) -> Result<Found, Failure> {
    let end = Instant::now() + GREETING_LIMIT;
    let stream = timeout_at(end, connected).await.map_err(|_| Failure::Unanswered)??;
    timeout_at(end, greet(stream, greeting)).await.map_err(|_| Failure::Silent)?
}

/// Says it without the numbers of the system.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => "the other end hung up at once".to_owned(),
        _ => error.to_string(),
    }
}

async fn greet(
    mut stream: Stream,
    (opening, greeting): (Vec<u8>, Greeting),
) -> Result<Found, Failure> {
    say(&mut stream, &opening).await?;
    let mut step = Step::More(greeting);
    let outcome = loop {
        step = match step {
            Step::More(greeting) => {
                let mut bytes = [0; 1024];
                let read = stream.read(&mut bytes).await?;
                if read == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                greeting.feed(&bytes[..read])?
            }
            Step::Write { bytes, next } => {
                say(&mut stream, &bytes).await?;
                next.resume()?
            }
            Step::Decide(undecided) => break Outcome::Undecided(undecided),
            Step::Established(established) => break Outcome::Chosen(established),
        };
    };
    Ok(Found { stream, outcome })
}

/// Writes, and waits until it is on its way.
pub(super) async fn say(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}
