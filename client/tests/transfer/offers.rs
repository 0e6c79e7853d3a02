//! The messages before the bytes: which are taken, which are refused, and in which order ours go.

use serde_json::{Value, json};
use wormhole_client::{
    protocol::{
        transfer::BadMessage,
        transit::{DirectHint, Hints, Role},
    },
    transfer::{Incoming, TransferError, send_text},
    transit::Transit,
};

use super::scene::{DIRECT, Scene, on};

fn nobody() -> Hints {
    let port = 1.try_into().unwrap();
    let hint = DirectHint { hostname: "127.0.0.1".into(), port, priority: 0.0 };
    Hints { direct: vec![hint], ..Hints::default() }
}

#[actix::test]
async fn an_offer_that_is_none_is_refused() {
    on(async |scene: &Scene| {
        let folder = |change: Value| {
            let mut folder = json!({"mode": "zipfile/deflated", "dirname": "d", "zipsize": 22,
                                    "numbytes": 0, "numfiles": 0});
            folder.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            json!({"directory": folder})
        };
        let unknown = "unknown offer type";
        let cases = [
            (json!({}), unknown),
            (json!(null), unknown),
            (json!("file"), unknown),
            (json!({"message": 123}), unknown),
            (json!({"file": "f"}), unknown),
            (json!({"file": {"filename": "f"}}), unknown),
            (json!({"file": {"filesize": 1}}), unknown),
            (json!({"file": {"filename": 1, "filesize": 1}}), unknown),
            (json!({"file": {"filename": "f", "filesize": "1"}}), unknown),
            (json!({"file": {"filename": "f", "filesize": -1}}), unknown),
            (json!({"file": {"filename": "f", "filesize": 1.5}}), unknown),
            (folder(json!({"zipsize": null})), unknown),
            (folder(json!({"numfiles": []})), unknown),
            (folder(json!({"dirname": {}})), unknown),
            (folder(json!({"mode": "tarball"})), "unknown mode"),
        ];
        for (offer, refusal) in cases {
            scene.peer.say(&json!({"offer": offer}));
            let failed = scene.offered().await.err().unwrap();
            let refused = matches!(failed, TransferError::BadMessage(BadMessage::Offer(_)));
            assert!(refused, "{offer}: {failed}");
            assert_eq!(scene.peer.hear_error().await, refusal, "{offer}");
        }
        for garbage in ["", "[]", "{\"error\": 1}", "{\"answer\": 1}", "\u{0}"] {
            scene.peer.0.send_message(garbage);
            let failed = scene.offered().await.err().unwrap();
            assert!(matches!(failed, TransferError::BadMessage(_)), "{garbage}: {failed}");
            assert_eq!(scene.peer.hear_error().await, "a message could not be read");
        }
    })
    .await;
}

#[actix::test]
async fn an_error_of_the_peer_is_passed_on_and_not_answered() {
    on(async |scene: &Scene| {
        scene.peer.say(&json!({"error": "I am tired"}));
        let failed = scene.offered().await.err().unwrap();
        assert!(matches!(failed, TransferError::Peer(text) if text == "I am tired"));
        scene.peer.say(&json!({"error": "still"}));
        assert!(send_text(&scene.ours, "hello").await.is_err());
        assert_eq!(scene.peer.hear().await, json!({"offer": {"message": "hello"}}));
    })
    .await;
}

#[actix::test]
async fn the_senders_transit_may_follow_its_offer_and_come_often() {
    on(async |scene: &Scene| {
        for (name, offer_first) in [("a", true), ("b", false)] {
            let offering = async {
                scene.peer.say(&json!({"future": {"key": 1}}));
                if offer_first {
                    scene.peer.offer_file(name, 2);
                }
                scene.peer.say_transit(&nobody());
                scene.peer.say_transit(&Hints::default());
                if !offer_first {
                    scene.peer.offer_file(name, 2);
                }
                let hints = scene.peer.hear_transit().await;
                // One transit of the receiver's is the answer to all of the sender's.
                assert_eq!(scene.peer.hear().await, json!({"answer": {"file_ack": "ok"}}));
                let connection = scene.peer.connect(Role::Sender, &hints).await;
                connection.send_record(b"ab".to_vec()).await.unwrap();
                connection.receive_record(1000).await.unwrap();
            };
            tokio::join!(async { scene.receive().await.unwrap() }, offering);
        }
        assert_eq!(scene.received(), ["a", "b"]);
    })
    .await;
}

