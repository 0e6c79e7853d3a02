//! Websockets: that they are as good as TCP [transit-relay.md: listeners, replies, relaying].

mod answers;
mod carrying;
mod upgrade;

use std::net::SocketAddr;

use actix_codec::Framed;
use actix_http::ws::Item;
use awc::{
    BoxedSocket, Client,
    ws::{Codec, Frame, Message},
};
use futures_util::{SinkExt, StreamExt};

use super::{Stage, request};

/// A client that speaks frames.
struct WebCaller(Framed<BoxedSocket, Codec>);

impl WebCaller {
    async fn connect(address: SocketAddr) -> Self {
        Self::connect_to(&format!("ws://{address}/any/path?and=query")).await
    }

    async fn connect_to(url: &str) -> Self {
        let client =
            Client::new().ws(url).origin("https://elsewhere.example").max_frame_size(1 << 20);
        Self(client.connect().await.unwrap().1)
    }

    async fn say(&mut self, bytes: impl Into<Vec<u8>>) {
        self.send(Message::Binary(bytes.into().into())).await;
    }

    async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// Hears the next frame; none at the end of the connection, however it comes.
    async fn next(&mut self) -> Option<Frame> {
        self.0.next().await?.ok()
    }

    /// Hears a message, which is this.
    async fn expect(&mut self, words: &str) {
        assert_eq!(self.next().await, Some(Frame::Binary(words.to_owned().into())));
    }

    /// Hears the goodbye, and then the end.
    async fn hear_close(&mut self) -> Option<u16> {
        let code = match self.next().await {
            Some(Frame::Close(reason)) => Some(reason.unwrap().code.into()),
            None => None,
            other => panic!("{other:?}"),
        };
        // Answered as every client does.
        let _ = self.0.send(Message::Close(None)).await;
        assert_eq!(self.next().await, None);
        code
    }

    /// Hears everything up to the goodbye.
    async fn rest(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        while let Some(Frame::Binary(bytes)) = self.next().await {
            heard.extend_from_slice(&bytes);
        }
        heard
    }
}

impl Stage {
    async fn call_web(&self) -> WebCaller {
        WebCaller::connect(self.websocket).await
    }

    async fn ask_web(&self, token: char, side: char) -> WebCaller {
        let mut caller = self.call_web().await;
        caller.say(request(token, Some(side))).await;
        caller
    }

    /// Two websockets that are joined.
    async fn web_pair(&self) -> (WebCaller, WebCaller) {
        let mut first = self.ask_web('t', 'a').await;
        self.until(|relay| relay.waiting() == 1).await;
        let mut second = self.ask_web('t', 'b').await;
        second.expect("ok\n").await;
        first.expect("ok\n").await;
        (first, second)
    }
}
