//! What an application may choose.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use wormhole_client::{CodeStatus, Connection, Error, Schedule, Status};
use wormhole_server::testing;

use crate::{builder, guarded};

#[actix::test]
async fn versions_are_whatever_becomes_an_object() {
    #[derive(Serialize)]
    struct Versions {
        formats: [u8; 2],
    }
    guarded(async {
        let server = testing::start();
        let versions = Versions { formats: [1, 2] };
        let a = builder(server.url()).versions(versions).unwrap().open();
        let b = builder(server.url()).open();
        a.set_code("4-x").unwrap();
        b.set_code("4-x").unwrap();
        assert_eq!(*b.versions().await.unwrap(), json!({"formats": [1, 2]}));
        assert_eq!(*a.versions().await.unwrap(), json!({}));
    })
    .await;
    for (what, odd) in [("list", json!([])), ("nothing", json!(null)), ("number", json!(1))] {
        let refused = builder("ws://x").versions(odd).err();
        assert!(matches!(refused, Some(Error::Versions(_))), "{what}: {refused:?}");
    }
}

#[actix::test]
async fn callbacks_are_told_the_welcome_and_each_status() {
    guarded(async {
        let server = testing::start();
        let told = Arc::<Mutex<Vec<String>>>::default();
        let (at_welcome, at_status) = (Arc::clone(&told), Arc::clone(&told));
        let tell = move |status: &Status| {
            let connection = match status.connection {
                Connection::Disconnected => "disconnected",
                Connection::Connecting { .. } => "connecting",
                Connection::Connected { .. } => "connected",
                _ => "closed",
            };
            at_status.lock().unwrap().push(format!("{connection} {:?}", status.code));
        };
        let wormhole = builder(server.url())
            .on_welcome(move |welcome| {
                assert!(!welcome.contains_key("error"));
                at_welcome.lock().unwrap().push("welcome".to_owned());
            })
            .on_status(tell)
            .open();
        wormhole.welcome().await.unwrap();
        wormhole.allocate_code(2).unwrap();
        wormhole.code().await.unwrap();
        assert_eq!(wormhole.close().await, Err(Error::Lonely));
        assert_eq!(wormhole.status().code, CodeStatus::Consumed);
        assert_eq!(
            *told.lock().unwrap(),
            [
                "disconnected None",
                "connecting None",
                "connected None",
                "welcome",
                "connected Allocated",
                "connected Consumed",
                "closed Consumed",
            ],
        );
    })
    .await;
}

#[actix::test]
async fn time_that_is_up_ends_it() {
    // Where the peer does not come; the mood reaches the server, so it is not kept waiting.
    let server = testing::start();
    let limit = Duration::from_millis(200);
    let lonely = builder(server.url()).timeout(limit).open();
    lonely.allocate_code(2).unwrap();
    guarded(lonely.code()).await.unwrap();
    assert_eq!(guarded(lonely.message()).await.err(), Some(Error::Timeout));
    assert_eq!(guarded(lonely.close()).await, Err(Error::Timeout));

    // Where the server accepts and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/v1", silent.local_addr().unwrap());
    let begun = Instant::now();
    let wormhole = builder(&url).timeout(limit).open();
    assert_eq!(guarded(wormhole.welcome()).await.err(), Some(Error::Timeout));
    assert!(begun.elapsed() >= limit);

    // Where all goes well, nothing comes of it.
    let [a, b] = [(); 2].map(|()| builder(server.url()).timeout(Duration::from_secs(60)).open());
    a.set_code("4-x").unwrap();
    b.set_code("4-x").unwrap();
    let (at_a, at_b) = tokio::join!(guarded(a.exchange("a")), guarded(b.exchange("b")));
    assert!(at_a.is_ok() && at_b.is_ok());
}

#[actix::test]
async fn a_server_that_cuts_every_connection_is_talked_to_all_the_same() {
    guarded(async {
        let server = testing::Setup::default().drop_after(60).start();
        let soon = Schedule::new([(Duration::ZERO, Duration::from_millis(10))]).unwrap();
        let open = || builder(server.url()).schedule(soon.clone()).open();
        let [a, b] = [open(), open()];
        a.set_code("4-x").unwrap();
        b.set_code("4-x").unwrap();
        for number in 0..20_u8 {
            a.send_message([number]);
            b.send_message([number]);
        }
        for number in 0..20_u8 {
            let (at_a, at_b) = tokio::join!(a.message(), b.message());
            assert_eq!((&at_a.unwrap()[..], &at_b.unwrap()[..]), (&[number][..], &[number][..]));
        }
    })
    .await;
}

#[actix::test]
async fn a_first_connection_that_fails_is_final_with_a_schedule_too() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let soon = Schedule::new([(Duration::ZERO, Duration::from_millis(10))]).unwrap();
    let wormhole = builder(&format!("ws://127.0.0.1:{port}/v1")).schedule(soon).open();
    let result = guarded(wormhole.closed()).await;
    assert!(matches!(result, Err(Error::ServerConnection { .. })), "{result:?}");
}

#[actix::test]
async fn a_server_that_turns_away_does_so_at_once() {
    let server = testing::Setup::default().refuse("closed for today").start();
    let wormhole = builder(server.url()).open();
    let refused = Err(Error::Welcome("closed for today".to_owned()));
    assert_eq!(guarded(wormhole.closed()).await, refused);
}
