//! What outlives a connection, a server, and nobody's interest.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Caller, Embedded, Process};
use serde_json::{Value, json};
use wormhole_server::{Config, Database};

/// Claims a nameplate and adds a message, and gives the mailbox and the message's echo.
async fn leave_a_message(url: &str) -> (Value, Value) {
    let mut a = Caller::bound(url, "a").await;
    let claimed = a.get(json!({"type": "claim", "nameplate": "8"})).await;
    a.ask(json!({"type": "open", "mailbox": claimed["mailbox"]})).await;
    let echo = a.get(json!({"type": "add", "phase": "pake", "body": "00", "id": "0001"})).await;
    (claimed["mailbox"].clone(), echo)
}

async fn find_the_message(url: &str, mailbox: &Value, echo: &Value) {
    let mut b = Caller::bound(url, "b").await;
    let claimed = b.get(json!({"type": "claim", "nameplate": "8"})).await;
    assert_eq!(claimed["mailbox"], *mailbox);
    let found = b.get(json!({"type": "open", "mailbox": mailbox})).await;
    for key in ["side", "phase", "body", "server_rx", "id"] {
        assert_eq!(found[key], echo[key]);
    }
}

#[actix::test]
async fn what_was_answered_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("relay.sqlite");
    let server = Process::start(&database);
    let (mailbox, echo) = leave_a_message(&server.url).await;
    server.kill();
    let server = Process::start(&database);
    find_the_message(&server.url, &mailbox, &echo).await;
}

#[cfg(unix)]
#[actix::test]
async fn a_terminated_server_says_goodbye_keeps_what_it_answered_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("relay.sqlite");
    let server = Process::start(&database);
    let (mailbox, echo) = leave_a_message(&server.url).await;
    let url = server.url.clone();
    let mut callers = vec![Caller::bound(&url, "c").await, Caller::connect(&url).await];
    let (codes, status) = server.terminate(&mut callers).await;
    assert_eq!(codes, [Some(1001); 2]);
    assert_eq!(status.code(), Some(0));
    assert!(Caller::try_bound(&url, "d").await.is_none());
    assert!(!folder.path().join("relay.sqlite-wal").exists(), "the database was closed");
    let server = Process::start(&database);
    find_the_message(&server.url, &mailbox, &echo).await;
}

#[actix::test]
async fn a_stopped_server_leaves_a_whole_file_and_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::File(folder.path().join("relay.sqlite"));
    let config = Config { database, ..Config::default() };
    let server = Embedded::start(config.clone());
    let (mailbox, echo) = leave_a_message(&server.url).await;
    server.stop();
    assert!(!folder.path().join("relay.sqlite-wal").exists(), "the database was closed");
    let server = Embedded::start(config);
    find_the_message(&server.url, &mailbox, &echo).await;
    server.stop();
}

#[actix::test]
async fn what_nobody_listens_to_is_forgotten() {
    let server = Embedded::start(Config {
        expiry: Duration::ZERO,
        prune_every: Duration::from_millis(1),
        ..Config::default()
    });
    let mut a = Caller::bound(&server.url, "a").await;
    a.ask(json!({"type": "open", "mailbox": "heard"})).await;
    a.get(json!({"type": "add", "phase": "p", "body": "00"})).await;
    a.get(json!({"type": "claim", "nameplate": "8"})).await;
    while a.get(json!({"type": "list"})).await["nameplates"] != json!([]) {}
    let mut b = Caller::bound(&server.url, "b").await;
    let replayed = b.get(json!({"type": "open", "mailbox": "heard"})).await;
    assert_eq!(replayed["phase"], "p", "a listens");
    server.stop();
}

#[actix::test]
async fn after_a_start_clients_have_as_long_to_come_back_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.sqlite");
    let config = Config {
        database: Database::File(path.clone()),
        prune_every: Duration::from_millis(1),
        ..Config::default()
    };
    let server = Embedded::start(config.clone());
    let (mailbox, echo) = leave_a_message(&server.url).await;
    server.stop();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE mailboxes SET updated = 1", []).unwrap();
    drop(connection);
    let server = Embedded::start(config);
    let mut waiting = Caller::bound(&server.url, "w").await;
    for _ in 0..100 {
        waiting.get(json!({"type": "list"})).await;
    }
    find_the_message(&server.url, &mailbox, &echo).await;
    server.stop();
}
