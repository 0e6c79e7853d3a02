//! One websocket of the load.

use std::time::Duration;

use actix_codec::Framed;
use actix_http::ws::{Codec, Frame, Message};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A connection to a mailbox server.
pub(crate) struct Line(Framed<TcpStream, Codec>);

impl Line {
    /// Connects and upgrades.
    pub(crate) async fn open(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a server that listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let request = format!(
            "GET /v1 HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d29ybWhvbGUtdGVzdHMtMQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("a server that reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a server that answers"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(Framed::new(stream, Codec::new().client_mode().max_size(1 << 20)))
    }

    pub(crate) async fn say(&mut self, command: String) {
        self.0.send(Message::Text(command.into())).await.expect("an open connection");
    }

    /// Gives the next text frame.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let next = timeout(Duration::from_secs(60), self.0.next());
            match next.await.expect("an answer within a minute") {
                Some(Ok(Frame::Text(text))) => {
                    return serde_json::from_slice(&text).expect("JSON");
                }
                Some(Ok(Frame::Ping(payload))) => {
                    self.0.send(Message::Pong(payload)).await.expect("an open connection");
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// Gives the next frame of a type.
    pub(crate) async fn hear_type(&mut self, wanted: &str) -> Value {
        loop {
            let frame = self.hear().await;
            assert_ne!(frame["type"], "error", "{frame}");
            if frame["type"] == wanted {
                return frame;
            }
        }
    }

    /// Waits for a message of a side.
    pub(crate) async fn hear_side(&mut self, side: &str, phase: &str) {
        loop {
            let message = self.hear_type("message").await;
            if message["side"] == side && message["phase"] == phase {
                return;
            }
        }
    }

    /// Closes and waits for the end.
    pub(crate) async fn close(mut self) {
        self.0.send(Message::Close(None)).await.expect("an open connection");
        while self.0.next().await.is_some_and(|frame| frame.is_ok()) {}
    }
}
