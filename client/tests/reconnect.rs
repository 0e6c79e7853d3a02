//! The connection is lost at every point of a session, and the session goes on; it ends in order
//! however it ends.

#![allow(clippy::unwrap_used)]

mod scripted;

use futures_util::future::join_all;
use scripted::{
    Server, guarded,
    honest::{Cut, Honest},
    session::{CODE, Session, Stage, body, claim, closed, open, released},
};
use serde_json::json;
use tokio::time::{self, Instant};
use wormhole_client::{Error, Wormhole};

/// What the first client sends: bind, allocate, claim, open, pake, release, version, three messages,
/// close.
const FRAMES: usize = 11;

/// Sends three messages and gives the three that come.
async fn exchange(wormhole: &Wormhole, name: &str) -> Vec<String> {
    let mut heard = Vec::new();
    for number in 0..3 {
        wormhole.send_message(format!("{name}{number}"));
        let message = wormhole.message().await.unwrap();
        heard.push(String::from_utf8(message.to_vec()).unwrap());
    }
    heard
}

/// Lets two clients talk while the first connection is lost once.
async fn talk_over(cut: Cut) {
    let honest = Honest::start(Some(cut)).await;
    let both = [(); 2].map(|()| Wormhole::builder(scripted::APPID, honest.url.clone()).open());
    let [a, b] = &both;
    a.welcome().await.unwrap();
    a.allocate_code(2).unwrap();
    b.set_code(a.code().await.unwrap().as_str()).unwrap();
    let (at_a, at_b) = tokio::join!(exchange(a, "a"), exchange(b, "b"));
    assert_eq!(at_a, ["b0", "b1", "b2"], "{cut:?}");
    assert_eq!(at_b, ["a0", "a1", "a2"], "{cut:?}");
    assert_eq!(a.verifier().await, b.verifier().await, "{cut:?}");
    assert_eq!(tokio::join!(a.close(), b.close()), (Ok(()), Ok(())), "{cut:?}");

    let shared = honest.shared.borrow();
    let sides = &shared.bound;
    // Where the first `bind` was not heard there was no connection for the server, and after the
    // answer to `close` there is no need of another one.
    let one_less =
        matches!(cut, Cut { frame: 1, heard: false } | Cut { frame: FRAMES, heard: true });
    let connections = if one_less { 2 } else { 3 };
    assert_eq!(sides.len(), connections, "{cut:?}: {sides:?}");
    let distinct: std::collections::BTreeSet<_> = sides.iter().collect();
    assert_eq!(distinct.len(), 2, "{cut:?}: each keeps its side");
    assert!(shared.moods.iter().all(|mood| mood == "happy"), "{cut:?}");
}

#[actix::test]
async fn a_connection_lost_at_any_frame_costs_nothing() {
    let cuts = (1..=FRAMES).flat_map(|frame| [false, true].map(|heard| Cut { frame, heard }));
    guarded(join_all(cuts.map(talk_over))).await;
}

#[actix::test]
async fn what_was_not_echoed_is_said_again_in_order() {
    guarded(async {
        let mut session = Session::at(Stage::Opened).await;
        let (agreed, version) = session.agree().await;
        session.line.send(&agreed.sealed("version", b"{}")).await;
        session.wormhole.send_message("zero");
        let zero = session.line.next().await.unwrap();
        let pake = session.pake.clone();
        session.echo("pake", &pake).await;
        // Messages come in order, so after this one the echo has been heard as well.
        session.line.send(&agreed.sealed("0", b"theirs")).await;
        session.wormhole.message().await.unwrap();

        session.reconnect().await;
        session.line.expect(json!({"type": "open", "mailbox": "mb"})).await;
        session.line.expect(version).await;
        session.line.expect(zero).await;
        // The server tells everything again; the application hears what is new, and it once.
        for (phase, text) in [("version", "{}"), ("0", "theirs"), ("1", "new")] {
            session.line.send(&agreed.sealed(phase, text.as_bytes())).await;
        }
        assert_eq!(session.wormhole.message().await.unwrap()[..], *b"new");
        session.wormhole.send_message("one");
        let one = session.line.next().await.unwrap();
        assert_eq!(agreed.open(&session.side, "1", &one), b"one");
        assert_eq!(session.close("happy").await, Ok(()));
    })
    .await;
}

