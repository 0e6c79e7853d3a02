//! One connection on its way to being the peer's: dialled or accepted, then greeted.

use std::{cell::Cell, fmt, io, time::Duration};

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
    dial::{self, DialError, NamedBy},
    policy::Forbidden,
    stream::{Stream, tune},
};
use crate::socket::Trust;

/// Why one of the ways led nowhere.
#[derive(thiserror::Error)]
pub(super) enum Failure {
    #[error("{}", words(.0))]
    Io(#[from] io::Error),
    #[error(transparent)]
    Greeting(#[from] GreetingError),
    #[error("no answer within {:.0} seconds", .0.as_secs_f64())]
    Unanswered(Duration),
    #[error("the peer did not show up there within {:.0} seconds", .0.as_secs_f64())]
    Silent(Duration),
    #[error("too many others dialled us")]
    Ousted,
    #[error("{}", GreetingError::Stranger)]
    Stranger(Box<Stream>),
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

/// As for people: a connection has no other form.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<DialError> for Failure {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Io(error) => error.into(),
            DialError::Forbidden(reason) => reason.into(),
        }
    }
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

/// What all connections of a race have in common.
#[derive(Clone)]
pub(super) struct Terms<'a> {
    pub(super) key: &'a TransitKey,
    pub(super) role: Role,
    pub(super) trust: Trust,
    pub(super) silence: Duration,
    /// When each has to be greeted.
    pub(super) end: Instant,
}

impl Terms<'_> {
    /// Dials a direct hint of the peer's.
    pub(super) async fn dial(
        &self,
        hint: DirectHint,
        named_by: NamedBy<'_>,
    ) -> Result<Found, Failure> {
        let dialled = dial::tcp(&hint, named_by, self.silence);
        self.met(dialled, Greeting::direct(self.key, self.role)).await
    }

    /// Dials a relay and waits there for the peer.
    pub(super) async fn dial_relay(
        &self,
        endpoint: Endpoint,
        named_by: NamedBy<'_>,
        side: &TransitSide,
    ) -> Result<Found, Failure> {
        let dialled = async {
            match &endpoint {
                Endpoint::Tcp(hint) => dial::tcp(hint, named_by, self.silence).await,
                Endpoint::WebSocket(url) => {
                    dial::websocket(url, named_by, &self.trust, self.silence).await
                }
                Endpoint::Tor(_) => Err(io::Error::other("it can be reached through Tor only"))?,
            }
        };
        self.met(dialled, Greeting::relayed(self.key, self.role, side)).await
    }

    /// Greets one who dialled us, and tells at once when it has proved to be the peer.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        proved: &Cell<bool>,
    ) -> Result<Found, Failure> {
        tune(&stream, self.silence)?;
        let (begun, greeting) = (Instant::now(), Greeting::direct(self.key, self.role));
        let greeted = timeout_at(self.end, greet(Either::Left(stream), greeting, proved)).await;
        greeted.map_err(|_| Failure::Silent(self.end - begun))?
    }

    /// Greets once a connection stands, within the time that there is for both.
    async fn met(
        &self,
        connected: impl Future<Output = Result<Stream, DialError>>,
        greeting: (Vec<u8>, Greeting),
    ) -> Result<Found, Failure> {
        let taken = self.end.saturating_duration_since(Instant::now());
        let stream = timeout_at(self.end, connected);
        let stream = stream.await.map_err(|_| Failure::Unanswered(taken))??;
        let greeted = timeout_at(self.end, greet(stream, greeting, &Cell::default())).await;
        greeted.map_err(|_| Failure::Silent(taken))?
    }
}

/// Says it without the numbers of the system.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            "no way leads there".to_owned()
        }
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => "the other end hung up at once".to_owned(),
        _ => error.to_string(),
    }
}

async fn greet(
    mut stream: Stream,
    (opening, greeting): (Vec<u8>, Greeting),
    proved: &Cell<bool>,
) -> Result<Found, Failure> {
    say(&mut stream, &opening).await?;
    let mut step = Step::More(greeting);
    let outcome = loop {
        step = match step {
            Step::More(greeting) => {
                proved.set(greeting.is_proved());
                let mut bytes = [0; 1024];
                let read = stream.read(&mut bytes).await?;
                if read == 0 {
                    let hung_up = || io::Error::from(io::ErrorKind::UnexpectedEof).into();
                    return Err(greeting.hung_up().map_or_else(hung_up, Failure::Greeting));
                }
                match greeting.feed(&bytes[..read]) {
                    Err(GreetingError::Stranger) => {
                        return Err(Failure::Stranger(Box::new(stream)));
                    }
                    step => step?,
                }
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
