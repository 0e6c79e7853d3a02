//! What is kept of a transfer that ends in the middle.

use std::{cell::RefCell, fs};

use serde_json::Value;
use sha2::{Digest, Sha256};
use wormhole_client::{
    transfer::{Event, TransferError},
    transit::LandError,
};

use super::scene::{Scene, on};

/// The note beside what was kept, and the name of the file.
fn note(scene: &Scene) -> (Value, String) {
    let [data, note] = &scene.received()[..] else { panic!("{:?}", scene.received()) };
    assert!(data.starts_with("f.part-"), "{data}");
    assert_eq!(*note, format!("{data}.json"));
    let text = fs::read(scene.folder.path().join(note)).unwrap();
    (serde_json::from_slice(&text).unwrap(), data.clone())
}

#[actix::test]
async fn what_came_is_kept_where_that_is_asked_for() {
    on(async |scene: &Scene| {
        let events = RefCell::new(Vec::new());
        let receiving = async {
            let bulk = scene.bulk().await;
            let target = scene.target(&bulk);
            bulk.accept_at(target.keep_partial(true), |event| events.borrow_mut().push(event)).await
        };
        let offering = async {
            let connection = scene.peer.offer_and_connect(100_000).await;
            connection.send_record(vec![7; 30_000]).await.unwrap();
        };
        let (received, ()) = tokio::join!(receiving, offering);
        assert!(matches!(received, Err(TransferError::Land(LandError::Short { .. }))));
        let (note, data) = note(scene);
        let content = fs::read(scene.folder.path().join(&data)).unwrap();
        assert_eq!(content, [7; 30_000]);
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(&content));
        assert_eq!(note["offered_name"], "f");
        assert_eq!(note["announced_bytes"], 100_000);
        assert_eq!(note["received"], 30_000);
        assert_eq!(note["sha256"], hash);
        assert_eq!(note["data"], data);
        assert!(note["begun"].as_u64().unwrap() <= note["interrupted"].as_u64().unwrap());
        let events = events.into_inner();
        assert!(events.contains(&Event::Keeping(scene.folder.path().join(data))));
        let far = Event::Progress { done: 30_000, total: Some(100_000) };
        assert!(events.contains(&far), "{events:?}");
    })
    .await;
}

#[actix::test]
async fn what_is_dropped_in_the_middle_is_kept_too() {
    on(async |scene: &Scene| {
        drop(scene.broken_off(true).await);
        // The thread that writes is the last to let go.
        while note(scene).0.get("received").is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(note(scene).0["received"], 1000);
    })
    .await;
}

#[actix::test]
async fn nothing_is_kept_of_nothing_or_of_what_arrived() {
    on(async |scene: &Scene| {
        for sent in [0, 10] {
            let receiving = async {
                let bulk = scene.bulk().await;
                let target = scene.target(&bulk);
                bulk.accept_at(target.keep_partial(true), |_| ()).await
            };
            let offering = async {
                let connection = scene.peer.offer_and_connect(10).await;
                if sent > 0 {
                    connection.send_record(vec![0; sent]).await.unwrap();
                    drop(connection.receive_record(1000).await);
                }
            };
            let (received, ()) = tokio::join!(receiving, offering);
            assert_eq!(received.is_ok(), sent == 10);
            if sent == 0 {
                scene.peer.hear_error().await;
            }
            assert_eq!(scene.received(), if sent == 10 { vec!["f"] } else { vec![] });
        }
    })
    .await;
}
