//! How many connections, how long they may be silent, and what may wait for them.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use wormhole_server::{Config, Limit, Limits, Proxies, Rules};

use crate::{
    Stage, add,
    common::{Caller, text_frame, upgrade},
    open,
};

#[actix::test]
async fn connections() {
    let stage = Stage::set(Limit::Connections, 2);
    let (one, _two) = (stage.caller("a").await, stage.caller("b").await);
    let three = Caller::connect(&stage.server.url).await;
    stage.ends(three).await;
    drop(one);
    // The end of the first takes a moment to come.
    loop {
        let mut three = Caller::connect(&stage.server.url).await;
        three.say(json!({"type": "ping", "ping": 1})).await;
        if three.hear().await["type"] == "ack" {
            break;
        }
    }
    stage.server.stop();
}

/// A client may go away at any moment: nothing of it is left behind.
#[actix::test]
async fn connections_that_are_reset_while_they_bind() {
    let config = Config { limits: Limits::default(), ..Config::default() };
    let stage = Stage::with(Limit::Connections, 20, config);
    let bind = text_frame(&json!({"type": "bind", "appid": "app", "side": "a"}).to_string());
    for _ in 0..300 {
        let mut stream = upgrade(&stage.server.url).await;
        stream.write_all(&bind).await.unwrap();
        // With bytes unread the end is a reset.
        drop(stream);
    }
    let mut inside = Vec::new();
    while inside.len() < 20 {
        let mut caller = Caller::connect(&stage.server.url).await;
        caller.say(json!({"type": "ping", "ping": 1})).await;
        if caller.hear().await["type"] == "ack" {
            inside.push(caller);
        }
    }
    stage.server.stop();
}

#[actix::test]
async fn address_unsent_bytes() {
    let config = Config {
        limits: Limits::default().with(Limit::AddressUnsentBytes, 15_000),
        ..Config::default()
    };
    let stage = Stage::with(Limit::AddressUnsentBytes, 15_000, config);
    let mut one = stage.caller("a").await;
    one.ask(open("small")).await;
    one.get(add(&"0".repeat(10_000))).await;
    let mut two = stage.caller("a").await;
    assert_eq!(two.get(open("small")).await["type"], "message");
    let mut again = stage.caller("a").await;
    assert_eq!(again.get(open("small")).await["type"], "message", "what was sent waits no more");
    one.get(json!({"type": "close"})).await;
    two.get(json!({"type": "close"})).await;

    one.ask(open("large")).await;
    one.get(add(&"0".repeat(10_000))).await;
    one.get(add(&"0".repeat(10_000))).await;
    let mut three = stage.caller("a").await;
    stage.refuses(&mut three, open("large")).await;
    stage.done().await;
}

#[actix::test]
async fn total_unsent_bytes() {
    let stage = Stage::with(Limit::TotalUnsentBytes, 15_000, behind_a_proxy());
    let url = &stage.server.url;
    let mut one = bound_as(url, "192.0.2.1").await;
    one.ask(open("large")).await;
    one.get(add(&"0".repeat(10_000))).await;
    let mut two = bound_as(url, "192.0.2.2").await;
    assert_eq!(two.get(open("large")).await["type"], "message");
    two.get(json!({"type": "close"})).await;
    one.get(add(&"0".repeat(10_000))).await;
    let mut two = bound_as(url, "192.0.2.2").await;
    stage.refuses(&mut two, open("large")).await;
    stage.done().await;
}

fn behind_a_proxy() -> Config {
    let trusted_proxies = Proxies::from_iter(["127.0.0.1".parse().unwrap()]);
    let rules = Rules { trusted_proxies, ..Rules::default() };
    Config { rules: rules.into(), ..Config::default() }
}

async fn bound_as(url: &str, address: &str) -> Caller {
    let mut caller = Caller::connect_as(url, address).await;
    caller.ask(json!({"type": "bind", "appid": "app", "side": address})).await;
    caller
}

/// A websocket of the address that has most gives way, and may come back.
#[actix::test]
async fn connections_of_one_address() {
    let stage = Stage::with(Limit::Connections, 3, behind_a_proxy());
    let url = &stage.server.url;
    let mut greedy = Vec::new();
    for _ in 0..3 {
        greedy.push(bound_as(url, "192.0.2.1").await);
    }
    stage.ends(Caller::connect_as(url, "192.0.2.1").await).await;
    bound_as(url, "192.0.2.2").await.until_pong().await;
    assert_eq!(greedy.pop().unwrap().hear_end().await, Some(1013), "the youngest");
    for caller in &mut greedy {
        caller.until_pong().await;
    }
    stage.server.stop();
}

#[actix::test]
async fn address_connections() {
    let stage = Stage::with(Limit::AddressConnections, 1, behind_a_proxy());
    let url = &stage.server.url;
    let _one = Caller::connect_as(url, "2001:db8:0:7::1").await;
    let same_network = Caller::connect_as(url, "2001:db8:0:7:ffff::2").await;
    stage.ends(same_network).await;
    Caller::connect_as(url, "2001:db8:0:8::1").await.until_pong().await;
    Caller::connect_as(url, "192.0.2.1").await.until_pong().await;
    stage.server.stop();
}

#[actix::test]
async fn unbound_seconds() {
    let stage = Stage::set(Limit::UnboundSeconds, 3);
    let mut bound = stage.caller("a").await;
    let unbound = Caller::connect(&stage.server.url).await;
    stage.ends(unbound).await;
    bound.until_pong().await;
    stage.done().await;
}

#[actix::test]
async fn silent_seconds() {
    let stage = Stage::set(Limit::SilentSeconds, 3);
    let silent = stage.caller("a").await;
    stage.ends(silent).await;
    stage.done().await;
}
