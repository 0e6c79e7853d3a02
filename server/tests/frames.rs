//! What a websocket may carry, well-formed or not.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use actix_http::ws::Item;
use awc::ws::Message;
use common::{Caller, Embedded, upgrade};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use wormhole_server::{Config, Limit, Limits};

#[actix::test]
async fn fragments_and_binary_frames_are_text() {
    let server = Embedded::start(Config::default());
    let mut caller = Caller::connect(&server.url).await;
    caller.send(Message::Continuation(Item::FirstText("{\"type\": \"ping\"".into()))).await;
    caller.send(Message::Ping("between".into())).await;
    caller.send(Message::Continuation(Item::Continue(", \"ping\"".into()))).await;
    caller.send(Message::Continuation(Item::Last(": 7}".into()))).await;
    assert_eq!(caller.hear().await["type"], "ack");
    assert_eq!(caller.hear().await["pong"], 7);
    caller.send(Message::Binary(r#"{"type": "ping", "ping": 8}"#.into())).await;
    assert_eq!(caller.hear().await["type"], "ack");
    assert_eq!(caller.hear().await["pong"], 8);
    server.stop();
}

#[actix::test]
async fn garbage_is_answered_and_the_connection_stays() {
    let server = Embedded::start(Config::default());
    let mut caller = Caller::connect(&server.url).await;
    let deep = "[".repeat(64);
    let deeper = "[".repeat(10_000);
    let too_deep = "limit reached: at most 64 levels of JSON";
    for (garbage, error) in [
        (&b""[..], "message is not JSON"),
        (b"{", "message is not JSON"),
        (b"{} {}", "message is not JSON"),
        (b"\xef\xbb\xbf{}", "message is not JSON"),
        (b"{\"type\": NaN}", "message is not JSON"),
        (deep.as_bytes(), "message is not JSON"),
        (deeper.as_bytes(), too_deep),
        (b"\xff\xfe", "message is not UTF-8"),
        (b"[1]", "message is not an object"),
        (b"5", "message is not an object"),
        (b"null", "message is not an object"),
    ] {
        caller.send(Message::Binary(garbage.to_vec().into())).await;
        let answers = caller.until_pong().await;
        assert_eq!(answers.len(), 1, "no ack");
        assert_eq!(answers[0]["error"], error);
        assert_eq!(answers[0].get("orig"), None);
    }
    let untyped = json!({"id": 4, "x": [null]});
    caller.say(untyped.clone()).await;
    let answers = caller.until_pong().await;
    assert_eq!(answers[0]["error"], "missing 'type'");
    assert_eq!(answers[0]["orig"], untyped);
    server.stop();
}

/// Every key of every command, with a value of every other type.
#[actix::test]
async fn wrong_types_are_answered_and_change_nothing() {
    let server = Embedded::start(Config::default());
    for (verb, key) in [
        ("claim", "nameplate"),
        ("release", "nameplate"),
        ("open", "mailbox"),
        ("add", "phase"),
        ("add", "body"),
        ("close", "mailbox"),
        ("close", "mood"),
    ] {
        for wrong in [json!(5), json!(1.5), json!(true), json!([]), json!({}), Value::Null] {
            if key == "mood" && wrong.is_null() {
                continue;
            }
            let mut caller = Caller::bound(&server.url, "a").await;
            if verb == "add" {
                caller.ask(json!({"type": "open", "mailbox": "m"})).await;
            }
            let mut command = json!({"type": verb, "phase": "p", "body": "00", "mailbox": "m"});
            command[key] = wrong;
            let refused = caller.get(command.clone()).await;
            assert_eq!(refused["error"], format!("'{key}' must be a string"), "{command}");
            assert_eq!(refused["orig"], command);
        }
    }
    let mut caller = Caller::connect(&server.url).await;
    for wrong in [json!(5), json!(true), json!([]), json!({}), Value::Null] {
        for key in ["appid", "side"] {
            let mut bind = json!({"type": "bind", "appid": "app", "side": "a"});
            bind[key] = wrong.clone();
            let refused = caller.get(bind).await;
            assert_eq!(refused["error"], format!("'{key}' must be a string"));
        }
        let bind = json!({"type": "bind", "appid": "a", "side": "a", "client_version": wrong});
        let refused = caller.get(bind).await;
        assert_eq!(refused["error"], "'client_version' must be a list of two strings");
        assert_eq!(caller.get(json!({"type": wrong})).await["error"], "must bind first");
    }
    let mut caller = Caller::bound(&server.url, "b").await;
    assert_eq!(caller.get(json!({"type": ["list"]})).await["error"], "unknown type");
    assert_eq!(caller.get(json!({"type": "list"})).await["nameplates"], json!([]));
    assert!(caller.ask(json!({"type": "open", "mailbox": "m"})).await.is_empty());
    server.stop();
}

#[actix::test]
async fn a_message_over_the_limit_ends_the_connection_only() {
    let limits = Limits::default().with(Limit::FrameBytes, 1_000);
    let config = Config { limits: limits.clone(), ..Config::default() };
    let server = Embedded::start(config);
    let half: &'static str = Box::leak(" ".repeat(600).into_boxed_str());
    for long in [
        vec![Message::Text(" ".repeat(1_001).into())],
        vec![
            Message::Continuation(Item::FirstText(half.into())),
            Message::Continuation(Item::Last(half.into())),
        ],
    ] {
        let mut caller = Caller::connect(&server.url).await;
        for message in long {
            caller.send(message).await;
        }
        let refused = caller.hear().await;
        assert_eq!(refused["error"], "limit reached: at most 1000 bytes in a frame");
        assert_eq!(caller.hear().await, Value::Null);
    }
    assert_eq!(limits.reached(Limit::FrameBytes), 2);
    Caller::bound(&server.url, "a").await;
    server.stop();
}

#[actix::test]
async fn a_frame_over_the_limit_is_refused_before_it_is_sent() {
    let server = Embedded::start(Config::default());
    let mut stream = upgrade(&server.url).await;
    // A masked text frame of 64 MB, of which only the header ever comes.
    let mut header = vec![0x81, 0x80 | 127];
    header.extend(64_000_000_u64.to_be_bytes());
    stream.write_all(&header).await.unwrap();
    let mut said = Vec::new();
    // Nothing but a server that waits for the rest takes so long.
    let read = timeout(Duration::from_secs(60), stream.read_to_end(&mut said));
    read.await.expect("a close").unwrap();
    let [.., a, b, c, d] = said[..] else { panic!("{said:?}") };
    assert_eq!([a, b], [0x88, 2], "a close frame");
    assert_eq!(u16::from_be_bytes([c, d]), 1009);
    Caller::bound(&server.url, "a").await;
    server.stop();
}
