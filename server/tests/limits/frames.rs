//! What is in a frame.

use serde_json::json;
use wormhole_server::{Config, Limit};

use crate::{
    Stage, add,
    common::{Caller, Embedded},
    open,
};

#[actix::test]
async fn frame_bytes() {
    let stage = Stage::set(Limit::FrameBytes, 500);
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    caller.get(add(&"0".repeat(400))).await;
    caller.say(add(&"0".repeat(500))).await;
    stage.ends(caller).await;
    stage.done().await;
}

#[actix::test]
async fn frames_of_two_mebibytes_are_taken_by_default() {
    let server = Embedded::start(Config::default());
    let mut caller = Caller::bound(&server.url, "a").await;
    let mut ping = json!({"type": "ping", "ping": ""});
    ping["ping"] = " ".repeat((2 << 20) - ping.to_string().len()).into();
    assert_eq!(ping.to_string().len(), 2 << 20);
    assert_eq!(caller.get(ping.clone()).await["pong"], ping["ping"]);
    server.stop();
}

#[actix::test]
async fn body_bytes() {
    let stage = Stage::set(Limit::BodyBytes, 10);
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    stage.refuses(&mut caller, add("01234567890")).await;
    assert_eq!(caller.get(add("0123456789")).await["type"], "message");
    stage.done().await;
}

#[actix::test]
async fn identifier_bytes() {
    let stage = Stage::set(Limit::IdentifierBytes, 10);
    let long = "x".repeat(11);
    let mut caller = Caller::connect(&stage.server.url).await;
    stage.refuses(&mut caller, json!({"type": "bind", "appid": long, "side": "a"})).await;
    stage.refuses(&mut caller, json!({"type": "bind", "appid": "app", "side": long})).await;
    caller.ask(json!({"type": "bind", "appid": "app", "side": "a"})).await;
    stage.refuses(&mut caller, open(&long)).await;
    caller.ask(open("m")).await;
    let mut command = add("");
    command["phase"] = long.into();
    stage.refuses(&mut caller, command).await;
    stage.done().await;
}

#[actix::test]
async fn json_depth() {
    let stage = Stage::set(Limit::JsonDepth, 3);
    let mut caller = stage.caller("a").await;
    caller.get(json!({"type": "ping", "ping": [[]]})).await;
    caller.say(json!({"type": "ping", "ping": [[[]]]})).await;
    let refused = caller.hear().await;
    assert_eq!((&refused["error"], refused.get("orig")), (&stage.refusal().into(), None));
    assert_eq!(stage.limits.reached(Limit::JsonDepth), 1);
    stage.done().await;
}

#[actix::test]
async fn a_limit_of_zero_is_none() {
    let stage = Stage::set(Limit::BodyBytes, 0);
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    let long = "0".repeat(2_050_000);
    assert_eq!(caller.get(add(&long)).await["body"], long);
    stage.done().await;
}
