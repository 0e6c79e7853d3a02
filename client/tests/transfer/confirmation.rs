//! The last record, by which the receiver confirms what it got.

use data_encoding::{HEXLOWER, HEXUPPER};
use serde_json::json;
use sha2::{Digest, Sha256};
use wormhole_client::transfer::TransferError;

use super::scene::{Scene, on};

const CONTENT: &[u8] = b"content";

/// Sends a file to a receiver that confirms it so.
async fn confirmed(scene: &Scene, ack: Option<String>) -> Result<(), TransferError> {
    let (_outside, plan) = scene.file("f", CONTENT);
    let receiving = async {
        let connection = scene.peer.want_and_connect().await;
        assert_eq!(connection.receive_record(100).await.unwrap(), CONTENT);
        if let Some(ack) = ack {
            connection.send_record(ack.into_bytes()).await.unwrap();
            connection.finish().await;
        }
    };
    tokio::join!(scene.send(plan), receiving).0
}

#[actix::test]
async fn a_good_one_ends_the_transfer_well() {
    on(async |scene: &Scene| {
        let hash = Sha256::digest(CONTENT);
        for ack in [
            json!({"ack": "ok", "sha256": HEXLOWER.encode(&hash)}),
            json!({"ack": "ok", "sha256": HEXUPPER.encode(&hash), "more": 1}),
            json!({"ack": "ok"}),
        ] {
            confirmed(scene, Some(ack.to_string())).await.unwrap();
        }
    })
    .await;
}

#[actix::test]
async fn other_bytes_or_another_word_are_told() {
    on(async |scene: &Scene| {
        let other = json!({"ack": "ok", "sha256": "0".repeat(64)}).to_string();
        let failed = confirmed(scene, Some(other)).await;
        assert!(matches!(failed, Err(TransferError::Hash)), "{failed:?}");
        let failed = confirmed(scene, Some(json!({"ack": "disk full"}).to_string())).await;
        assert!(matches!(failed, Err(TransferError::NotOk(word)) if word == "disk full"));
    })
    .await;
}

#[actix::test]
async fn garbage_is_told() {
    on(async |scene: &Scene| {
        for garbage in ["", "ok", "{}", r#"{"ack": 1}"#, r#"{"ack": "ok", "sha256": "abc"}"#] {
            let failed = confirmed(scene, Some(garbage.to_owned())).await;
            assert!(matches!(failed, Err(TransferError::BadAck(_))), "{garbage}: {failed:?}");
            let told = scene.peer.hear_error().await;
            assert_eq!(told, "the receiver broke the transfer protocol");
        }
    })
    .await;
}

#[actix::test]
async fn none_at_all_is_told() {
    on(async |scene: &Scene| {
        let failed = confirmed(scene, None).await;
        assert!(matches!(failed, Err(TransferError::Unconfirmed)), "{failed:?}");
    })
    .await;
}

#[actix::test]
async fn the_reason_that_follows_is_preferred() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", CONTENT);
        let receiving = async {
            let connection = scene.peer.want_and_connect().await;
            drop(connection);
            scene.peer.say(&json!({"error": "my disk is full"}));
        };
        let (failed, ()) = tokio::join!(scene.send(plan), receiving);
        assert!(matches!(failed, Err(TransferError::Peer(text)) if text == "my disk is full"));
    })
    .await;
}
