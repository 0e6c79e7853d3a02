//! What a server demands before it serves, and what a client does for it.

#![allow(clippy::unwrap_used)]

mod scripted;

use futures_util::StreamExt;
use scripted::{
    APPID, Line, Server, guarded,
    session::{CODE, claim},
};
use serde_json::{Value, json};
use wormhole_client::{
    Connection, Error, Status, Wormhole,
    protocol::hashcash::{is_worth, zero_bits},
};
use wormhole_server::{Config, Permission, testing};

async fn demand(line: &mut Line, required: Value) {
    line.send(&json!({"type": "welcome", "welcome": {"permission-required": required}})).await;
}

fn open(server: &Server) -> Wormhole {
    let wormhole = Wormhole::builder(APPID, server.url()).max_stamp_bits(10).open();
    wormhole.set_code(CODE).unwrap();
    wormhole
}

/// Expects a stamp of 6 bits, and gives it.
async fn stamp(line: &mut Line, spelling: &str) -> String {
    let shown = line.next().await.unwrap();
    let stamp = shown["stamp"].as_str().unwrap().to_owned();
    assert_eq!(shown, json!({"type": spelling, "method": "hashcash", "stamp": stamp}));
    assert!(is_worth(&stamp, 6, "resource"), "{stamp}");
    line.expect(json!({"type": "ping", "ping": spelling})).await;
    stamp
}

fn hashcash() -> Value {
    json!({"hashcash": {"bits": 6, "resource": "resource"}})
}

#[actix::test]
async fn a_stamp_is_shown_before_bind_on_each_connection() {
    guarded(async {
        let server = Server::bind().await;
        let _wormhole = open(&server);
        let mut earlier = String::new();
        for _ in 0..2 {
            let mut line = server.accept().await;
            demand(&mut line, hashcash()).await;
            let stamp = stamp(&mut line, "submit-permissions").await;
            assert_ne!(stamp, earlier, "a stamp is good for one connection");
            earlier = stamp;
            line.send(&json!({"type": "ack"})).await;
            line.send(&json!({"type": "pong", "pong": "another"})).await;
            line.send(&json!({"type": "pong", "pong": "submit-permissions"})).await;
            line.bound().await;
            line.expect(claim()).await;
        }
    })
    .await;
}

#[actix::test]
async fn a_server_that_spells_like_the_rust_client_is_understood() {
    guarded(async {
        let server = Server::bind().await;
        let wormhole = open(&server);
        let mut line = server.accept().await;
        demand(&mut line, hashcash()).await;
        let refused = |spelling, stamp| {
            let orig = json!({"type": spelling, "method": "hashcash", "stamp": stamp});
            json!({"type": "error", "error": "unknown type", "orig": orig})
        };
        let pong = |spelling| json!({"type": "pong", "pong": spelling});
        let first = stamp(&mut line, "submit-permissions").await;
        line.send(&refused("submit-permissions", &first)).await;
        line.send(&pong("submit-permissions")).await;
        let second = stamp(&mut line, "submit-permission").await;
        assert_eq!(second, first, "the work is done once");
        // That the second spelling is refused as well is the end.
        line.send(&refused("submit-permission", &second)).await;
        line.send(&pong("submit-permission")).await;
        assert_eq!(wormhole.closed().await, Err(Error::Server("unknown type".to_owned())));
    })
    .await;
}

#[actix::test]
async fn what_cannot_be_given_is_said_and_nothing_is_bound() {
    guarded(async {
        for (required, expected) in [
            (json!({"voucher": {}}), "by a method that is unknown here: voucher"),
            (json!([]), "malformed"),
            (json!({"hashcash": {"bits": 11, "resource": "r"}}), "11 bits where at most 10"),
            (json!({"hashcash": {"bits": 6, "resource": "a b"}}), "cannot be written"),
        ] {
            let server = Server::bind().await;
            let wormhole = open(&server);
            let mut line = server.accept().await;
            demand(&mut line, required).await;
            line.ended().await;
            let Err(Error::Permission(why)) = wormhole.closed().await else { panic!("{expected}") };
            assert!(why.contains(expected), "{why}");
        }
    })
    .await;
}

#[actix::test]
async fn where_nothing_is_demanded_nothing_is_shown() {
    guarded(async {
        let server = Server::bind().await;
        let _wormhole = open(&server);
        let mut line = server.accept().await;
        demand(&mut line, json!({"none": {}, "hashcash": {"bits": 30, "resource": "r"}})).await;
        line.bound().await;
    })
    .await;
}

#[actix::test]
async fn the_work_is_seen_and_can_be_given_up() {
    guarded(async {
        let server = Server::bind().await;
        // Nobody finds such a stamp within a test's time.
        let wormhole = Wormhole::builder(APPID, server.url()).max_stamp_bits(32).open();
        let mut line = server.accept().await;
        demand(&mut line, json!({"hashcash": {"bits": 32, "resource": "r"}})).await;
        let working = |status: Status| async move { status.stamp };
        let mut stamps = Box::pin(wormhole.statuses().filter_map(working));
        let (first, later) = (stamps.next().await.unwrap(), stamps.next().await.unwrap());
        assert_eq!((first.bits, first.tried), (32, 0));
        assert!(later.tried > 0);
        assert_eq!(later.expected(), 1 << 32);
        assert!(matches!(wormhole.status().connection, Connection::Connected { .. }));
        let (result, ()) = tokio::join!(wormhole.close(), line.ended());
        assert_eq!(result, Err(Error::Lonely));
        assert_eq!(wormhole.status().stamp, None);
    })
    .await;
}

#[actix::test]
async fn our_own_server_takes_what_our_client_makes() {
    guarded(async {
        let permission = Permission::Hashcash { bits: 12 };
        let server = testing::Setup::from(Config { permission, ..Config::default() }).start();
        let both = [(); 2].map(|()| Wormhole::builder(APPID, server.url()).open());
        let [a, b] = &both;
        a.allocate_code(2).unwrap();
        b.set_code(a.code().await.unwrap().as_str()).unwrap();
        let (theirs, ours) = tokio::join!(a.exchange("from a"), b.exchange("from b"));
        assert_eq!((&theirs.unwrap()[..], &ours.unwrap()[..]), (&b"from b"[..], &b"from a"[..]));
    })
    .await;
}

#[test]
fn a_stamp_of_the_rust_client_is_counted_alike() {
    let theirs = "1:12:MjAyNjExMjI=:resource-string::zW406nveD4dkKDRO/EWkwA==:AAAAAAAAGhY=";
    assert_eq!(zero_bits(theirs), 13);
}
