//! The timing log of a conversation.

use std::collections::BTreeSet;

use serde_json::Value;
use wormhole_client::timing::Log;
use wormhole_server::testing;

use crate::{builder, guarded};

fn events(log: &Log) -> Vec<Value> {
    serde_json::from_str(&log.to_json()).unwrap()
}

#[actix::test]
async fn what_was_said_and_calculated_is_recorded_and_no_secret() {
    guarded(async {
        let server = testing::start();
        let log = Log::new();
        let a = builder(server.url()).timing(log.clone()).open();
        let b = builder(server.url()).open();
        a.allocate_code(2).unwrap();
        let code = a.code().await.unwrap();
        b.set_code(code.as_str()).unwrap();
        let (theirs, ours) = tokio::join!(a.exchange("a plain text"), b.exchange("another text"));
        assert!(theirs.is_ok() && ours.is_ok());

        let events = events(&log);
        let named = |name: &'static str| events.iter().filter(move |event| event["name"] == name);
        let sent: Vec<_> = named("ws_send").map(|event| &event["details"]["type"]).collect();
        let all = ["bind", "allocate", "claim", "open", "add", "release", "add", "add", "close"];
        assert_eq!(sent, all);
        let ids: BTreeSet<_> =
            named("ws_send").map(|event| event["details"]["id"].as_str().unwrap()).collect();
        let acks = named("ws_receive").filter(|event| event["details"]["message"]["type"] == "ack");
        for ack in acks {
            let message = &ack["details"]["message"];
            assert!(ids.contains(message["id"].as_str().unwrap()), "{ack}");
            assert!(message["server_tx"].is_f64(), "{ack}");
        }
        let messages = named("ws_receive")
            .filter(|event| event["details"]["message"]["type"] == "message")
            .inspect(|event| assert!(event["details"]["message"]["server_rx"].is_f64(), "{event}"));
        assert_eq!(messages.count(), 6);
        let sides: BTreeSet<_> = named("ws_send")
            .chain(named("ws_receive"))
            .map(|event| event["details"]["_side"].as_str().unwrap())
            .collect();
        assert_eq!(sides.len(), 1);
        for name in ["pake1", "pake2"] {
            let [event] = &named(name).collect::<Vec<_>>()[..] else { panic!("{name}") };
            assert_eq!(event["details"]["waiting"], "crypto");
            assert!(event["stop"].as_f64() >= event["start"].as_f64());
        }
        let [to_key] = &named("GotPake").collect::<Vec<_>>()[..] else { panic!("no GotPake") };
        assert_eq!(to_key["details"]["actor"], "Key");

        let json = log.to_json();
        let words = code.as_str().split_once('-').unwrap().1;
        assert!(!json.contains(words));
        for text in ["a plain text", "another text"] {
            let hex = data_encoding::HEXLOWER.encode(text.as_bytes());
            assert!(!json.contains(text) && !json.contains(&hex), "{text}");
        }
    })
    .await;
}
