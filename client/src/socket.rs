//! The websocket to the mailbox server: frames in, frames out, and nothing else.

mod connector;
mod fragments;
mod limited;
mod trust;

use std::{
    cell::Cell,
    io::ErrorKind,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix::prelude::*;
use actix_http::ws::{self, Frame, ProtocolError};
use awc::{BoxedSocket, error::WsClientError};
use bytes::{Bytes, BytesMut};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use wormhole_protocol::wire::MAX_ANSWER;

pub(crate) use self::trust::Trust;
use self::{connector::reached, fragments::Fragments, limited::Limited};

/// How long connecting may take, name look-up and handshakes included.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// How often the server is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long after its last sign of life the server counts as dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(90);
/// How long the server has for its half of the closing handshake.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Whether a mailbox server is on this computer, as its last connection showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct OnThisComputer(Arc<AtomicBool>);

impl OnThisComputer {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, is_so: bool) {
        self.0.store(is_so, Ordering::Relaxed);
    }
}

/// What a socket has to tell.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) enum News {
    /// The connection stands.
    Up,
    /// A text frame, whole.
    Frame(String),
    /// The server broke the websocket protocol, or ours; the connection is still there.
    Broken(&'static str),
    /// There is no connection, or no longer; nothing comes after this.
    Gone(String),
}

/// Connects, tells what comes in, and sends what goes out, until either side hangs up: ours by
/// dropping the sender of `outgoing`.
pub(crate) async fn run(
    url: String,
    trust: Trust,
    on_this_computer: OnThisComputer,
    outgoing: mpsc::UnboundedReceiver<String>,
    tell: impl Fn(News),
) {
    let connected = timeout(CONNECT_LIMIT, reached(connect(&url, &trust))).await;
    let reason = match connected {
        Ok((Ok(framed), address)) => {
            on_this_computer.set(address.is_some_and(|ip| ip.is_loopback()));
            tell(News::Up);
            converse(framed, outgoing, &tell).await
        }
        Ok((Err(reason), _)) => reason,
        Err(_) => "connecting took too long".to_owned(),
    };
    tell(News::Gone(reason));
}

/// Connects, where `address` says so to that whatever the name stands for, and gives what lies below
/// the websocket, with what was read of it already.
pub(crate) async fn raw(
    url: &str,
    address: Option<SocketAddr>,
    trust: &Trust,
) -> Result<(BoxedSocket, BytesMut), String> {
    let request = connector::client(url, trust)?.ws(url);
    let request = match address {
        Some(address) => request.address(address),
        None => request,
    };
    let (_, framed) = request.connect().await.map_err(|error| reason(&error))?;
    let parts = framed.into_parts();
    Ok((parts.io, parts.read_buf))
}

type Framed = actix_codec::Framed<BoxedSocket, Limited>;

async fn connect(url: &str, trust: &Trust) -> Result<Framed, String> {
    let client = connector::client(url, trust)?;
    let request = client.ws(url).max_frame_size(MAX_ANSWER);
    let (_, framed) = request.connect().await.map_err(|error| reason(&error))?;
    Ok(framed.into_map_codec(|codec| Limited { codec, limit: MAX_ANSWER }))
}

/// awc's errors keep the cause to themselves; people need it.
fn reason(error: &WsClientError) -> String {
    use awc::error::{ConnectError, SendRequestError};
    match error {
        WsClientError::SendRequest(SendRequestError::Connect(ConnectError::Io(cause))) => {
            cause.to_string()
        }
        WsClientError::SendRequest(SendRequestError::Connect(ConnectError::Resolver(cause))) => {
            format!("the name cannot be resolved: {cause}")
        }
        WsClientError::InvalidResponseStatus(status) => {
            format!("expected a websocket, got the HTTP answer {status}")
        }
        other => other.to_string(),
    }
}

/// How a conversation ended.
enum End {
    /// We hang up.
    Ours,
    /// The server does.
    Theirs,
    /// The connection is of no use any more.
    Lost(String),
}

async fn converse(
    framed: Framed,
    outgoing: mpsc::UnboundedReceiver<String>,
    tell: &impl Fn(News),
) -> String {
    let (mut sink, mut stream) = framed.split();
    let (pongs, to_answer) = mpsc::channel(1);
    let heard = Cell::new(Instant::now());
    // Side by side, for a server may not read before we do.
    let end = tokio::select! {
        end = listen(&mut stream, pongs, &heard, tell) => end,
        end = speak(&mut sink, outgoing, to_answer) => end,
        end = silence(&heard) => end,
    };
    let close = sink.send(ws::Message::Close(None));
    match end {
        End::Lost(reason) => reason,
        End::Theirs => {
            let _ = timeout(CLOSE_LIMIT, close).await;
            "the server closed the connection".to_owned()
        }
        End::Ours => {
            let goodbye = async {
                if close.await.is_ok() {
                    while !matches!(stream.next().await, Some(Ok(Frame::Close(_)) | Err(_)) | None)
                    {
                    }
                }
            };
            let _ = timeout(CLOSE_LIMIT, goodbye).await;
            "closed".to_owned()
        }
    }
}

