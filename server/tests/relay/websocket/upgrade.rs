//! How a connection becomes a websocket, and what becomes of others.

use tokio::io::AsyncReadExt;
use wormhole_server::{Limit, Limits, LiveRules, Rules, relay::RelayConfig};

use super::{super::Caller, *};

impl Stage {
    /// Asks by HTTP.
    async fn http(&self, address: SocketAddr, head: &str) -> String {
        let mut caller = Caller(tokio::net::TcpStream::connect(address).await.unwrap());
        caller.say(head.replace('\n', "\r\n").as_bytes()).await;
        caller.hear_end().await
    }
}

const GET: &str = "GET / HTTP/1.1\nHost: relay\n";
const UPGRADE: &str = "Connection: keep-alive, Upgrade\nUpgrade: websocket\n";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n";

#[actix::test]
async fn who_looks_is_told_what_is_there() {
    let stage = Stage::set();
    for address in [stage.websocket, stage.both] {
        let page = stage.http(address, &format!("{GET}\n")).await;
        assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"), "{page}");
        assert!(page.contains("\r\nConnection: close\r\n"), "{page}");
        assert!(page.contains("transit relay for Magic Wormhole"), "{page}");
    }
    for (head, status) in [
        ("POST / HTTP/1.1\nHost: relay\n\n", "405"),
        ("please relay\n\n", "400"),
        (&format!("{GET}{UPGRADE}\n"), "400"),
        (&format!("{GET}{UPGRADE}{}\n", KEY.replace("13", "8")), "426"),
        (&format!("{GET}X: {}\n\n", "x".repeat(9_000)), "431"),
    ] {
        let answer = stage.http(stage.websocket, head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
    }
    // Nothing is recorded of such.
    assert!(stage.moods().await.is_empty());
    // Nor are there pages where TCP alone is spoken.
    assert_eq!(stage.http(stage.address, &format!("{GET}\n")).await, "bad handshake\n");
}

#[actix::test]
async fn the_answer_is_the_right_one_and_what_follows_the_request_is_not_lost() {
    let stage = Stage::set();
    let mut caller = Caller(tokio::net::TcpStream::connect(stage.websocket).await.unwrap());
    let mut said = format!("{GET}{UPGRADE}{KEY}\n").replace('\n', "\r\n").into_bytes();
    let line = request('t', Some('a'));
    said.extend([0x82, 0x80 | line.len() as u8, 0, 0, 0, 0]);
    said.extend(line.bytes());
    // In pieces, however small.
    for byte in said {
        caller.say(&[byte]).await;
    }
    let mut answer = vec![0; 129];
    caller.0.read_exact(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    // The example of RFC 6455.
    assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    stage.until(|relay| relay.waiting() == 1 && relay.websockets() == 1).await;
    drop(caller);
    assert_eq!(stage.moods().await, [("lonely", 1)]);
    stage.until(|relay| relay.websockets() == 0).await;
}

#[actix::test]
async fn one_port_may_speak_both() {
    let stage = Stage::set();
    let mut first = Caller(tokio::net::TcpStream::connect(stage.both).await.unwrap());
    first.say(request('t', Some('a')).as_bytes()).await;
    let mut second = WebCaller::connect(stage.both).await;
    second.say(request('t', Some('b'))).await;
    second.expect("ok\n").await;
    first.expect("ok\n").await;
    second.say("hello").await;
    first.expect("hello").await;
}

#[actix::test]
async fn the_slow_are_not_waited_for() {
    let stage = Stage::limited(&[(Limit::RelayHandshakeSeconds, 1)]);
    assert_eq!(stage.http(stage.websocket, GET).await, "");
    assert_eq!(stage.call_web().await.hear_close().await, Some(1000));
    assert_eq!(stage.moods().await, [("empty", 1)]);
}

#[actix::test]
async fn behind_a_trusted_proxy_the_client_is_counted() {
    let limits = Limits::default().with(Limit::RelayAddressConnections, 1);
    let trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    let rules = LiveRules::from(Rules { trusted_proxies, ..Rules::default() });
    let stage = Stage::with(RelayConfig { limits, rules, ..RelayConfig::default() });
    let call = async |client: &str| {
        let url = format!("ws://{}/", stage.websocket);
        let request = awc::Client::new().ws(url).header("X-Real-IP", client);
        WebCaller(request.connect().await.unwrap().1)
    };
    let (mut one, mut two) = (call("192.0.2.1").await, call("192.0.2.2").await);
    for caller in [&mut one, &mut two] {
        caller.send(Message::Ping("".into())).await;
        assert_eq!(caller.next().await, Some(Frame::Pong("".into())));
    }
    assert_eq!(call("192.0.2.1").await.next().await, None, "one too many");
    one.send(Message::Ping("".into())).await;
    assert_eq!(one.next().await, Some(Frame::Pong("".into())));
}
