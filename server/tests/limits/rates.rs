//! How many commands a second.

use awc::ws::Message;
use serde_json::json;
use wormhole_server::Limit;

use crate::{Stage, common::Caller};

/// Commands beyond the burst of ten seconds are answered one by one, without an `ack`.
async fn flood(stage: &Stage, callers: &mut [Caller], commands: usize) {
    let list = json!({"type": "list"}).to_string();
    for caller in &mut *callers {
        for _ in 0..commands {
            caller.send(Message::Text(list.clone().into())).await;
        }
    }
    let mut refused = 0;
    for caller in callers {
        for _ in 0..commands {
            let frame = caller.hear().await;
            match frame["type"].as_str().unwrap() {
                "ack" => assert_eq!(caller.hear().await["type"], "nameplates"),
                "error" => {
                    assert_eq!(
                        (&frame["error"], frame.get("orig")),
                        (&stage.refusal().into(), None)
                    );
                    refused += 1;
                }
                other => panic!("{other}"),
            }
        }
    }
    assert!(refused > 0);
    assert_eq!(stage.limits.reached(stage.limit), refused);
}

#[actix::test]
async fn connection_commands() {
    let stage = Stage::set(Limit::ConnectionCommands, 2);
    let mut caller = [stage.caller("a").await];
    flood(&stage, &mut caller, 500).await;
    stage.done().await;
}

#[actix::test]
async fn address_commands() {
    let stage = Stage::set(Limit::AddressCommands, 40);
    let mut callers = Vec::new();
    for side in 0..4 {
        callers.push(stage.caller(&side.to_string()).await);
    }
    // Each connection stays within its own burst of 500.
    flood(&stage, &mut callers, 300).await;
    stage.server.stop();
}

/// One that goes on and on is not answered for ever.
#[actix::test]
async fn connection_commands_without_end() {
    let stage = Stage::set(Limit::ConnectionCommands, 1);
    let mut caller = stage.caller("a").await;
    for number in 0..1_100 {
        match number % 2 {
            0 => caller.say(json!({"type": "list"})).await,
            _ => caller.send_quietly(Message::Ping("x".into())).await,
        }
    }
    assert_eq!(caller.hear_end().await, Some(1008));
    stage.done().await;
}

#[actix::test]
async fn address_commands_of_one_that_comes_again_and_again() {
    let stage = Stage::set(Limit::AddressCommands, 2);
    let mut refused = 0;
    for _ in 0..200 {
        let mut caller = Caller::connect(&stage.server.url).await;
        caller.say(json!({"type": "ping", "ping": 1})).await;
        refused += usize::from(caller.hear().await["error"] == stage.refusal());
    }
    assert!(refused > 0, "a new connection is not a new rate");
    stage.server.stop();
}
