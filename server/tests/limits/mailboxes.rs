//! What a connection, and an address, may make and fill.

use std::time::Duration;

use serde_json::json;
use wormhole_server::{Config, Database, Limit, Limits, Proxies, Rules};

use crate::{Stage, add, claim, common::Caller, open};

#[actix::test]
async fn mailbox_messages_and_a_restart_does_not_empty_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::File(folder.path().join("relay.sqlite"));
    let config = Config { database, ..Config::default() };
    let stage = Stage::with(Limit::MailboxMessages, 2, config.clone());
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    for _ in 0..2 {
        assert_eq!(caller.get(add("")).await["type"], "message");
    }
    stage.refuses(&mut caller, add("")).await;
    stage.done().await;

    let stage = Stage::with(Limit::MailboxMessages, 2, config);
    let mut caller = stage.caller("a").await;
    assert_eq!(caller.ask(open("m")).await.len(), 2);
    stage.refuses(&mut caller, add("")).await;
    stage.done().await;
}

#[actix::test]
async fn mailbox_bytes() {
    let stage = Stage::set(Limit::MailboxBytes, 100);
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    assert_eq!(caller.get(add(&"0".repeat(98))).await["type"], "message");
    stage.refuses(&mut caller, add("")).await;
    let mut other = stage.caller("b").await;
    other.ask(open("n")).await;
    assert_eq!(other.get(add("")).await["type"], "message");
    stage.done().await;
}

#[actix::test]
async fn connection_nameplates() {
    let stage = Stage::set(Limit::ConnectionNameplates, 1);
    let mut caller = stage.caller("a").await;
    caller.get(json!({"type": "allocate"})).await;
    stage.refuses(&mut caller, claim("77")).await;
    let mut other = stage.caller("b").await;
    assert_eq!(other.get(claim("77")).await["type"], "claimed");
    stage.done().await;
}

#[actix::test]
async fn address_nameplates_until_one_is_released() {
    let config = Config { hold_down: Duration::ZERO, ..Config::default() };
    let stage = Stage::with(Limit::AddressNameplates, 2, config);
    let mut one = stage.caller("a").await;
    one.get(claim("7")).await;
    let mut two = stage.caller("b").await;
    two.get(claim("8")).await;
    drop(two);
    let mut three = stage.caller("c").await;
    stage.refuses(&mut three, json!({"type": "allocate"})).await;
    assert_eq!(three.get(claim("7")).await["type"], "claimed", "it is there already");
    let mut four = stage.caller("d").await;
    stage.refuses(&mut four, claim("9")).await;
    let mut two = stage.caller("b").await;
    two.get(json!({"type": "release", "nameplate": "8"})).await;
    let mut five = stage.caller("d").await;
    assert_eq!(five.get(claim("9")).await["type"], "claimed");
    stage.done().await;
}

#[actix::test]
async fn connection_mailboxes() {
    let stage = Stage::set(Limit::ConnectionMailboxes, 2);
    let mut caller = stage.caller("a").await;
    caller.get(claim("7")).await;
    caller.ask(open("m")).await;
    caller.get(json!({"type": "close"})).await;
    stage.refuses(&mut caller, open("n")).await;
    let mut other = stage.caller("b").await;
    assert!(other.ask(open("n")).await.is_empty());
    drop(other);
    assert!(caller.ask(open("n")).await.is_empty(), "it is there already");
    stage.done().await;
}

#[actix::test]
async fn address_mailboxes_until_one_is_closed() {
    let stage = Stage::set(Limit::AddressMailboxes, 1);
    let mut one = stage.caller("a").await;
    one.ask(open("m")).await;
    let mut two = stage.caller("b").await;
    stage.refuses(&mut two, open("n")).await;
    stage.refuses(&mut two, claim("7")).await;
    assert_eq!(two.get(json!({"type": "list"})).await["nameplates"], json!([]));
    one.get(json!({"type": "close"})).await;
    assert!(two.ask(open("n")).await.is_empty());
    stage.done().await;
}

#[actix::test]
async fn address_stored_bytes_until_a_mailbox_is_closed() {
    let stage = Stage::set(Limit::AddressStoredBytes, 25_000);
    let (mut one, mut two) = (stage.caller("a").await, stage.caller("b").await);
    one.ask(open("m")).await;
    two.ask(open("n")).await;
    assert_eq!(one.get(add(&"0".repeat(10_000))).await["type"], "message");
    assert_eq!(two.get(add(&"0".repeat(10_000))).await["type"], "message");
    stage.refuses(&mut two, add(&"0".repeat(10_000))).await;
    assert_eq!(two.get(add("")).await["type"], "message", "it is smaller");
    one.get(json!({"type": "close"})).await;
    assert_eq!(two.get(add(&"0".repeat(10_000))).await["type"], "message");
    stage.done().await;
}

