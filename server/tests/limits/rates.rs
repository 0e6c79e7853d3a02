//! How many commands a second: who is too fast is answered all the same, only later.

use actix_http::ws::Item;
use awc::ws::Message;
use serde_json::json;
use wormhole_server::Limit;

use crate::{Stage, common::Caller};

/// Every command is answered, without an error, however many there were.
async fn flood(stage: &Stage, callers: &mut [Caller], commands: usize) {
    let list = json!({"type": "list"}).to_string();
    for caller in &mut *callers {
        for _ in 0..commands {
            caller.send(Message::Text(list.clone().into())).await;
        }
    }
    for caller in callers {
        for _ in 0..commands {
            assert_eq!(caller.hear().await["type"], "ack");
            assert_eq!(caller.hear().await["type"], "nameplates");
        }
    }
    assert!(stage.limits.reached(stage.limit) > 0);
}

#[actix::test]
async fn connection_commands() {
    let stage = Stage::set(Limit::ConnectionCommands, 40);
    let mut caller = [stage.caller("a").await];
    flood(&stage, &mut caller, 450).await;
    stage.done().await;
}

#[actix::test]
async fn address_commands() {
    let stage = Stage::set(Limit::AddressCommands, 90);
    let mut callers = Vec::new();
    for side in 0..4 {
        callers.push(stage.caller(&side.to_string()).await);
    }
    // Each connection stays within its own burst of 500.
    flood(&stage, &mut callers, 300).await;
    stage.server.stop();
}

/// What asks for no answer costs as much: each of these keeps the server busy.
#[actix::test]
async fn frames_that_say_nothing() {
    let pong = || Message::Pong("x".into());
    let ping = || Message::Ping("x".into());
    let next = || Message::Continuation(Item::Continue("".into()));
    for kind in [&pong as &dyn Fn() -> Message, &ping, &next] {
        let stage = Stage::set(Limit::ConnectionCommands, 40);
        let mut caller = stage.caller("a").await;
        let in_a_message = matches!(kind(), Message::Continuation(_));
        if in_a_message {
            caller.send(Message::Continuation(Item::FirstText("{\"type\":".into()))).await;
        }
        for _ in 0..450 {
            caller.send(kind()).await;
        }
        if in_a_message {
            caller.send(Message::Continuation(Item::Last("\"list\"}".into()))).await;
            assert_eq!(caller.hear().await["type"], "ack");
            assert_eq!(caller.hear().await["type"], "nameplates");
        }
        caller.until_pong().await;
        assert!(stage.limits.reached(stage.limit) > 0, "{:?}", kind());
        stage.done().await;
    }
}

/// A message in a few large pieces costs what one in a single piece does.
#[actix::test]
async fn frames_that_carry_something_are_free() {
    let stage = Stage::set(Limit::ConnectionCommands, 1);
    let mut caller = stage.caller("a").await;
    let first = format!("{{\"type\": \"list\", \"x\": \"{}", "0".repeat(1_024));
    caller.send(Message::Continuation(Item::FirstText(first.into()))).await;
    for _ in 0..100 {
        caller.send(Message::Continuation(Item::Continue("0".repeat(1_024).into()))).await;
    }
    caller.send(Message::Continuation(Item::Last("\"}".into()))).await;
    assert_eq!(caller.hear().await["type"], "ack");
    assert_eq!(stage.limits.reached(stage.limit), 0);
    stage.server.stop();
}

#[actix::test]
async fn address_commands_of_one_that_comes_again_and_again() {
    let stage = Stage::set(Limit::AddressCommands, 20);
    for _ in 0..210 {
        let mut caller = Caller::connect(&stage.server.url).await;
        caller.say(json!({"type": "ping", "ping": 1})).await;
        assert_eq!(caller.hear().await["type"], "ack");
    }
    assert!(stage.limits.reached(stage.limit) > 0, "a new connection is not a new rate");
    stage.server.stop();
}
