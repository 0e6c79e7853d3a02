//! The end that knows tells, and the end that is told listens: once, in true words, and also where
//! the link stands.

use serde_json::{Value, json};
use wormhole_client::{
    protocol::{
        transfer::Refusal,
        transit::{Hints, Role},
    },
    transfer::{
        Ability, AppVersions, Deadlines, Incoming, IncomingBulk, IncomingText, Target,
        TransferError, abandoned, receive, send, send_text,
    },
};

use super::scene::{DIRECT, NOWHERE, Scene, accept, on, on_with};

const INTERRUPTED: &str = "the receiver interrupted the transfer";

/// Hears one error, and nothing after it.
async fn hear_one_error(scene: &Scene) -> String {
    scene.ours.send_message(json!({"marker": 1}).to_string());
    let error = scene.peer.hear_error().await;
    assert_eq!(scene.peer.hear().await, json!({"marker": 1}), "after {error}");
    error
}

/// Offers a file, and lets the code under test look at it.
async fn offer(scene: &Scene) -> Box<IncomingBulk> {
    scene.peer.say_transit(&Hints::default());
    scene.peer.offer_file("f", 7);
    let Incoming::Bulk(bulk) = scene.offered().await.unwrap() else { panic!("a text") };
    scene.peer.hear_transit().await;
    bulk
}

async fn text(scene: &Scene) -> IncomingText {
    scene.peer.say(&json!({"offer": {"message": "hello"}}));
    let Incoming::Text(text) = scene.offered().await.unwrap() else { panic!("no text") };
    text
}

#[actix::test]
async fn a_receiver_hears_its_sender_while_the_link_stands() {
    on(async |scene: &Scene| {
        let offering = async {
            let connection = scene.peer.offer_and_connect(100_000).await;
            connection.send_record(vec![0; 10]).await.unwrap();
            scene.peer.say(&json!({"error": "my disk is gone"}));
            connection
        };
        let (received, _connection) = tokio::join!(scene.receive(), offering);
        assert!(matches!(received, Err(TransferError::Peer(text)) if text == "my disk is gone"));
    })
    .await;
}

#[actix::test]
async fn a_sender_hears_its_receiver_while_it_waits_for_the_confirmation() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", b"content");
        let receiving = async {
            let connection = scene.peer.want_and_connect().await;
            assert_eq!(connection.receive_record(100).await.unwrap(), b"content");
            scene.peer.say(&json!({"error": "my disk is full"}));
            connection
        };
        let (sent, _connection) = tokio::join!(scene.send(plan), receiving);
        assert!(matches!(sent, Err(TransferError::Peer(text)) if text == "my disk is full"));
    })
    .await;
}

#[actix::test]
async fn a_sender_tells_of_a_link_that_it_has_lost() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", &vec![0; 30_000_000]);
        let receiving = async { drop(scene.peer.want_and_connect().await) };
        let (sent, ()) = tokio::join!(scene.send(plan), receiving);
        assert!(matches!(sent, Err(TransferError::Ship(_))), "{sent:?}");
        assert_eq!(hear_one_error(scene).await, "the connection between the two was lost");
    })
    .await;
}

#[actix::test]
async fn an_offer_that_is_dropped_is_answered() {
    on(async |scene: &Scene| {
        drop(offer(scene).await);
        assert_eq!(hear_one_error(scene).await, INTERRUPTED);
        drop(text(scene).await);
        assert_eq!(hear_one_error(scene).await, INTERRUPTED);
    })
    .await;
}

#[actix::test]
async fn a_future_that_is_dropped_tells_once_whether_it_was_begun_or_not() {
    on(async |scene: &Scene| {
        let target = |bulk: &IncomingBulk| {
            let name = bulk.name().unwrap();
            Target::plan(scene.folder.path(), None, &name, bulk.announced).unwrap()
        };
        let bulk = offer(scene).await;
        let target_of_it = target(&bulk);
        drop(bulk.accept_at(target_of_it, |_| ()));
        assert_eq!(hear_one_error(scene).await, INTERRUPTED);

        let bulk = offer(scene).await;
        let target_of_it = target(&bulk);
        tokio::select! {
            landed = bulk.accept_at(target_of_it, |_| ()) => panic!("{landed:?}"),
            answer = scene.peer.hear() => assert_eq!(answer["answer"]["file_ack"], "ok"),
        }
        assert_eq!(hear_one_error(scene).await, INTERRUPTED);
    })
    .await;
}

#[actix::test]
async fn an_offer_that_is_answered_is_not_answered_again() {
    on(async |scene: &Scene| {
        offer(scene).await.reject(Refusal::Rejected);
        assert_eq!(hear_one_error(scene).await, "transfer rejected");
        text(scene).await.reject(Refusal::Unwritten);
        assert_eq!(hear_one_error(scene).await, "the receiver could not write the text");
        text(scene).await.accept();
        scene.ours.send_message(json!({"marker": 1}).to_string());
        assert_eq!(scene.peer.hear().await, json!({"answer": {"message_ack": "ok"}}));
        assert_eq!(scene.peer.hear().await, json!({"marker": 1}));
    })
    .await;
}