/// Empty messages and mailboxes take room too.
#[actix::test]
async fn address_stored_bytes_of_rows() {
    let stage = Stage::set(Limit::AddressStoredBytes, 4_000);
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    let mut taken = 0;
    while taken < 100 && caller.get(add("")).await["type"] == "message" {
        taken += 1;
    }
    assert!((1..50).contains(&taken), "{taken} messages of a byte");
    let mut other = stage.caller("b").await;
    stage.refuses(&mut other, open("n")).await;
    stage.refuses(&mut other, claim("7")).await;
    assert_eq!(other.get(json!({"type": "list"})).await["nameplates"], json!([]));
    stage.done().await;
}

#[actix::test]
async fn stored_bytes_of_the_heaviest_address_first_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let trusted_proxies = Proxies::from_iter(["127.0.0.1".parse().unwrap()]);
    let config = Config {
        database: Database::File(folder.path().join("relay.sqlite")),
        rules: Rules { trusted_proxies, ..Rules::default() }.into(),
        ..Config::default()
    };
    let stage = Stage::with(Limit::StoredBytes, 800_000, config.clone());
    let bound = async |stage: &Stage, address: &str, side: &str| {
        let mut caller = Caller::connect_as(&stage.server.url, address).await;
        caller.ask(json!({"type": "bind", "appid": "app", "side": side})).await;
        caller
    };
    let body = "0".repeat(30_000);
    let mut heavy = bound(&stage, "192.0.2.1", "a").await;
    heavy.ask(open("m")).await;
    let mut taken = 0;
    while taken < 100 && heavy.get(add(&body)).await["type"] == "message" {
        taken += 1;
    }
    assert_eq!(taken, 700_000 / 30_000, "the last eighth is for others");
    let mut light = bound(&stage, "192.0.2.2", "b").await;
    light.ask(open("n")).await;
    assert_eq!(light.get(add(&body)).await["type"], "message");
    stage.refuses(&mut heavy, add(&body)).await;
    let mut other = bound(&stage, "192.0.2.3", "c").await;
    assert_eq!(other.get(claim("7")).await["type"], "claimed");
    stage.done().await;

    // Nobody knows who stored what was there before.
    let stage = Stage::with(Limit::StoredBytes, 800_000, config);
    let mut heavy = bound(&stage, "192.0.2.1", "a").await;
    assert_eq!(heavy.ask(open("m")).await.len(), taken);
    assert_eq!(heavy.get(add(&body)).await["type"], "message");
    stage.refuses(&mut heavy, add(&body)).await;
    let mut light = bound(&stage, "192.0.2.2", "b").await;
    assert_eq!(light.get(json!({"type": "close", "mailbox": "n"})).await["type"], "closed");
    assert_eq!(heavy.get(json!({"type": "close"})).await["type"], "closed");
    light.ask(open("n")).await;
    assert_eq!(light.get(add(&"0".repeat(500_000))).await["type"], "message");
    stage.done().await;
}

#[actix::test]
async fn address_apps_until_one_is_not_needed() {
    let stage = Stage::set(Limit::AddressApps, 1);
    let _one = stage.caller("a").await;
    let mut two = Caller::connect(&stage.server.url).await;
    let bind = json!({"type": "bind", "appid": "other", "side": "a"});
    stage.refuses(&mut two, bind).await;
    two.ask(json!({"type": "bind", "appid": "app", "side": "b"})).await;
    assert_eq!(two.get(json!({"type": "list"})).await["type"], "nameplates");
    stage.done().await;
}

#[actix::test]
async fn apps_until_one_is_not_needed() {
    let limits = Limits::default().with(Limit::ConnectionCommands, 0);
    let config = Config { limits: limits.with(Limit::AddressCommands, 0), ..Config::default() };
    let stage = Stage::with(Limit::Apps, 1, config);
    let one = stage.caller("a").await;
    let mut two = Caller::connect(&stage.server.url).await;
    let bind = json!({"type": "bind", "appid": "other", "side": "a"});
    stage.refuses(&mut two, bind.clone()).await;
    drop(one);
    // The refusal made the server look for an app to forget.
    while two.ask(bind.clone()).await.first().is_some_and(|frame| frame["type"] == "error") {}
    assert_eq!(two.get(json!({"type": "list"})).await["type"], "nameplates");
    stage.server.stop();
}
