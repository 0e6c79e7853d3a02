//! The watchdog: clients that stop reading are cut, although their sessions can do nothing.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Caller, Embedded, text_frame, upgrade};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use wormhole_server::{Config, Limit, Limits};

/// A server for two connections, of which one never reads: its own socket's buffers are full, and
/// what else it should hear waits in the server.
struct Stage {
    server: Embedded,
    limits: Limits,
    sender: Caller,
    deaf: Option<TcpStream>,
}

impl Stage {
    async fn set(limits: Limits) -> Self {
        let limits = limits
            .with(Limit::Connections, 2)
            .with(Limit::MailboxBytes, 0)
            .with(Limit::MailboxMessages, 0)
            .with(Limit::ConnectionCommands, 0)
            .with(Limit::AddressCommands, 0);
        let server = Embedded::start(Config { limits: limits.clone(), ..Config::default() });
        let mut sender = Caller::bound(&server.url, "a").await;
        sender.ask(json!({"type": "open", "mailbox": "m"})).await;
        let mut deaf = upgrade(&server.url).await;
        for command in [
            json!({"type": "bind", "appid": "app", "side": "b"}),
            json!({"type": "open", "mailbox": "m"}),
            json!({"type": "add", "phase": "p", "body": "last words"}),
        ] {
            deaf.write_all(&text_frame(&command.to_string())).await.unwrap();
        }
        assert_eq!(sender.hear().await["body"], "last words");
        let mut stage = Self { server, limits, sender, deaf: Some(deaf) };
        assert!(!stage.has_room().await);
        stage
    }

    async fn send(&mut self, kilobytes: usize) {
        let add = json!({"type": "add", "phase": "p", "body": "0".repeat(kilobytes * 1_000)});
        assert_eq!(self.sender.get(add).await["type"], "message");
    }

    /// Sends more than the system's buffers take.
    async fn fill(&mut self) {
        for _ in 0..200 {
            self.send(100).await;
        }
    }

    /// Whether a third connection is let in, as it is when one of the two has ended.
    async fn has_room(&mut self) -> bool {
        let mut third = Caller::connect(&self.server.url).await;
        third.say(json!({"type": "ping", "ping": 1})).await;
        third.hear().await["type"] == "ack"
    }

    /// Waits for the end of the deaf connection; the other goes on.
    async fn end(mut self) {
        while !self.has_room().await {
            // It has to be heard of, where silence is what ends connections.
            self.sender.until_pong().await;
        }
        self.send(1).await;
        let mut fresh = Caller::bound(&self.server.url, "b").await;
        let opened = fresh.ask(json!({"type": "open", "mailbox": "m"})).await;
        assert_eq!(opened[0]["body"], "last words");
        self.server.stop();
    }
}

#[actix::test]
async fn one_that_never_reads_is_cut_when_too_much_waits_for_it() {
    let mut stage = Stage::set(Limits::default().with(Limit::UnsentBytes, 1_000_000)).await;
    // The system's buffers take some megabytes.
    while stage.limits.reached(Limit::UnsentBytes) == 0 {
        stage.send(100).await;
    }
    stage.end().await;
}

#[actix::test]
async fn one_that_never_reads_is_cut_when_it_is_silent() {
    let limits = Limits::default().with(Limit::SilentSeconds, 5).with(Limit::UnsentBytes, 0);
    let mut stage = Stage::set(limits).await;
    stage.fill().await;
    while stage.limits.reached(Limit::SilentSeconds) == 0 {
        stage.sender.until_pong().await;
    }
    stage.end().await;
}

/// What its session said last fills the socket; the session itself has ended.
#[actix::test]
async fn one_that_never_reads_is_cut_when_its_session_has_ended() {
    let mut stage = Stage::set(Limits::default().with(Limit::UnsentBytes, 0)).await;
    stage.deaf = None;
    while !stage.has_room().await {}
    stage.fill().await;
    // This one wants to hear all that it has missed, and to go.
    let mut deaf = upgrade(&stage.server.url).await;
    let bind = text_frame(&json!({"type": "bind", "appid": "app", "side": "b"}).to_string());
    let open = text_frame(&json!({"type": "open", "mailbox": "m"}).to_string());
    let goodbye = [0x88, 0x80, 0, 0, 0, 0];
    // At once: a session whose client does not read cannot hear a goodbye that comes later.
    deaf.write_all(&[&bind[..], &open, &goodbye].concat()).await.unwrap();
    stage.deaf = Some(deaf);
    stage.end().await;
}

#[actix::test]
async fn one_that_never_reads_does_not_keep_the_server_from_stopping() {
    let mut stage = Stage::set(Limits::default().with(Limit::UnsentBytes, 0)).await;
    stage.fill().await;
    stage.server.stop();
    assert_eq!(stage.sender.hear_end().await, Some(1001));
}

#[actix::test]
async fn clients_are_told_that_the_server_goes_away() {
    let server = Embedded::start(Config::default());
    let mut callers = Vec::new();
    for side in 0..5 {
        callers.push(Caller::bound(&server.url, &side.to_string()).await);
    }
    callers.push(Caller::connect(&server.url).await);
    server.stop();
    for mut caller in callers {
        assert_eq!(caller.hear_end().await, Some(1001));
    }
}
