//! One connection on its way to being the peer's: dialled or accepted, then greeted.

use std::{fmt, io, net::SocketAddr, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wormhole_protocol::transit::{
    DirectHint, Endpoint, Established, Greeting, GreetingError, Role, Route, Step, TransitKey,
    Undecided, relay::TransitSide,
};

/// How long a silent connection lives before the system asks whether anybody is there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The way by which a connection stands. A peer made dialled names up: escape them for a terminal.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Via {
    /// We dialled.
    Dialled(Route),
    /// The peer dialled us.
    Accepted(SocketAddr),
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialled(route) => route.fmt(f),
            Self::Accepted(from) => write!(f, "<-{from}"),
        }
    }
}

/// Why one of the ways led nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Greeting(#[from] GreetingError),
}

/// A connection at whose other end the peer is.
pub(super) struct Found {
    pub(super) via: Via,
    pub(super) stream: TcpStream,
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
pub(super) async fn dial(hint: DirectHint, key: &TransitKey, role: Role) -> Result<Found, Failure> {
    let stream = connect(&hint).await?;
    let via = route(hint, false);
    greet(via, stream, Greeting::direct(key, role)).await
}

/// Dials a relay and waits there for the peer.
pub(super) async fn dial_relay(
    hint: DirectHint,
    key: &TransitKey,
    role: Role,
    side: &TransitSide,
) -> Result<Found, Failure> {
    let stream = connect(&hint).await?;
    let via = route(hint, true);
    greet(via, stream, Greeting::relayed(key, role, side)).await
}

/// Greets one who dialled us.
pub(super) async fn accepted(
    stream: TcpStream,
    from: SocketAddr,
    key: &TransitKey,
    role: Role,
) -> Result<Found, Failure> {
    tune(&stream)?;
    greet(Via::Accepted(from), stream, Greeting::direct(key, role)).await
}

fn route(hint: DirectHint, relayed: bool) -> Via {
    Via::Dialled(Route { endpoint: Endpoint::Tcp(hint), relayed, over_tor: false })
}

async fn connect(hint: &DirectHint) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((hint.hostname.as_str(), hint.port.get())).await?;
    tune(&stream)?;
    Ok(stream)
}

fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

async fn greet(
    via: Via,
    mut stream: TcpStream,
    (opening, greeting): (Vec<u8>, Greeting),
) -> Result<Found, Failure> {
    stream.write_all(&opening).await?;
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
                stream.write_all(&bytes).await?;
                next.resume()?
            }
            Step::Decide(undecided) => break Outcome::Undecided(undecided),
            Step::Established(established) => break Outcome::Chosen(established),
        };
    };
    Ok(Found { via, stream, outcome })
}