#[actix::test]
async fn what_was_not_answered_is_asked_again() {
    let allocate = async {
        let server = Server::bind().await;
        let wormhole = open(&server);
        wormhole.allocate_code(2).unwrap();
        let mut line = server.accept().await;
        line.welcome().await;
        let side = line.bound().await;
        line.expect(json!({"type": "allocate"})).await;
        line.lose().await;
        line = server.accept().await;
        line.welcome().await;
        assert_eq!(line.bound().await, side);
        line.expect(json!({"type": "allocate"})).await;
        line.send(&json!({"type": "allocated", "nameplate": "1"})).await;
        line.expect(claim()).await;
    };
    let list = async {
        let server = Server::bind().await;
        let wormhole = open(&server);
        let _entry = wormhole.input_code().unwrap();
        let mut line = server.accept().await;
        line.welcome().await;
        line.bound().await;
        line.expect(json!({"type": "list"})).await;
        line.lose().await;
        line = server.accept().await;
        line.welcome().await;
        line.bound().await;
        line.expect(json!({"type": "list"})).await;
    };
    let release = async {
        let mut session = Session::at(Stage::Opened).await;
        session.line.send(&scripted::peer::Peer::new(CODE).pake()).await;
        let release = json!({"type": "release", "nameplate": "1"});
        session.line.expect(release.clone()).await;
        body(session.line.next().await, "version");
        session.reconnect().await;
        session.line.expect(release).await;
        session.line.expect(json!({"type": "open", "mailbox": "mb"})).await;
    };
    guarded(async { tokio::join!(allocate, list, release) }).await;
}

#[actix::test]
async fn a_connection_lost_while_closing_is_made_again_to_close() {
    guarded(async {
        let mut session = Session::at(Stage::Opened).await;
        let wormhole = session.wormhole.clone();
        let closing = tokio::task::spawn_local(async move { wormhole.close().await });
        let release = json!({"type": "release", "nameplate": "1"});
        session.line.expect(release.clone()).await;
        let close = json!({"type": "close", "mailbox": "mb", "mood": "lonely"});
        session.line.expect(close).await;
        session.reconnect().await;
        session.farewell("lonely").await;
        assert_eq!(closing.await.unwrap(), Err(Error::Lonely));
    })
    .await;
}

#[actix::test]
async fn closing_while_there_is_no_connection_waits_for_the_next() {
    guarded(async {
        let mut session = Session::at(Stage::Opened).await;
        session.line.message(actix_http::ws::Message::Close(None)).await;
        session.line.ended().await;
        let wormhole = session.wormhole.clone();
        let closing = tokio::task::spawn_local(async move { wormhole.close().await });
        session.reconnect().await;
        session.farewell("lonely").await;
        assert_eq!(closing.await.unwrap(), Err(Error::Lonely));
    })
    .await;
}

#[actix::test]
async fn the_last_handle_dropped_closes_in_order() {
    guarded(async {
        for stage in [Stage::Claiming, Stage::Opened, Stage::Verified] {
            let mut session = Session::at(stage).await;
            let clone = session.wormhole.clone();
            session.wormhole = Wormhole::builder("other", "ws://127.0.0.1:1/").open();
            drop(clone);
            session.farewell(if stage == Stage::Verified { "happy" } else { "lonely" }).await;
        }
    })
    .await;
}

#[actix::test]
async fn a_message_sent_just_before_the_last_handle_goes_is_still_sent() {
    guarded(async {
        let mut session = Session::at(Stage::Opened).await;
        let agreed = session.verify().await;
        session.wormhole.send_message("last words");
        session.wormhole = Wormhole::builder("other", "ws://127.0.0.1:1/").open();
        let last = session.line.next().await.unwrap();
        assert_eq!(agreed.open(&session.side, "0", &last), b"last words");
        closed(&mut session.line, "happy").await;
        session.line.ended().await;
    })
    .await;
}

#[actix::test]
async fn a_server_that_does_not_answer_is_left_after_five_seconds() {
    let mut session = Session::at(Stage::Opened).await;
    let wormhole = session.wormhole.clone();
    let closing = tokio::task::spawn_local(async move { wormhole.close().await });
    let begun = Instant::now();
    released(&mut session.line).await;
    session.line.expect(json!({"type": "close", "mailbox": "mb", "mood": "lonely"})).await;
    // Both sides wait for nothing but time from here on.
    time::pause();
    let paused = Instant::now();
    assert_eq!(guarded(closing).await.unwrap(), Err(Error::Lonely));
    assert!(begun.elapsed().as_secs() >= 5, "{:?}", begun.elapsed());
    assert!(paused.elapsed().as_secs() < 30, "{:?}", paused.elapsed());
    time::resume();
    guarded(session.line.ended()).await;
}

#[actix::test]
async fn a_server_that_is_gone_for_good_is_left_after_five_seconds() {
    let Session { wormhole, server, line, .. } = Session::at(Stage::Opened).await;
    drop((server, line));
    assert_eq!(guarded(wormhole.close()).await, Err(Error::Lonely));
}
