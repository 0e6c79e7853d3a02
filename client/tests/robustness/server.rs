//! A server that answers with what is no answer, or not the one that is due.

use actix_http::ws::{Item, Message};
use futures_util::future::join_all;
use serde_json::{Value, json};
use wormhole_client::Error;

use crate::scripted::{
    Server, guarded,
    peer::message,
    session::{CODE, Session, Stage, claim, open},
};

/// Text frames that are no answer of the protocol: garbage, and each type with wrong keys.
const NO_ANSWERS: &[&str] = &[
    "",
    "{",
    "junk",
    "null",
    "[]",
    "\"welcome\"",
    "{}",
    r#"{"type": null}"#,
    r#"{"type": 1}"#,
    r#"{"type": ["welcome"]}"#,
    r#"{"type": "welcome"}"#,
    r#"{"type": "welcome", "welcome": "hi"}"#,
    r#"{"type": "nameplates"}"#,
    r#"{"type": "nameplates", "nameplates": {}}"#,
    r#"{"type": "nameplates", "nameplates": [{}]}"#,
    r#"{"type": "nameplates", "nameplates": [{"id": 4}]}"#,
    r#"{"type": "allocated"}"#,
    r#"{"type": "allocated", "nameplate": 4}"#,
    r#"{"type": "allocated", "nameplate": "four"}"#,
    r#"{"type": "claimed"}"#,
    r#"{"type": "claimed", "mailbox": null}"#,
    r#"{"type": "message"}"#,
    r#"{"type": "message", "side": "s", "phase": "pake"}"#,
    r#"{"type": "message", "side": "s", "phase": 0, "body": ""}"#,
    r#"{"type": "message", "side": "s", "phase": "0", "body": 1}"#,
    r#"{"type": "message", "phase": "0", "body": ""}"#,
    r#"{"type": "error"}"#,
    r#"{"type": "error", "error": {}}"#,
];

#[track_caller]
pub(crate) fn assert_server_broke(result: &Result<(), Error>, case: &str) {
    assert!(matches!(result, Err(Error::ServerProtocol(_))), "{case}: {result:?}");
}

/// Sends what `bad` says at this stage, and expects the wormhole to close over it.
async fn breaks(stage: Stage, case: &str, bad: impl IntoIterator<Item = Message>) {
    let mut session = Session::at(stage).await;
    for message in bad {
        session.line.message(message).await;
    }
    session.farewell("errory").await;
    assert_server_broke(&session.wormhole.closed().await, case);
}

#[actix::test]
async fn frames_that_are_no_answers_end_it_at_every_stage() {
    for stage in Stage::ALL {
        let cases = NO_ANSWERS.iter().map(|&bad| breaks(stage, bad, [Message::Text(bad.into())]));
        guarded(join_all(cases)).await;
        let deep = "[".repeat(100_000);
        guarded(breaks(stage, "deep", [Message::Text(deep.into())])).await;
    }
}

#[actix::test]
async fn frames_that_are_no_text_end_it_at_every_stage() {
    for stage in Stage::ALL {
        let ack = || br#"{"type": "ack"}"#.as_slice().into();
        guarded(breaks(stage, "binary", [Message::Binary(ack())])).await;
        let fragments = [Item::FirstBinary(ack()), Item::Last("".into())];
        guarded(breaks(stage, "fragments", fragments.map(Message::Continuation))).await;

        let mut session = Session::at(stage).await;
        session.line.raw(&[0x81, 2, 0xff, 0xfe]).await;
        guarded(session.farewell("errory")).await;
        assert_server_broke(&session.wormhole.closed().await, "not UTF-8");
    }
}

/// Sends bytes that are no websocket frame; the connection is of no use then, and the wormhole
/// closes over another one.
async fn violates(case: &str, bytes: &[u8]) {
    let mut session = Session::at(Stage::Opened).await;
    session.line.raw(bytes).await;
    session.line.ended().await;
    session.line = session.server.accept().await;
    session.line.welcome().await;
    assert_eq!(session.line.bound().await, session.side);
    session.farewell("errory").await;
    assert_server_broke(&session.wormhole.closed().await, case);
}

#[actix::test]
async fn frames_below_the_protocol_end_it_and_it_still_closes_properly() {
    let huge = [&[0x81, 127][..], &(1_u64 << 62).to_be_bytes()].concat();
    let large = [&[0x81, 127][..], &(5_u64 << 20).to_be_bytes()].concat();
    guarded(async {
        tokio::join!(
            violates("an enormous frame", &huge),
            violates("a frame beyond the limit", &large),
            violates("an unknown opcode", &[0x83, 0]),
            violates("a reserved bit", &[0xc1, 0]),
            violates("a fragment of nothing", &[0x80, 0]),
        )
    })
    .await;
}

#[actix::test]
async fn fragments_are_put_together_up_to_a_limit() {
    guarded(async {
        let mut session = Session::at(Stage::Claiming).await;
        let claimed = json!({"type": "claimed", "mailbox": "mb"}).to_string();
        let (first, rest) = claimed.split_at(5);
        let (second, last) = rest.split_at(7);
        let pieces = [
            Item::FirstText(first.to_owned().into()),
            Item::Continue(second.to_owned().into()),
            Item::Last(last.to_owned().into()),
        ];
        for piece in pieces {
            session.line.message(Message::Continuation(piece)).await;
        }
        session.line.expect(json!({"type": "open", "mailbox": "mb"})).await;

        let mut session = Session::at(Stage::Opened).await;
        let piece = || vec![b' '; 1 << 20].into();
        session.line.message(Message::Continuation(Item::FirstText(piece()))).await;
        for _ in 0..4 {
            session.line.message(Message::Continuation(Item::Continue(piece()))).await;
        }
        session.line.message(Message::Continuation(Item::Last("".into()))).await;
        session.farewell("errory").await;
        assert_server_broke(&session.wormhole.closed().await, "too many fragments");
    })
    .await;
}

