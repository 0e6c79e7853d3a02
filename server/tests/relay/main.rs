//! The transit relay over real sockets.

#![allow(clippy::unwrap_used)]

mod answers;
mod ends;
mod limits;
mod pairing;
mod usage;
mod websocket;

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::yield_now,
};
use wormhole_server::{
    Limit, Limits, listen,
    relay::{Port, Relay, RelayConfig, RelayMood, View},
};

/// A relay on free ports.
struct Stage {
    relay: Relay,
    address: SocketAddr,
    /// Where websocket is spoken.
    websocket: SocketAddr,
    /// Where both is.
    both: SocketAddr,
}

impl Stage {
    fn set() -> Self {
        Self::with(RelayConfig::default())
    }

    fn limited(limits: &[(Limit, u64)]) -> Self {
        let with = |all: Limits, (limit, most): &(Limit, u64)| all.with(*limit, *most);
        let limits = limits.iter().fold(Limits::default(), with);
        Self::with(RelayConfig { limits, ..RelayConfig::default() })
    }

    fn with(config: RelayConfig) -> Self {
        let listeners = [(); 3].map(|()| listen("127.0.0.1:0".parse().unwrap()).unwrap());
        let [address, websocket, both] = listeners.each_ref().map(|l| l.local_addr().unwrap());
        let [tcp, frames, either] = listeners;
        let ports = [Port::tcp(tcp), Port::websocket(frames), Port::both(either)];
        Self { relay: Relay::start(config, ports).unwrap(), address, websocket, both }
    }

    async fn call(&self) -> Caller {
        Caller(TcpStream::connect(self.address).await.unwrap())
    }

    /// Calls from an address of its own, 127.0.0.`last`.
    async fn call_from(&self, last: u8) -> Caller {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, last], 0).into()).unwrap();
        Caller(socket.connect(self.address).await.unwrap())
    }

    /// Calls with a token and perhaps a side, each made of one character.
    async fn ask(&self, token: char, side: Option<char>) -> Caller {
        let mut caller = self.call().await;
        caller.say(request(token, side).as_bytes()).await;
        caller
    }

    /// Calls, and comes back when `waiting` connections wait.
    async fn wait(&self, token: char, side: char, waiting: u64) -> Caller {
        let caller = self.ask(token, Some(side)).await;
        self.until(|relay| relay.waiting() == waiting).await;
        caller
    }

    /// Calls twice, and comes back when both have heard that they are joined: the one that has
    /// waited comes first.
    async fn pair(&self) -> (Caller, Caller) {
        let mut first = self.wait('t', 'a', 1).await;
        let mut second = self.ask('t', Some('b')).await;
        second.expect("ok\n").await;
        first.expect("ok\n").await;
        (first, second)
    }

    async fn until(&self, condition: impl Fn(&View) -> bool) {
        while !condition(self.relay.view()) {
            yield_now().await;
        }
    }

    /// Comes back when nobody is connected, and tells how everybody has ended.
    async fn moods(&self) -> Vec<(&'static str, u64)> {
        self.until(|relay| relay.connections() == 0).await;
        let ended = RelayMood::ALL.map(|mood| (mood.as_str(), self.relay.view().ended(mood)));
        ended.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

fn request(token: char, side: Option<char>) -> String {
    let token: String = [token; 64].iter().collect();
    match side {
        None => format!("please relay {token}\n"),
        Some(side) => format!("please relay {token} for side {}\n", String::from_iter([side; 16])),
    }
}

/// A client.
struct Caller(TcpStream);

impl Caller {
    async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Hears just so much.
    async fn expect(&mut self, words: &str) {
        let mut heard = vec![0; words.len()];
        self.0.read_exact(&mut heard).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), words);
    }

    /// Hears everything up to the end; one that comes as an error is as good.
    async fn rest(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        drop(self.0.read_to_end(&mut heard).await);
        heard
    }

    /// Hears the last words.
    async fn hear_end(&mut self) -> String {
        String::from_utf8(self.rest().await).unwrap()
    }
}
