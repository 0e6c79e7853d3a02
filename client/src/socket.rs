//! The websocket to the mailbox server: frames in, frames out, and nothing else.

mod limited;

use std::{io::ErrorKind, time::Duration};

use actix::prelude::*;
use actix_http::ws::{self, Frame, Item, ProtocolError};
use awc::{BoxedSocket, Client, Connector, error::WsClientError};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use wormhole_protocol::wire::MAX_ANSWER;

use self::limited::Limited;

/// How long connecting may take, name look-up and handshakes included.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// How often the server is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long after its last sign of life the server counts as dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(90);
/// How long the server has for its half of the closing handshake.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

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
    outgoing: mpsc::UnboundedReceiver<String>,
    tell: impl Fn(News),
) {
    let connected = timeout(CONNECT_LIMIT, connect(&url)).await;
    let reason = match connected {
        Ok(Ok(framed)) => {
            tell(News::Up);
            converse(framed, outgoing, &tell).await
        }
        Ok(Err(reason)) => reason,
        Err(_) => "connecting took too long".to_owned(),
    };
    tell(News::Gone(reason));
}

type Framed = actix_codec::Framed<BoxedSocket, Limited>;

async fn connect(url: &str) -> Result<Framed, String> {
    // Fails only where the program has chosen a provider before us, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().connector(Connector::new().limit(0)).finish();
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

async fn converse(
    framed: Framed,
    mut outgoing: mpsc::UnboundedReceiver<String>,
    tell: &impl Fn(News),
) -> String {
    let (mut sink, mut stream) = framed.split();
    let mut pings = interval(PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let mut fragments = Fragments::default();
    loop {
        tokio::select! {
            frame = outgoing.recv() => {
                let Some(frame) = frame else { break };
                if let Err(error) = sink.send(ws::Message::Text(frame.into())).await {
                    return error.to_string();
                }
            }
            frame = stream.next() => {
                heard = Instant::now();
                let news = match frame {
                    Some(Ok(Frame::Text(bytes))) => text(&bytes),
                    Some(Ok(Frame::Continuation(item))) => match fragments.add(item) {
                        Ok(Some(whole)) => text(&whole),
                        Ok(None) => continue,
                        Err(broken) => News::Broken(broken),
                    },
                    Some(Ok(Frame::Ping(payload))) => {
                        if let Err(error) = sink.send(ws::Message::Pong(payload)).await {
                            return error.to_string();
                        }
                        continue;
                    }
                    Some(Ok(Frame::Pong(_))) => continue,
                    Some(Ok(Frame::Binary(_))) => News::Broken("it sent a binary frame"),
                    Some(Ok(Frame::Close(_))) => {
                        let _ = timeout(CLOSE_LIMIT, sink.send(ws::Message::Close(None))).await;
                        return "the server closed the connection".to_owned();
                    }
                    Some(Err(ProtocolError::Io(error))) if error.kind() != ErrorKind::InvalidData => {
                        return error.to_string();
                    }
                    Some(Err(violation)) => {
                        // A server that does so will do it again: connecting anew is no cure.
                        tell(News::Broken("a frame is malformed or too large"));
                        return violation.to_string();
                    }
                    None => return "the server closed the connection".to_owned(),
                };
                tell(news);
            }
            _ = pings.tick() => {
                if heard.elapsed() > SILENCE_LIMIT {
                    return "the server does not answer pings".to_owned();
                }
                if let Err(error) = sink.send(ws::Message::Ping(Bytes::new())).await {
                    return error.to_string();
                }
            }
        }
    }
    let goodbye = async {
        if sink.send(ws::Message::Close(None)).await.is_ok() {
            while let Some(Ok(frame)) = stream.next().await {
                if let Frame::Close(_) = frame {
                    break;
                }
            }
        }
    };
    let _ = timeout(CLOSE_LIMIT, goodbye).await;
    "closed".to_owned()
}

fn text(bytes: &[u8]) -> News {
    match std::str::from_utf8(bytes) {
        Ok(text) => News::Frame(text.to_owned()),
        Err(_) => News::Broken("a text frame is not UTF-8"),
    }
}

/// Puts a message together which the server sent in pieces.
#[derive(Default)]
struct Fragments {
    begun: Option<BytesMut>,
}

impl Fragments {
    fn add(&mut self, item: Item) -> Result<Option<Bytes>, &'static str> {
        let (piece, last) = match item {
            Item::FirstText(piece) => {
                self.begun = Some(BytesMut::new());
                (piece, false)
            }
            Item::FirstBinary(_) => return Err("it sent a binary frame"),
            Item::Continue(piece) => (piece, false),
            Item::Last(piece) => (piece, true),
        };
        let begun = self.begun.as_mut().ok_or("a fragment continues nothing")?;
        if begun.len() + piece.len() > MAX_ANSWER {
            return Err("a message is too large");
        }
        begun.extend_from_slice(&piece);
        Ok(if last { self.begun.take().map(BytesMut::freeze) } else { None })
    }
}
