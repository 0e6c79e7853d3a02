//! Transfers that break off: what each side is told, and that nothing half-written stays.

use std::{fs, io};

use serde_json::json;
use tokio::{net::TcpListener, sync::watch};
use wormhole_client::{
    Error,
    protocol::transit::{DirectHint, Hints, Role},
    transfer::{Incoming, Plan, Target, TransferError, WhenUnsendable, send},
    transit::{LandError, ShipError, Transit, TransitError},
};

use super::scene::{DIRECT, NOWHERE, Scene, accept, on};

const LINK_LOST: &str = "the connection between the two was lost";

#[actix::test]
async fn a_sender_that_vanishes_leaves_nothing() {
    on(async |scene: &Scene| {
        for sent in [0, 30_000] {
            let offering = async {
                let connection = scene.peer.offer_and_connect(100_000).await;
                if sent > 0 {
                    connection.send_record(vec![0; sent]).await.unwrap();
                }
            };
            let (received, ()) = tokio::join!(scene.receive(), offering);
            let missing = 100_000 - sent as u64;
            let Err(TransferError::Land(LandError::Short { missing: told })) = received else {
                panic!("{received:?}")
            };
            assert_eq!(told, missing);
            assert_eq!(scene.received(), [""; 0]);
            assert_eq!(scene.peer.hear_error().await, LINK_LOST);
        }
    })
    .await;
}

#[actix::test]
async fn a_sender_that_gives_up_says_why() {
    on(async |scene: &Scene| {
        let offering = async {
            let connection = scene.peer.offer_and_connect(100_000).await;
            connection.send_record(vec![0; 10]).await.unwrap();
            drop(connection);
            scene.peer.say(&json!({"error": "changed my mind"}));
        };
        let (received, ()) = tokio::join!(scene.receive(), offering);
        assert!(matches!(received, Err(TransferError::Peer(text)) if text == "changed my mind"));
        assert_eq!(scene.received(), [""; 0]);
    })
    .await;
}

#[actix::test]
async fn whoever_gives_up_before_there_is_a_connection_is_heard() {
    on(async |scene: &Scene| {
        scene.peer.say_transit(&Hints::default());
        scene.peer.offer_file("f", 5);
        let Incoming::Bulk(bulk) = scene.offered().await.unwrap() else { panic!("a text") };
        scene.peer.say(&json!({"error": "never mind"}));
        let failed = accept(*bulk, scene.folder.path()).await;
        assert!(matches!(failed, Err(TransferError::Peer(text)) if text == "never mind"));
        assert_eq!(scene.received(), [""; 0]);

        let (_outside, plan) = scene.file("f", b"abc");
        scene.peer.say(&json!({"answer": {"file_ack": "ok"}}));
        scene.peer.say(&json!({"error": "no longer"}));
        let failed = scene.send(plan).await;
        assert!(matches!(failed, Err(TransferError::Peer(text)) if text == "no longer"));
    })
    .await;
}

#[actix::test]
async fn a_sender_that_breaks_the_protocol_is_told() {
    on(async |scene: &Scene| {
        let offering = async {
            let connection = scene.peer.offer_and_connect(5).await;
            connection.send_record(b"123456".to_vec()).await.unwrap();
            assert_eq!(scene.peer.hear_error().await, "the sender broke the transit protocol");
        };
        let (received, ()) = tokio::join!(scene.receive(), offering);
        assert!(matches!(received, Err(TransferError::Land(LandError::Overshoot))));
        assert_eq!(scene.received(), [""; 0]);
    })
    .await;
}

#[actix::test]
async fn an_archive_that_is_refused_is_told() {
    on(async |scene: &Scene| {
        let offering = async {
            scene.peer.say_transit(&Hints::default());
            scene.peer.say(&json!({"offer": {"directory": {
                "mode": "zipfile/deflated", "dirname": "d", "zipsize": 30, "numbytes": 0,
                "numfiles": 0}}}));
            let hints = scene.peer.hear_transit().await;
            scene.peer.hear().await;
            let connection = scene.peer.connect(Role::Sender, &hints).await;
            connection.send_record(vec![b'x'; 30]).await.unwrap();
            let told = scene.peer.hear_error().await;
            assert_eq!(told, "the receiver could not store what it was sent");
            let ack = connection.receive_record(1000).await;
            assert!(matches!(ack, Err(LandError::NoRecord)), "{ack:?}");
        };
        let (received, ()) = tokio::join!(scene.receive(), offering);
        assert!(matches!(received, Err(TransferError::Arrival(_))), "{received:?}");
        assert_eq!(scene.received(), [""; 0]);
    })
    .await;
}

#[actix::test]
async fn a_place_that_is_gone_is_told() {
    on(async |scene: &Scene| {
        scene.peer.say_transit(&Hints::default());
        scene.peer.offer_file("f", 5);
        let Incoming::Bulk(bulk) = scene.offered().await.unwrap() else { panic!("a text") };
        let folder = scene.folder.path().join("gone");
        fs::create_dir(&folder).unwrap();
        let target = Target::plan(&folder, None, &bulk.name().unwrap(), bulk.announced).unwrap();
        fs::remove_dir(&folder).unwrap();
        let failed = bulk.accept_at(target, |_| ()).await;
        assert!(matches!(failed, Err(TransferError::Arrival(_))), "{failed:?}");
        scene.peer.hear_transit().await;
        let told = scene.peer.hear_error().await;
        assert_eq!(told, "the receiver could not store what it was sent");
        assert!(!told.contains("gone"));
    })
    .await;
}

