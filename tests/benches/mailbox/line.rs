//! One websocket of the load.

use std::time::Duration;

use actix_codec::{Framed, FramedParts};
use actix_http::ws::{Codec, Frame, Message};
use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// What a load has to know of a frame.
#[derive(Deserialize)]
struct Heard<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    nameplate: Option<&'a str>,
    mailbox: Option<&'a str>,
    side: Option<&'a str>,
    phase: Option<&'a str>,
}

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
        let mut read = BytesMut::new();
        let head = loop {
            assert_ne!(stream.read_buf(&mut read).await.expect("a server that answers"), 0);
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break read.split_to(end + 4);
            }
        };
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        let codec = Codec::new().client_mode().max_size(1 << 20);
        Self(Framed::from_parts(FramedParts::with_read_buf(stream, codec, read)))
    }

    pub(crate) async fn say(&mut self, command: String) {
        self.0.send(Message::Text(command.into())).await.expect("an open connection");
    }

    /// Waits for a text frame, and gives what `look` finds in it.
    async fn hear<T>(&mut self, look: impl Fn(Heard<'_>) -> Option<T>) -> T {
        loop {
            let next = timeout(Duration::from_secs(60), self.0.next());
            match next.await.expect("an answer within a minute") {
                Some(Ok(Frame::Text(text))) => {
                    let frame: Heard<'_> = serde_json::from_slice(&text).expect("JSON");
                    assert_ne!(frame.kind, "error", "{}", String::from_utf8_lossy(&text));
                    if let Some(found) = look(frame) {
                        return found;
                    }
                }
                Some(Ok(Frame::Ping(payload))) => {
                    self.0.send(Message::Pong(payload)).await.expect("an open connection");
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// Waits for the next frame of a type, and gives the nameplate or mailbox in it.
    pub(crate) async fn hear_type(&mut self, wanted: &str) -> String {
        let name = |frame: Heard<'_>| frame.nameplate.or(frame.mailbox).unwrap_or("").to_owned();
        self.hear(|frame| (frame.kind == wanted).then(|| name(frame))).await
    }

    /// Waits for a message of a side.
    pub(crate) async fn hear_side(&mut self, side: &str, phase: &str) {
        self.hear(|frame| (frame.side == Some(side) && frame.phase == Some(phase)).then_some(()))
            .await;
    }

    /// Closes and waits for the end.
    pub(crate) async fn close(mut self) {
        self.0.send(Message::Close(None)).await.expect("an open connection");
        while self.0.next().await.is_some_and(|frame| frame.is_ok()) {}
    }
}
