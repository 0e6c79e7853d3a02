//! Data of unknown length: as it comes to who takes that, measured first for everybody else.

use std::{
    cell::RefCell,
    collections::VecDeque,
    fs,
    io::{self, Read},
    sync::mpsc,
};

use serde_json::json;
use wormhole_client::{
    protocol::{
        transfer::{Ability, AppVersions},
        transit::{Hints, Role},
    },
    transfer::{Event, Incoming, Plan, TransferError, send},
    transit::LandError,
};

use super::scene::{DIRECT, Scene, accept, on, on_with};

const CONTENT: &[u8] = b"as much as there is";

/// Gives what a test sends it, and waits for more until the test lets go.
struct Typed(mpsc::Receiver<Vec<u8>>);

impl Read for Typed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.0.recv().unwrap_or_default();
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

fn plan(reader: impl Read + Send + 'static) -> Plan {
    Plan::stream(&"s".parse().unwrap(), reader)
}

#[actix::test]
async fn between_two_of_ours_it_goes_as_it_comes() {
    on_with(AppVersions::with(&[Ability::Streams]), async |scene: &Scene| {
        let (types, typed) = mpsc::channel();
        // The second piece is typed when the first has been sent, the end when both have.
        let pieces = [(0, vec![1; 10]), (10, vec![2; 20]), (30, Vec::new())];
        let pieces = RefCell::new(VecDeque::from(pieces));
        let told = |event| match event {
            Event::Progress { done, total: None } => {
                let mut pieces = pieces.borrow_mut();
                if pieces.front().is_some_and(|(due, _)| *due == done) {
                    types.send(pieces.pop_front().unwrap().1).unwrap();
                }
            }
            Event::Progress { .. } | Event::Spooling => panic!("{event:?}"),
            _ => {}
        };
        let sending = send(&scene.peer.0, plan(Typed(typed)), &DIRECT, told);
        let receiving = async {
            let Incoming::Bulk(bulk) = scene.offered().await.unwrap() else { panic!("a text") };
            assert_eq!(bulk.announced.wire_size(), None);
            accept(*bulk, scene.folder.path()).await
        };
        let (sent, received) = tokio::join!(sending, receiving);
        sent.unwrap();
        received.unwrap();
        let expected = [vec![1; 10], vec![2; 20]].concat();
        assert_eq!(fs::read(scene.folder.path().join("s")).unwrap(), expected);
    })
    .await;
}

#[actix::test]
async fn nothing_and_much_arrive_as_well() {
    on_with(AppVersions::with(&[Ability::Streams]), async |scene: &Scene| {
        for size in [0, 1, 3_000_000] {
            let content: Vec<u8> = (0..size).map(|n: u32| n.to_be_bytes()[3]).collect();
            let sending =
                send(&scene.peer.0, plan(io::Cursor::new(content.clone())), &DIRECT, |_| ());
            let (sent, received) = tokio::join!(sending, scene.receive());
            sent.unwrap();
            received.unwrap();
            let place = scene.folder.path().join("s");
            assert!(fs::read(&place).unwrap() == content);
            fs::remove_file(place).unwrap();
        }
    })
    .await;
}

#[actix::test]
async fn a_peer_that_does_not_say_it_takes_such_gets_a_file() {
    on(async |scene: &Scene| {
        let events = RefCell::new(Vec::new());
        let sending =
            send(&scene.ours, plan(CONTENT), &DIRECT, |event| events.borrow_mut().push(event));
        // As Rust programs do, at once: these must not be lost while the data is read.
        scene.peer.say_transit(&Hints::default());
        let receiving = async {
            let hints = scene.peer.hear_transit().await;
            let offer = scene.peer.hear().await;
            assert_eq!(
                offer,
                json!({"offer": {"file": {"filename": "s", "filesize": CONTENT.len()}}})
            );
            scene.peer.say(&json!({"answer": {"file_ack": "ok"}}));
            let connection = scene.peer.connect(Role::Receiver, &hints).await;
            assert_eq!(connection.receive_record(100).await.unwrap(), CONTENT);
            connection.send_record(br#"{"ack": "ok"}"#.to_vec()).await.unwrap();
            connection.finish().await;
        };
        tokio::join!(sending, receiving).0.unwrap();
        assert_eq!(events.borrow()[0], Event::Spooling);
    })
    .await;
}

#[actix::test]
async fn who_gives_up_while_it_is_measured_is_heard() {
    on(async |scene: &Scene| {
        let (_types, typed) = mpsc::channel();
        scene.peer.say(&json!({"error": "that takes long"}));
        let failed = send(&scene.ours, plan(Typed(typed)), &DIRECT, |_| ()).await;
        assert!(matches!(failed, Err(TransferError::Peer(text)) if text == "that takes long"));
    })
    .await;
}

#[actix::test]
async fn the_end_must_be_said() {
    on(async |scene: &Scene| {
        let offering = async {
            scene.peer.say_transit(&Hints::default());
            scene.peer.say(&json!({"offer": {"stream": {"filename": "s"}}}));
            let hints = scene.peer.hear_transit().await;
            assert_eq!(scene.peer.hear().await, json!({"answer": {"file_ack": "ok"}}));
            let connection = scene.peer.connect(Role::Sender, &hints).await;
            connection.send_record(CONTENT.to_vec()).await.unwrap();
            drop(connection);
        };
        let (received, ()) = tokio::join!(scene.receive(), offering);
        assert!(matches!(received, Err(TransferError::Land(LandError::NoEnd))), "{received:?}");
        assert_eq!(scene.received(), [""; 0]);
    })
    .await;
}

#[actix::test]
async fn a_source_that_fails_does_not_seem_complete() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk burns"))
        }
    }
    on_with(AppVersions::with(&[Ability::Streams]), async |scene: &Scene| {
        let source = CONTENT.chain(Fails);
        let sending = send(&scene.peer.0, plan(source), &DIRECT, |_| ());
        let (sent, received) = tokio::join!(sending, scene.receive());
        assert!(sent.unwrap_err().to_string().contains("the disk burns"));
        assert!(matches!(received, Err(TransferError::Peer(_))), "{received:?}");
        assert_eq!(scene.received(), [""; 0]);
    })
    .await;
}

#[actix::test]
async fn a_reader_of_a_known_size_must_have_it() {
    on(async |scene: &Scene| {
        let name = "r".parse().unwrap();
        let sending = send(&scene.peer.0, Plan::reader(&name, 19, CONTENT), &DIRECT, |_| ());
        let (sent, received) = tokio::join!(sending, scene.receive());
        sent.unwrap();
        received.unwrap();
        assert_eq!(fs::read(scene.folder.path().join("r")).unwrap(), CONTENT);
        let name = "other".parse().unwrap();
        for size in [18, 20] {
            let plan = Plan::reader(&name, size, CONTENT);
            let sending = send(&scene.peer.0, plan, &DIRECT, |_| ());
            let (sent, received) = tokio::join!(sending, scene.receive());
            let told = sent.unwrap_err().to_string();
            assert!(told.contains("'other' changed while it was being sent"), "{told}");
            assert!(received.is_err());
        }
        assert_eq!(scene.received(), ["r"]);
    })
    .await;
}
