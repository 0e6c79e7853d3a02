//! Text, files and folders from one of ours to the other.

use std::{cell::RefCell, fs};

use wormhole_client::{
    protocol::{transfer::Refusal, transit::Hints},
    transfer::{
        Event, Incoming, Plan, Target, TransferError, WhenUnsendable, receive, send, send_text,
    },
};

use super::scene::{DIRECT, Scene, accept, on};

#[actix::test]
async fn a_text_arrives_as_it_is() {
    on(async |scene: &Scene| {
        for text in ["", "hello\n", "\u{1b}[31m \0 \u{202e} ä"] {
            let receiving = async {
                match receive(&scene.peer.0, &DIRECT).await.unwrap() {
                    Incoming::Text(incoming) => {
                        assert_eq!(incoming.text, text);
                        incoming.accept();
                    }
                    Incoming::Bulk(_) => panic!("a file came"),
                }
            };
            let (sent, ()) = tokio::join!(send_text(&scene.ours, text), receiving);
            sent.unwrap();
        }
    })
    .await;
}

#[actix::test]
async fn files_of_every_size_arrive() {
    on(async |scene: &Scene| {
        for size in [0, 1, 65_536, 3_000_000] {
            let content: Vec<u8> = (0..size).map(|n: u32| n.to_be_bytes()[3]).collect();
            let name = format!("ä {size}");
            let (_outside, plan) = scene.file(&name, &content);
            let events = RefCell::new(Vec::new());
            let log = |event| events.borrow_mut().push(event);
            let sending = send(&scene.peer.0, plan, &DIRECT, log);
            let (sent, received) = tokio::join!(sending, scene.receive());
            sent.unwrap();
            received.unwrap();
            assert!(fs::read(scene.folder.path().join(name)).unwrap() == content);
            let events = events.into_inner();
            assert!(matches!(events[..2], [Event::Connecting, Event::Connected(_)]));
            let total = u64::from(size);
            assert!(
                events
                    .ends_with(&[Event::Progress { done: total, total: Some(total) }, Event::Sent])
            );
        }
        assert_eq!(scene.received().len(), 4);
    })
    .await;
}

#[actix::test]
async fn a_folder_arrives_whole() {
    on(async |scene: &Scene| {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("folder");
        fs::create_dir_all(folder.join("a/empty")).unwrap();
        fs::write(folder.join("a/file"), b"content").unwrap();
        let plan = Plan::of(&folder, WhenUnsendable::Refuse).unwrap();
        let sending = send(&scene.peer.0, plan, &DIRECT, |_| ());
        let (sent, received) = tokio::join!(sending, scene.receive());
        sent.unwrap();
        received.unwrap();
        assert_eq!(scene.received(), ["folder"]);
        let received = scene.folder.path().join("folder");
        assert_eq!(fs::read(received.join("a/file")).unwrap(), b"content");
        assert!(received.join("a/empty").is_dir());
    })
    .await;
}

#[actix::test]
async fn a_refusal_is_told() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", b"unwanted");
        let receiving = async {
            match receive(&scene.peer.0, &DIRECT).await.unwrap() {
                Incoming::Bulk(bulk) => bulk.reject(Refusal::Rejected),
                Incoming::Text(_) => panic!("a text came"),
            }
        };
        let (sent, ()) = tokio::join!(scene.send(plan), receiving);
        assert!(matches!(sent, Err(TransferError::Peer(text)) if text == "transfer rejected"));
    })
    .await;
}

#[actix::test]
async fn what_is_there_is_not_overwritten() {
    on(async |scene: &Scene| {
        fs::write(scene.folder.path().join("f"), b"mine").unwrap();
        let (_outside, plan) = scene.file("f", b"theirs");
        let sending = send(&scene.peer.0, plan, &DIRECT, |_| ());
        let receiving = async {
            let Incoming::Bulk(bulk) = scene.offered().await.unwrap() else { panic!("a text") };
            // It appears only after the question whether to take the offer.
            fs::remove_file(scene.folder.path().join("f")).unwrap();
            let name = bulk.name().unwrap();
            let target = Target::plan(scene.folder.path(), None, &name, bulk.announced);
            fs::write(scene.folder.path().join("f"), b"mine").unwrap();
            bulk.accept_at(target.unwrap(), |_| ()).await
        };
        let (sent, received) = tokio::join!(sending, receiving);
        assert!(matches!(received, Err(TransferError::Arrival(_))), "{received:?}");
        let told = "the receiver could not store what it was sent";
        assert!(matches!(sent, Err(TransferError::Peer(text)) if text == told));
        assert_eq!(scene.received(), ["f"]);
        assert_eq!(fs::read(scene.folder.path().join("f")).unwrap(), b"mine");
    })
    .await;
}

#[actix::test]
async fn a_name_that_is_none_is_refused() {
    on(async |scene: &Scene| {
        for hostile in ["", "a\0b", "../x", "/etc/passwd", "a/b", "a/", ".."] {
            scene.peer.say_transit(&Hints::default());
            scene.peer.offer_file(hostile, 0);
            let Incoming::Bulk(bulk) = scene.offered().await.unwrap() else { panic!("a text") };
            assert_eq!(bulk.offered_name, hostile);
            let failed = accept(*bulk, scene.folder.path()).await;
            assert!(matches!(failed, Err(TransferError::Name(_))), "{hostile:?}: {failed:?}");
            scene.peer.hear_transit().await;
            let told = scene.peer.hear_error().await;
            assert_eq!(told, "the receiver interrupted the transfer");
        }
        assert_eq!(scene.received(), [""; 0]);
    })
    .await;
}