async fn listen(
    stream: &mut SplitStream<Framed>,
    pongs: mpsc::Sender<Bytes>,
    heard: &Cell<Instant>,
    tell: &impl Fn(News),
) -> End {
    let mut fragments = Fragments::default();
    while let Some(frame) = stream.next().await {
        heard.set(Instant::now());
        let news = match frame {
            Ok(Frame::Text(bytes)) => text(&bytes),
            Ok(Frame::Continuation(item)) => match fragments.add(item) {
                Ok(Some(whole)) => text(&whole),
                Ok(None) => continue,
                Err(broken) => News::Broken(broken),
            },
            Ok(Frame::Ping(payload)) => {
                // A pong that waits to be sent answers this ping as well.
                let _ = pongs.try_send(payload);
                continue;
            }
            Ok(Frame::Pong(_)) => continue,
            Ok(Frame::Binary(_)) => News::Broken("it sent a binary frame"),
            Ok(Frame::Close(_)) => return End::Theirs,
            Err(ProtocolError::Io(error)) if error.kind() != ErrorKind::InvalidData => {
                return End::Lost(error.to_string());
            }
            Err(violation) => {
                // A server that does so will do it again: connecting anew is no cure.
                tell(News::Broken("a frame is malformed or too large"));
                return End::Lost(violation.to_string());
            }
        };
        tell(news);
    }
    End::Lost("the server closed the connection".to_owned())
}

async fn speak(
    sink: &mut SplitSink<Framed, ws::Message>,
    mut outgoing: mpsc::UnboundedReceiver<String>,
    mut pongs: mpsc::Receiver<Bytes>,
) -> End {
    let mut pings = interval(PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            frame = outgoing.recv() => match frame {
                Some(frame) => ws::Message::Text(frame.into()),
                None => return End::Ours,
            },
            Some(payload) = pongs.recv() => ws::Message::Pong(payload),
            _ = pings.tick() => ws::Message::Ping(Bytes::new()),
        };
        if let Err(error) = send(sink, message, &mut outgoing).await {
            return End::Lost(error.to_string());
        }
    }
}

/// Sends a message, and in the same packet what waits behind it.
async fn send(
    sink: &mut SplitSink<Framed, ws::Message>,
    message: ws::Message,
    outgoing: &mut mpsc::UnboundedReceiver<String>,
) -> Result<(), ProtocolError> {
    sink.feed(message).await?;
    while let Ok(frame) = outgoing.try_recv() {
        sink.feed(ws::Message::Text(frame.into())).await?;
    }
    sink.flush().await
}

/// Waits until the server has been silent for too long.
async fn silence(heard: &Cell<Instant>) -> End {
    while heard.get().elapsed() < SILENCE_LIMIT {
        sleep_until(heard.get() + SILENCE_LIMIT).await;
    }
    End::Lost("the server does not answer pings".to_owned())
}

fn text(bytes: &[u8]) -> News {
    match std::str::from_utf8(bytes) {
        Ok(text) => News::Frame(text.to_owned()),
        Err(_) => News::Broken("a text frame is not UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use actix_http::ws::Codec;
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    type Server = actix_codec::Framed<DuplexStream, Codec>;

    /// Both ends of a connection that exists in memory alone, where only the clock passes.
    fn connection() -> (Framed, Server) {
        let (ours, theirs) = duplex(1 << 10);
        let limited = Limited { codec: Codec::new().client_mode(), limit: MAX_ANSWER };
        let ours: BoxedSocket = Box::new(ours);
        (Framed::new(ours, limited), Server::new(theirs, Codec::new().max_size(MAX_ANSWER)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_given_up() {
        let (ours, server) = connection();
        let (_frames, outgoing) = mpsc::unbounded_channel();
        let begun = Instant::now();
        let reason = converse(ours, outgoing, &|news| panic!("{news:?}")).await;
        assert_eq!(reason, "the server does not answer pings");
        assert_eq!(begun.elapsed().as_secs(), 90);
        drop(server);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_pings_is_kept() {
        let (ours, mut server) = connection();
        let (_frames, outgoing) = mpsc::unbounded_channel();
        let answering = async {
            for _ in 0..20 {
                let ping = server.next().await;
                assert!(matches!(ping, Some(Ok(Frame::Ping(_)))), "{ping:?}");
                server.send(ws::Message::Pong(Bytes::new())).await.expect("a connection");
            }
            server.send(ws::Message::Close(None)).await.expect("a connection");
            assert!(matches!(server.next().await, Some(Ok(Frame::Close(_)))));
        };
        let talking = converse(ours, outgoing, &|news| panic!("{news:?}"));
        let (reason, ()) = tokio::join!(talking, answering);
        assert_eq!(reason, "the server closed the connection");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_only_reads_after_it_has_spoken_is_heard() {
        let (ours, mut server) = connection();
        let (frames, outgoing) = mpsc::unbounded_channel();
        let large = "x".repeat(1 << 16);
        frames.send(large.clone()).expect("a conversation");
        drop(frames);
        let heard = RefCell::new(Vec::new());
        let speaking = async {
            for _ in 0..2 {
                server.send(ws::Message::Text(large.clone().into())).await.expect("a connection");
            }
            while !matches!(server.next().await, Some(Ok(Frame::Text(text))) if text == large) {}
        };
        let tell = |news| heard.borrow_mut().push(news);
        let talking = converse(ours, outgoing, &tell);
        tokio::join!(talking, speaking);
        assert_eq!(heard.into_inner(), [News::Frame(large.clone()), News::Frame(large.clone())]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_say_goodbye_is_not_waited_for() {
        let (ours, server) = connection();
        let (frames, outgoing) = mpsc::unbounded_channel();
        drop(frames);
        let begun = Instant::now();
        assert_eq!(converse(ours, outgoing, &|news| panic!("{news:?}")).await, "closed");
        assert_eq!(begun.elapsed(), CLOSE_LIMIT);
        drop(server);
    }
}
