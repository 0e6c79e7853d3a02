//! Transfers that end because somebody wants it, or because they take too long.

use std::{cell::RefCell, io, time::Duration};

use serde_json::json;
use tokio::{sync::watch, time};
use wormhole_client::{
    protocol::transit::Hints,
    transfer::{
        Awaited, Cancel, Deadlines, Event, Incoming, Plan, Target, Terms, TransferError,
        receive_on, send, send_on,
    },
};

use super::scene::{DIRECT, Scene, on};

const LIMIT: Duration = Duration::from_secs(5);

fn deadlines(deadlines: Deadlines) -> Terms {
    Terms { deadlines, cancel: Cancel::new() }
}

/// Stops the clock until it is moved on; sockets need no clock.
async fn later() {
    time::advance(LIMIT).await;
}

fn assert_late(failed: Result<(), TransferError>, expected: Awaited) {
    match failed {
        Err(TransferError::Late { awaited, limit: LIMIT }) => assert_eq!(awaited, expected),
        other => panic!("{expected:?}: {other:?}"),
    }
}

const TOO_LONG: &str = "the transfer took too long";

#[actix::test]
async fn the_answer_has_a_deadline() {
    on(async |scene: &Scene| {
        let terms = deadlines(Deadlines { answer: Some(LIMIT), ..Deadlines::default() });
        let (_outside, plan) = scene.file("f", b"content");
        let sending = send_on(&terms, &scene.ours, plan, &DIRECT, |_| ());
        let peer = async {
            scene.peer.hear_transit().await;
            scene.peer.hear().await;
            time::pause();
            later().await;
            time::resume();
            assert_eq!(scene.peer.hear_error().await, TOO_LONG);
        };
        let (sent, ()) = tokio::join!(sending, peer);
        assert!(
            sent.as_ref().unwrap_err().to_string().starts_with("waited 5s for the peer's answer")
        );
        assert_late(sent, Awaited::Answer);
    })
    .await;
}

#[actix::test]
async fn the_offer_has_a_deadline() {
    on(async |scene: &Scene| {
        let terms = deadlines(Deadlines { answer: Some(LIMIT), ..Deadlines::default() });
        time::pause();
        let (offered, ()) = tokio::join!(receive_on(&terms, &scene.ours, &DIRECT), later());
        time::resume();
        assert_late(offered.map(drop), Awaited::Offer);
        assert_eq!(scene.peer.hear_error().await, TOO_LONG);
    })
    .await;
}

#[actix::test]
async fn the_connection_has_a_deadline() {
    on(async |scene: &Scene| {
        let terms = deadlines(Deadlines { connect: Some(LIMIT), ..Deadlines::default() });
        let (_outside, plan) = scene.file("f", b"content");
        let (begun, mut begins) = watch::channel(false);
        let sending = send_on(&terms, &scene.ours, plan, &DIRECT, |event| {
            begun.send_replace(event == Event::Connecting);
        });
        let peer = async {
            scene.peer.say_transit(&Hints::default());
            scene.peer.say(&json!({"answer": {"file_ack": "ok"}}));
            begins.wait_for(|begins| *begins).await.unwrap();
            time::pause();
            later().await;
            time::resume();
        };
        let (sent, ()) = tokio::join!(sending, peer);
        assert_late(sent, Awaited::Connection);
    })
    .await;
}

/// Sends seven bytes to a peer that takes them and says nothing.
async fn unconfirmed(scene: &Scene, terms: &Terms, expected: Awaited) {
    let (_outside, plan) = scene.file("f", b"content");
    let (done, mut progressed) = watch::channel(false);
    let sending = send_on(terms, &scene.ours, plan, &DIRECT, |event| {
        if event == Event::Sent {
            done.send_replace(true);
        }
    });
    let peer = async {
        let connection = scene.peer.want_and_connect().await;
        progressed.wait_for(|sent| *sent).await.unwrap();
        time::pause();
        later().await;
        time::resume();
        connection
    };
    let (sent, _connection) = tokio::join!(sending, peer);
    assert_late(sent, expected);
}