#[actix::test]
async fn a_failure_is_told_once() {
    on(async |scene: &Scene| {
        let bulk = offer(scene).await;
        let name = bulk.name().unwrap();
        let folder = scene.folder.path().join("gone");
        std::fs::create_dir(&folder).unwrap();
        let target = Target::plan(&folder, None, &name, bulk.announced).unwrap();
        std::fs::remove_dir(&folder).unwrap();
        assert!(bulk.accept_at(target, |_| ()).await.is_err());
        let told = hear_one_error(scene).await;
        assert_eq!(told, "the receiver could not store what it was sent");
    })
    .await;
}

#[actix::test]
async fn two_who_send_find_out_by_the_offer() {
    on(async |scene: &Scene| {
        let same = |sent| assert!(matches!(sent, Err(TransferError::SameRole(Role::Sender))));
        scene.peer.say_transit(&Hints::default());
        scene.peer.offer_file("f", 1);
        let (_outside, plan) = scene.file("f", b"content");
        same(scene.send(plan).await);
        scene.peer.hear_transit().await;
        assert!(scene.peer.hear().await.get("offer").is_some());
        assert_eq!(hear_one_error(scene).await, "both sides want to send");

        scene.peer.offer_file("f", 1);
        same(send_text(&scene.ours, "hello").await);
        assert!(scene.peer.hear().await.get("offer").is_some());
        assert_eq!(hear_one_error(scene).await, "both sides want to send");
    })
    .await;
}

#[actix::test]
async fn two_who_receive_find_out_by_what_they_announce() {
    on_with(AppVersions::with(&[Ability::Receives]), async |scene: &Scene| {
        let failed = scene.offered().await.err().unwrap();
        assert!(matches!(failed, TransferError::SameRole(Role::Receiver)), "{failed}");
        assert_eq!(hear_one_error(scene).await, "both sides want to receive");
    })
    .await;
    on_with(AppVersions::with(&[Ability::Sends, Ability::Receives]), async |scene: &Scene| {
        offer(scene).await.reject(Refusal::Rejected);
    })
    .await;
}

#[actix::test]
async fn who_asks_a_person_first_hears_the_peer_and_takes_nothing_else() {
    on(async |scene: &Scene| {
        let hello: Value = json!({"hello": 1});
        scene.peer.say(&hello);
        scene.peer.say(&json!({"error": INTERRUPTED}));
        let reason = abandoned(&scene.ours).await;
        assert!(matches!(reason, TransferError::PeerCancelled(text) if text == INTERRUPTED));
        let first = scene.ours.message().await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&first).unwrap(), hello);
    })
    .await;
}

#[actix::test]
async fn a_link_that_never_comes_about_is_told_by_the_receiver_as_well() {
    on(async |scene: &Scene| {
        let bulk = {
            scene.peer.say_transit(&Hints::default());
            scene.peer.offer_file("f", 7);
            let offered = receive(&scene.ours, &NOWHERE).await.unwrap();
            let Incoming::Bulk(bulk) = offered else { panic!("a text") };
            bulk
        };
        let failed = accept(*bulk, scene.folder.path()).await;
        assert!(matches!(failed, Err(TransferError::Transit(_))), "{failed:?}");
        scene.peer.hear_transit().await;
        scene.peer.hear().await;
        assert_eq!(hear_one_error(scene).await, "no connection could be made");
    })
    .await;
}

#[actix::test]
async fn a_peer_that_knows_why_there_is_no_link_is_believed() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", b"content");
        scene.peer.say_transit(&Hints::default());
        scene.peer.say(&json!({"answer": {"file_ack": "ok"}}));
        let sending = send(&scene.ours, plan, &NOWHERE, |_| ());
        let giving_up = async {
            scene.peer.hear_transit().await;
            scene.peer.say(&json!({"error": "my disk is full"}));
        };
        let (sent, ()) = tokio::join!(sending, giving_up);
        assert!(matches!(sent, Err(TransferError::Peer(text)) if text == "my disk is full"));
    })
    .await;
}

#[actix::test]
async fn a_transfer_that_ends_well_is_told_nothing() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", b"content");
        let sending = send(&scene.peer.0, plan, &DIRECT, |_| ());
        let (sent, received) = tokio::join!(sending, scene.receive());
        sent.unwrap();
        received.unwrap();
        for (from, to) in [(&scene.ours, &scene.peer.0), (&scene.peer.0, &scene.ours)] {
            from.send_message(json!({"marker": 1}).to_string());
            let next = to.message().await.unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&next).unwrap(), json!({"marker": 1}));
        }
    })
    .await;
}

#[test]
fn people_may_think_for_a_day() {
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    assert_eq!(Deadlines::default().answer, Some(day));
}