#[actix::test]
async fn a_body_that_is_not_hex_ends_it_once_a_message_may_come() {
    for stage in [Stage::Claiming, Stage::Opened, Stage::Verified] {
        for body in ["not hex", "0", "0g", "é"] {
            let mut session = Session::at(stage).await;
            let bad = json!({"type": "message", "side": "s", "phase": "0", "body": body});
            session.line.send(&bad).await;
            guarded(session.farewell("errory")).await;
            let ended = session.wormhole.closed().await;
            assert_eq!(ended, Err(Error::Peer("sent a message that is not hex")), "{body}");
        }
    }
}

/// Answers to what was not asked, and types that nobody knows.
fn strays(side: &str) -> Vec<Value> {
    vec![
        json!({"type": "frobnicate", "why": [1, {}]}),
        json!({"type": "ack"}),
        json!({"type": "ack", "id": 5, "server_tx": "x"}),
        json!({"type": "pong", "pong": 1}),
        json!({"type": "allocated", "nameplate": "9"}),
        json!({"type": "nameplates", "nameplates": [{"id": "1"}, {"id": "one"}]}),
        json!({"type": "released"}),
        json!({"type": "closed"}),
        message(side, "0", b"an echo of nothing"),
    ]
}

#[actix::test]
async fn answers_that_nobody_asked_for_are_ignored() {
    guarded(async {
        let mut session = Session::at(Stage::Unwelcomed).await;
        let other = "elsewhere";
        let early = [json!({"type": "claimed", "mailbox": other}), message("x", "pake", b"junk")];
        for stray in strays("us").iter().chain(&early) {
            session.line.send(stray).await;
        }
        session.greet().await;
        let side = session.side.clone();
        for stray in strays(&side).iter().chain(&early[1..]) {
            session.line.send(stray).await;
        }
        session.line.welcome().await;
        session.open().await;
        let late = [json!({"type": "claimed", "mailbox": other})];
        for stray in strays(&side).iter().chain(&late) {
            session.line.send(stray).await;
        }
        let agreed = session.verify().await;
        for stray in strays(&side).iter().chain(&late) {
            session.line.send(stray).await;
        }
        session.wormhole.send_message("still here");
        let added = session.line.next().await.unwrap();
        assert_eq!(agreed.open(&side, "0", &added), b"still here");
        session.line.send(&agreed.sealed("0", b"and so am I")).await;
        assert_eq!(session.wormhole.message().await.unwrap()[..], *b"and so am I");
        assert_eq!(session.close("happy").await, Ok(()));
    })
    .await;
}

#[actix::test]
async fn an_error_of_the_servers_ends_it_at_every_stage() {
    let error = json!({"type": "error", "error": "no more", "orig": {"type": "x"}});
    for stage in Stage::ALL {
        let mut session = Session::at(stage).await;
        session.line.send(&error).await;
        guarded(session.farewell("errory")).await;
        assert_eq!(session.wormhole.closed().await, Err(Error::Server("no more".into())));
    }
}

#[actix::test]
async fn nothing_changes_an_end_that_has_begun() {
    guarded(async {
        let mut session = Session::at(Stage::Opened).await;
        let wormhole = session.wormhole.clone();
        let closing = tokio::task::spawn_local(async move { wormhole.close().await });
        let line = &mut session.line;
        line.expect(json!({"type": "release", "nameplate": "1"})).await;
        line.expect(json!({"type": "close", "mailbox": "mb", "mood": "lonely"})).await;
        session.wormhole.send_message("too late");
        for late in [
            json!({"type": "error", "error": "late"}),
            json!({"type": "welcome", "welcome": {"error": "late"}}),
            json!({"type": "message", "side": "p", "phase": "pake", "body": "7b7d"}),
            json!({"type": "claimed", "mailbox": "late"}),
        ] {
            line.send(&late).await;
        }
        line.text("late").await;
        line.message(Message::Binary("late".into())).await;
        line.send(&json!({"type": "closed"})).await;
        line.send(&json!({"type": "released"})).await;
        line.ended().await;
        assert_eq!(closing.await.unwrap(), Err(Error::Lonely));
    })
    .await;
}

#[actix::test]
async fn a_welcome_that_turns_away_is_obeyed() {
    for error in [json!("go away"), json!({"odd": 1})] {
        let server = Server::bind().await;
        let wormhole = open(&server);
        wormhole.set_code(CODE).unwrap();
        let mut line = server.accept().await;
        line.send(&json!({"type": "welcome", "welcome": {"error": error}})).await;
        guarded(line.ended()).await;
        let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        assert_eq!(wormhole.closed().await, Err(Error::Welcome(text)));
    }
}

#[actix::test]
async fn the_first_of_two_errors_counts() {
    let mut session = Session::at(Stage::Claiming).await;
    session.line.send(&json!({"type": "error", "error": "crowded", "orig": claim()})).await;
    session.line.send(&json!({"type": "error", "error": "more"})).await;
    guarded(session.farewell("errory")).await;
    assert_eq!(session.wormhole.closed().await, Err(Error::Server("crowded".into())));
}
