//! A relay of our own server's, which takes bytes and websockets on one port.

use wormhole_client::protocol::transit::{Endpoint, RelayHint};
use wormhole_server::{
    listen,
    relay::{self, Port, RelayConfig, View},
};

use super::peer::hint;

/// A running relay.
pub(crate) struct Relay {
    pub(crate) hint: RelayHint,
    /// Where it is reached by websocket.
    pub(crate) websocket: RelayHint,
    running: relay::Relay,
}

impl Relay {
    pub(crate) fn start() -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let running = relay::Relay::start(RelayConfig::default(), [Port::both(listener)]).unwrap();
        let url = format!("ws://127.0.0.1:{port}/");
        let websocket = Endpoint::WebSocket(url.parse().unwrap()).into();
        Self { hint: hint("127.0.0.1", port).into(), websocket, running }
    }

    pub(crate) fn view(&self) -> &View {
        self.running.view()
    }
}