#[actix::test]
async fn the_receivers_transit_comes_first_and_before_the_person_is_asked() {
    on(async |scene: &Scene| {
        scene.peer.say_transit(&Hints::default());
        scene.peer.offer_file("f", 0);
        let offered = scene.offered().await.unwrap();
        // Rust programs want to hear this first, and the answer second.
        assert!(!scene.peer.hear_transit().await.direct.is_empty());
        drop(offered);
    })
    .await;
}

#[actix::test]
async fn a_text_is_answered_by_nothing_but_its_answer() {
    on(async |scene: &Scene| {
        scene.peer.say(&json!({"offer": {"message": "hello"}}));
        let Incoming::Text(text) = scene.offered().await.unwrap() else { panic!("no text") };
        text.accept();
        assert_eq!(scene.peer.hear().await, json!({"answer": {"message_ack": "ok"}}));
    })
    .await;
}

#[actix::test]
async fn a_sender_of_text_ignores_transits_and_heeds_answers() {
    on(async |scene: &Scene| {
        for (answer, taken) in [
            (json!({"message_ack": "ok"}), true),
            (json!({"message_ack": "no"}), false),
            (json!({"file_ack": "ok"}), false),
        ] {
            // As Rust programs do, before they know what is offered.
            scene.peer.say_transit(&nobody());
            scene.peer.say(&json!({"answer": answer}));
            let sent = send_text(&scene.ours, "hello").await;
            match sent {
                Ok(()) => assert!(taken, "{answer}"),
                Err(TransferError::Answer(_)) => assert!(!taken, "{answer}"),
                Err(error) => panic!("{answer}: {error}"),
            }
            assert_eq!(scene.peer.hear().await, json!({"offer": {"message": "hello"}}));
        }
    })
    .await;
}

#[actix::test]
async fn a_sender_uses_all_hints_from_before_the_answer() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", b"abc");
        let receiver = Transit::prepare(Role::Receiver, &DIRECT).unwrap();
        let mut here = receiver.hints();
        here.direct.truncate(1);
        here.direct[0].hostname = "127.0.0.1".into();
        // As Rust programs do, at once; and another time.
        scene.peer.say_transit(&nobody());
        scene.peer.say_transit(&here);
        scene.peer.say(&json!({"answer": {"file_ack": "ok"}}));
        let key = scene.peer.transit_key();
        let receiving = async {
            let connection = receiver.connect(&key, &Hints::default()).await.unwrap();
            assert_eq!(connection.receive_record(100).await.unwrap(), b"abc");
            connection.send_record(br#"{"ack": "ok"}"#.to_vec()).await.unwrap();
            connection.finish().await;
        };
        let (sent, ()) = tokio::join!(scene.send(plan), receiving);
        sent.unwrap();
        scene.peer.hear_transit().await;
        let offer = json!({"offer": {"file": {"filename": "f", "filesize": 3}}});
        assert_eq!(scene.peer.hear().await, offer);
    })
    .await;
}

#[actix::test]
async fn an_answer_that_is_no_yes_ends_the_transfer() {
    on(async |scene: &Scene| {
        for answer in [json!({"file_ack": "maybe"}), json!({"message_ack": "ok"})] {
            let (_outside, plan) = scene.file("f", b"abc");
            scene.peer.say(&json!({"answer": answer}));
            let sent = scene.send(plan).await;
            assert!(matches!(sent, Err(TransferError::Answer(_))), "{answer}: {sent:?}");
        }
    })
    .await;
}
