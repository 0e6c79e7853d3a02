//! A part of the server that panics takes no more than it must with it.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::{Caller, Embedded};
use serde_json::{Value, json};
use wormhole_server::{Config, Database, testing::Setup};

/// The nameplate at which the app panics.
const TRAP: u32 = 13;

fn claim(nameplate: u32) -> Value {
    json!({"type": "claim", "nameplate": nameplate.to_string()})
}

/// Comes back until the app has been started again, and gives the answer.
async fn claimed(url: &str, side: &str, nameplate: u32) -> Value {
    /// It only ends a test that hangs.
    const PATIENCE: Duration = Duration::from_secs(60);
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE, "the app stays dead");
        let mut caller = Caller::bound(url, side).await;
        caller.say(claim(nameplate)).await;
        while let Ok(frame) = caller.hear_or_end().await {
            if frame["type"] != "ack" {
                return frame;
            }
        }
    }
}

#[actix::test]
async fn the_clients_of_an_app_that_panics_hear_no_error_and_find_everything_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::File(folder.path().join("relay.sqlite"));
    let config = Config { database, workers: 1, ..Config::default() };
    let server = Embedded::from(Setup::from(config).panic_at(TRAP));

    let mut waiting = Caller::bound(&server.url, "a").await;
    let mailbox = waiting.get(claim(7)).await["mailbox"].clone();
    let open = json!({"type": "open", "mailbox": mailbox});
    waiting.ask(open.clone()).await;
    waiting.get(json!({"type": "add", "phase": "pake", "body": "00"})).await;
    let mut stranger = Caller::connect(&server.url).await;
    stranger.ask(json!({"type": "bind", "appid": "another", "side": "s"})).await;

    let mut unlucky = Caller::bound(&server.url, "b").await;
    unlucky.say(claim(TRAP)).await;
    for caller in [&mut unlucky, &mut waiting] {
        assert_eq!(caller.hear_or_end().await, Err(Some(1013)));
    }
    assert_eq!(stranger.get(claim(TRAP)).await["type"], "claimed");

    assert_eq!(claimed(&server.url, "a", 7).await["mailbox"], mailbox);
    let mut back = Caller::bound(&server.url, "b").await;
    let replayed = back.get(open).await;
    assert_eq!((&replayed["side"], &replayed["phase"]), (&json!("a"), &json!("pake")));
    assert_eq!(claimed(&server.url, "b", TRAP).await["type"], "claimed", "it panics only once");
    server.stop();
}

#[actix::test]
async fn an_app_in_memory_begins_anew() {
    let server = Embedded::from(Setup::default().panic_at(TRAP));
    let mut unlucky = Caller::bound(&server.url, "b").await;
    unlucky.say(claim(TRAP)).await;
    assert_eq!(unlucky.hear_or_end().await, Err(Some(1013)));
    assert_eq!(claimed(&server.url, "b", TRAP).await["type"], "claimed");
}
