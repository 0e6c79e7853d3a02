//! The order in which frames leave.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashSet;

use common::{Caller, Embedded};
use serde_json::json;
use wormhole_server::{Config, Database};

#[actix::test]
async fn pipelined_commands_are_answered_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::File(folder.path().join("relay.sqlite"));
    let server = Embedded::start(Config { database, ..Config::default() });
    let mut a = Caller::bound(&server.url, "a").await;
    a.say(json!({"type": "open", "mailbox": "m"})).await;
    for n in 0..50 {
        a.say(json!({"type": "add", "phase": n.to_string(), "body": "", "id": n})).await;
    }
    assert_eq!(a.hear().await["type"], "ack");
    for n in 0..50 {
        let ack = a.hear().await;
        assert_eq!((&ack["type"], &ack["id"]), (&json!("ack"), &json!(n)));
        let echo = a.hear().await;
        assert_eq!((&echo["phase"], &echo["id"]), (&json!(n.to_string()), &json!(null)));
    }
    server.stop();
}

/// Two senders at full speed, and a third connection that opens in the middle: everybody gets
/// every message once, and all in the same order.
#[actix::test]
async fn an_open_in_the_middle_misses_nothing_and_gets_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::File(folder.path().join("relay.sqlite"));
    let server = Embedded::start(Config { database, ..Config::default() });
    let mut senders = Vec::new();
    for side in ["a", "b"] {
        let mut sender = Caller::bound(&server.url, side).await;
        sender.ask(json!({"type": "open", "mailbox": "m"})).await;
        senders.push(sender);
    }
    let mut late = Caller::bound(&server.url, "a").await;
    for n in 0..100 {
        for (side, sender) in senders.iter_mut().enumerate() {
            sender.say(json!({"type": "add", "phase": format!("{side}-{n}"), "body": ""})).await;
        }
        if n == 50 {
            late.say(json!({"type": "open", "mailbox": "m"})).await;
        }
    }
    let mut orders = Vec::new();
    for listener in senders.iter_mut().chain([&mut late]) {
        let mut phases = Vec::new();
        while phases.len() < 200 {
            let frame = listener.hear().await;
            if frame["type"] == "message" {
                phases.push(frame["phase"].as_str().unwrap().to_owned());
            }
        }
        assert!(listener.until_pong().await.iter().all(|frame| frame["type"] == "ack"));
        assert_eq!(phases.iter().collect::<HashSet<_>>().len(), 200);
        orders.push(phases);
    }
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0], orders[2]);
    server.stop();
}