#[actix::test]
async fn the_confirmation_and_the_whole_have_deadlines() {
    on(async |scene: &Scene| {
        let none = Deadlines { stall: None, ..Deadlines::default() };
        let confirm = deadlines(Deadlines { confirm: Some(LIMIT), ..none });
        unconfirmed(scene, &confirm, Awaited::Confirmation).await;
        assert_eq!(scene.peer.hear_error().await, TOO_LONG);
        let whole = deadlines(Deadlines { whole: Some(LIMIT), ..none });
        unconfirmed(scene, &whole, Awaited::End).await;
    })
    .await;
}

#[actix::test]
async fn bytes_that_stop_are_noticed_on_both_sides() {
    on(async |scene: &Scene| {
        let terms = deadlines(Deadlines { stall: Some(LIMIT), ..Deadlines::default() });
        let (came, mut begun) = watch::channel(0);
        let receiving = async {
            let Incoming::Bulk(bulk) = receive_on(&terms, &scene.ours, &DIRECT).await? else {
                panic!("a text")
            };
            let name = bulk.name()?;
            let target = Target::plan(scene.folder.path(), None, &name, bulk.announced)?;
            let count = |event| {
                if let Event::Progress { done, .. } = event {
                    came.send_replace(done);
                }
            };
            bulk.accept_at(target, count).await.map(drop)
        };
        let peer = async {
            let connection = scene.peer.offer_and_connect(100).await;
            for done in [1, 2] {
                connection.send_record(b"x".to_vec()).await.unwrap();
                begun.wait_for(|came| *came == done).await.unwrap();
                // No single pause is too long.
                time::pause();
                time::advance(LIMIT * 3 / 4).await;
                time::resume();
            }
            time::pause();
            later().await;
            time::resume();
            assert_eq!(scene.peer.hear_error().await, TOO_LONG);
        };
        let (received, ()) = tokio::join!(receiving, peer);
        assert_late(received, Awaited::Bytes);
    })
    .await;
}

#[actix::test]
async fn a_cancelled_transfer_says_how_far_it_came_and_tells_the_peer() {
    on(async |scene: &Scene| {
        let terms = Terms::default();
        let events = RefCell::new(Vec::new());
        let size = 40_000_000;
        let plan =
            Plan::reader(&"zeros".parse().unwrap(), size, io::Read::take(io::repeat(0), size));
        let sending = send_on(&terms, &scene.peer.0, plan, &DIRECT, |event| {
            if matches!(event, Event::Progress { done: 1.., .. }) {
                terms.cancel.cancel();
            }
            events.borrow_mut().push(event);
        });
        let (sent, received) = tokio::join!(sending, scene.receive());
        let Err(TransferError::Cancelled { done, total }) = sent else { panic!("{sent:?}") };
        assert!(0 < done && done < size && total == Some(size));
        assert_eq!(events.borrow().last(), Some(&Event::Cancelled { done, total }));
        let words = "the sender interrupted the transfer";
        assert!(matches!(received, Err(TransferError::PeerCancelled(text)) if text == words));
        assert_eq!(scene.received(), [""; 0]);

        let (_outside, plan) = scene.file("f", b"content");
        let again = send_on(&terms, &scene.ours, plan, &DIRECT, |_| ()).await;
        assert!(matches!(again, Err(TransferError::Cancelled { done: 0, total: None })));
    })
    .await;
}

#[actix::test]
async fn a_transfer_that_is_dropped_tells_the_peer() {
    on(async |scene: &Scene| {
        let (_outside, plan) = scene.file("f", b"content");
        tokio::select! {
            sent = send(&scene.ours, plan, &DIRECT, |_| ()) => panic!("{sent:?}"),
            _ = scene.peer.hear_transit() => {}
        }
        scene.peer.hear().await;
        assert_eq!(scene.peer.hear_error().await, "the sender interrupted the transfer");
        // Those who take the message's words for what they are.
        for words in ["the sender interrupted the transfer", "Task has been cancelled"] {
            scene.peer.say(&json!({"error": words}));
            let failed = scene.offered().await.err().unwrap();
            assert!(matches!(failed, TransferError::PeerCancelled(text) if text == words));
        }
    })
    .await;
}
