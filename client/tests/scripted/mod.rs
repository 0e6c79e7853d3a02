//! A mailbox server that does what a test tells it, frame by frame, and what else tests of a whole
//! wormhole share.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod honest;
pub(crate) mod peer;
pub(crate) mod session;

use std::{fmt::Write, future::Future, time::Duration};

use actix_codec::Framed;
use actix_http::ws::{self, Codec, Frame, hash_key};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// The application of all tests.
pub(crate) const APPID: &str = "appid";

/// Far longer than any test takes, the reconnections in it included: only a hang meets it.
const HANG: Duration = Duration::from_secs(60);

/// Runs `test`, and fails where it hangs.
pub(crate) async fn guarded<T>(test: impl Future<Output = T>) -> T {
    timeout(HANG, test).await.expect("a test hangs")
}

/// Listens on a port of this machine.
pub(crate) struct Server(TcpListener);

impl Server {
    pub(crate) async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/v1", self.0.local_addr().unwrap())
    }

    /// Accepts a connection and reads the request's head, which nobody has answered yet.
    pub(crate) async fn accept_request(&self) -> (TcpStream, String) {
        let (mut tcp, _) = self.0.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tcp.read_u8().await.unwrap());
        }
        (tcp, String::from_utf8(head).unwrap())
    }

    /// Accepts a connection and makes it a websocket.
    pub(crate) async fn accept(&self) -> Line {
        let (tcp, head) = self.accept_request().await;
        Line::upgrade(tcp, &head).await
    }
}

/// The server's end of one websocket.
pub(crate) struct Line(Framed<TcpStream, Codec>);

impl Line {
    /// Answers the request for a websocket.
    pub(crate) async fn upgrade(mut tcp: TcpStream, head: &str) -> Self {
        let key = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("sec-websocket-key").then_some(value)
        });
        let accepted = hash_key(key.unwrap().as_bytes());
        let mut answer = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
        answer += "Upgrade: websocket\r\nConnection: Upgrade\r\n";
        write!(answer, "Sec-WebSocket-Accept: {}\r\n\r\n", str::from_utf8(&accepted).unwrap())
            .unwrap();
        tcp.write_all(answer.as_bytes()).await.unwrap();
        Self(Framed::new(tcp, Codec::new().max_size(16 << 20)))
    }

    /// Sends any websocket message; a client that has gone is no concern here.
    pub(crate) async fn message(&mut self, message: ws::Message) {
        let _ = self.0.send(message).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.message(ws::Message::Text(text.into())).await;
    }

    pub(crate) async fn send(&mut self, frame: &Value) {
        self.text(&frame.to_string()).await;
    }

    /// Sends bytes below the websocket.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.0.io_mut().write_all(bytes).await.unwrap();
    }

    pub(crate) async fn welcome(&mut self) {
        self.welcome_with(json!({"motd": "m"})).await;
    }

    pub(crate) async fn welcome_with(&mut self, welcome: Value) {
        self.send(&json!({"type": "welcome", "welcome": welcome})).await;
    }

    /// Waits for the client's next frame and gives it without its `id`; `None` at the end of the
    /// connection, with or without a goodbye.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await?.ok()? {
                Frame::Text(text) => return Some(without_id(&text)),
                Frame::Ping(payload) => self.message(ws::Message::Pong(payload)).await,
                Frame::Pong(_) => {}
                Frame::Close(_) => {
                    self.message(ws::Message::Close(None)).await;
                    return None;
                }
                odd => panic!("the client sent {odd:?}"),
            }
        }
    }

    /// Waits for a ping: from then on the client reads.
    pub(crate) async fn pinged(&mut self) {
        let frame = self.0.next().await.unwrap().unwrap();
        assert!(matches!(frame, Frame::Ping(_)), "{frame:?}");
    }

    pub(crate) async fn expect(&mut self, frame: Value) {
        assert_eq!(self.next().await, Some(frame));
    }

    /// Waits for `bind` and gives the client's side.
    pub(crate) async fn bound(&mut self) -> String {
        let frame = self.next().await.unwrap();
        let side = frame["side"].as_str().unwrap().to_owned();
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            frame,
            json!({"type": "bind", "appid": APPID, "side": side,
                   "client_version": ["wormhole-client", version]}),
        );
        side
    }

    /// Loses the connection without a goodbye.
    pub(crate) async fn lose(&mut self) {
        self.0.io_mut().shutdown().await.unwrap();
    }

    /// Expects the client to say nothing more and hang up.
    pub(crate) async fn ended(&mut self) {
        assert_eq!(self.next().await, None);
    }
}

fn without_id(text: &[u8]) -> Value {
    let mut frame: Value = serde_json::from_slice(text).unwrap();
    let id = frame.as_object_mut().unwrap().remove("id").unwrap();
    assert!(id.as_str().is_some_and(|id| id.len() == 4), "{id}");
    frame
}
