//! The acknowledgement that the receiver repeats over the mailbox, between two who announce it.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wormhole_client::transfer::{Ability, AppVersions, TransferError};

use super::scene::{Scene, on, on_with};

const CONTENT: &[u8] = b"content";

async fn on_both(test: impl AsyncFnOnce(&Scene)) {
    on_with(AppVersions::with(&[Ability::Ack]), test).await;
}

fn ack(content: &[u8]) -> Value {
    json!({"ack": "ok", "sha256": HEXLOWER.encode(&Sha256::digest(content))})
}

/// The same as a message.
fn repeated(content: &[u8]) -> Value {
    json!({"ack": ack(content)})
}

/// Receives as the code under test, from a sender that reads the last record and hangs up.
async fn received(scene: &Scene) -> Value {
    let offering = async {
        let connection = scene.peer.offer_and_connect(CONTENT.len() as u64).await;
        connection.send_record(CONTENT.to_vec()).await.unwrap();
        connection.receive_record(1000).await.unwrap()
    };
    let (received, record) = tokio::join!(scene.receive(), offering);
    received.unwrap();
    serde_json::from_slice(&record).unwrap()
}

/// Sends as the code under test, to a receiver that takes all, says this, and may hang up first.
async fn sent(scene: &Scene, word: Value, hangs_up: bool) -> Result<(), TransferError> {
    let (_outside, plan) = scene.file("f", CONTENT);
    let receiving = async {
        let connection = scene.peer.want_and_connect().await;
        assert_eq!(connection.receive_record(100).await.unwrap(), CONTENT);
        let connection = (!hangs_up).then_some(connection);
        scene.peer.say(&word);
        connection
    };
    tokio::join!(scene.send(plan), receiving).0
}

#[actix::test]
async fn a_receiver_says_it_in_both_places() {
    on_both(async |scene: &Scene| {
        assert_eq!(received(scene).await, ack(CONTENT));
        assert_eq!(scene.peer.hear().await, repeated(CONTENT));
    })
    .await;
}

#[actix::test]
async fn a_receiver_does_not_bother_others_with_it() {
    on(async |scene: &Scene| {
        assert_eq!(received(scene).await, ack(CONTENT));
        scene.ours.send_message(json!({"marker": 1}).to_string());
        assert_eq!(scene.peer.hear().await, json!({"marker": 1}));
    })
    .await;
}

#[actix::test]
async fn a_sender_takes_what_comes_first() {
    on_both(async |scene: &Scene| {
        for hangs_up in [false, true] {
            sent(scene, repeated(CONTENT), hangs_up).await.unwrap();
        }
    })
    .await;
}

#[actix::test]
async fn its_hash_is_checked_likewise() {
    on_both(async |scene: &Scene| {
        let failed = sent(scene, repeated(b"other bytes"), true).await;
        assert!(matches!(failed, Err(TransferError::Hash)), "{failed:?}");
    })
    .await;
    on_both(async |scene: &Scene| {
        let failed = sent(scene, json!({"ack": {"ack": "not at all"}}), false).await;
        assert!(matches!(failed, Err(TransferError::NotOk(word)) if word == "not at all"));
    })
    .await;
}

#[actix::test]
async fn it_may_overtake_the_last_bytes() {
    on_both(async |scene: &Scene| {
        let content = vec![7; 30_000_000];
        let (_outside, plan) = scene.file("f", &content);
        let receiving = async {
            let connection = scene.peer.want_and_connect().await;
            // The sender is in the midst of it: nobody has read yet.
            scene.peer.say(&repeated(&content));
            let mut left = content.len();
            while left > 0 {
                left -= connection.receive_record(1 << 20).await.unwrap().len();
            }
        };
        tokio::join!(scene.send(plan), receiving).0.unwrap();
    })
    .await;
}