#[actix::test]
async fn a_file_that_changed_after_the_offer_is_told() {
    on(async |scene: &Scene| {
        let (outside, plan) = scene.file("f", b"as offered");
        fs::write(outside.path().join("f"), b"changed").unwrap();
        let sending = send(&scene.peer.0, plan, &DIRECT, |_| ());
        let (sent, received) = tokio::join!(sending, scene.receive());
        assert!(matches!(sent, Err(TransferError::Open(_))), "{sent:?}");
        let told = "the sender could not read what it offered";
        assert!(matches!(received, Err(TransferError::Peer(text)) if text == told));
        assert_eq!(scene.received(), [""; 0]);
    })
    .await;
}

#[actix::test]
async fn a_file_that_shrinks_while_it_is_sent_is_told() {
    on(async |scene: &Scene| {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("d");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("f"), vec![0; 100_000]).unwrap();
        let plan = Plan::of(&folder, WhenUnsendable::Refuse).unwrap();
        fs::write(folder.join("f"), b"short").unwrap();
        let sending = send(&scene.peer.0, plan, &DIRECT, |_| ());
        let (sent, received) = tokio::join!(sending, scene.receive());
        let Err(TransferError::Ship(ShipError::Source(_))) = sent else { panic!("{sent:?}") };
        let told = "the sender could not read what it offered";
        assert!(matches!(received, Err(TransferError::Peer(text)) if text == told));
        assert_eq!(scene.received(), [""; 0]);
    })
    .await;
}

#[actix::test]
async fn a_receiver_that_vanishes_ends_the_sending() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", &vec![0; 30_000_000]);
        let receiving = async { drop(scene.peer.want_and_connect().await) };
        let (sent, ()) = tokio::join!(scene.send(plan), receiving);
        assert!(matches!(sent, Err(TransferError::Ship(ShipError::Connection(_)))), "{sent:?}");
    })
    .await;
}

#[actix::test]
async fn where_no_connection_comes_about_the_peer_is_told() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", b"abc");
        scene.peer.say_transit(&Hints::default());
        scene.peer.say(&json!({"answer": {"file_ack": "ok"}}));
        let failed = send(&scene.ours, plan, &NOWHERE, |_| ()).await;
        assert!(
            matches!(failed, Err(TransferError::Transit(TransitError::NoWay(_)))),
            "{failed:?}"
        );
        assert!(scene.peer.hear_transit().await.direct.is_empty());
        scene.peer.hear().await;
        assert_eq!(scene.peer.hear_error().await, "no connection could be made");
    })
    .await;
}

#[actix::test]
async fn a_wormhole_that_ends_ends_the_waiting() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", b"abc");
        let (sent, closed) = tokio::join!(scene.send(plan), async {
            scene.peer.hear_transit().await;
            scene.ours.close().await
        });
        assert_eq!(closed, Ok(()));
        assert!(matches!(sent, Err(TransferError::Wormhole(Error::Closed))), "{sent:?}");
        let failed = scene.offered().await.err().unwrap();
        assert!(matches!(failed, TransferError::Wormhole(Error::Closed)), "{failed}");
    })
    .await;
}

#[actix::test]
async fn a_wormhole_that_ends_does_not_end_the_transfer() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", b"content");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().try_into().unwrap();
        let hint = DirectHint { hostname: "127.0.0.1".into(), port, priority: 0.0 };
        let receiving = async {
            let hints = scene.peer.hear_transit().await;
            scene.peer.say_transit(&Hints { direct: vec![hint], ..Hints::default() });
            scene.peer.say(&json!({"answer": {"file_ack": "ok"}}));
            // Whoever is dialled here, the sender has begun to look for a connection.
            let _silent = listener.accept().await.unwrap();
            let key = scene.peer.transit_key();
            assert_eq!(tokio::join!(scene.ours.close(), scene.peer.0.close()), (Ok(()), Ok(())));
            let receiver = Transit::prepare(Role::Receiver, &NOWHERE).unwrap();
            let connection = receiver.connect(&key, &hints).await.unwrap();
            let (progress, _) = watch::channel(0);
            connection.land(io::sink(), 7, progress).await.unwrap();
            connection.send_record(br#"{"ack": "ok"}"#.to_vec()).await.unwrap();
            connection.finish().await;
        };
        let (sent, ()) = tokio::join!(scene.send(plan), receiving);
        sent.unwrap();
    })
    .await;
}

#[actix::test]
async fn breaking_off_leaves_nothing_and_hangs_up() {
    on(async |scene: &Scene| {
        let connection = scene.broken_off(false).await;
        let end = connection.receive_record(1000).await.unwrap_err();
        assert!(matches!(end, LandError::NoRecord | LandError::Connection(_)), "{end:?}");
        // The thread that writes is the last to let go.
        while !scene.received().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
