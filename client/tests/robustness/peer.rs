//! A peer that sends what no honest one does.

use data_encoding::HEXLOWER;
use serde_json::json;
use wormhole_client::Error;

use crate::scripted::{
    guarded,
    peer::{self, Peer, message},
    session::{CODE, Session, Stage, closed, released},
};

/// Gives the client this body as the peer's `pake`.
async fn pake(body: &[u8], error: Error, mood: &str) {
    let mut session = Session::at(Stage::Opened).await;
    session.line.send(&message(peer::SIDE, "pake", body)).await;
    session.farewell(mood).await;
    assert_eq!(session.wormhole.closed().await, Err(error), "{}", String::from_utf8_lossy(body));
}

#[actix::test]
async fn a_pake_that_no_honest_peer_sends() {
    let malformed = || Error::Peer("sent a malformed pake message");
    let point = |hex: &str| json!({"pake_v1": hex}).to_string();
    let identity = format!("53{:0<64}", "01");
    let foreign = format!("41{:0<64}", "01");
    let long = format!("{identity}00");
    guarded(async {
        for body in ["", "junk", "[]", "null", r#"{"pake_v1": 3}"#, r#"{"pake_v1": "xyz"}"#] {
            pake(body.as_bytes(), malformed(), "errory").await;
        }
        pake(b"\xff\xfe", malformed(), "errory").await;
        for point in [point(&identity), point(&foreign), point(&long), point("53"), point("")] {
            pake(point.as_bytes(), Error::WrongPassword, "scary").await;
        }
        pake(br#"{"pake_v2": ""}"#, Error::WrongPassword, "scary").await;
    })
    .await;
}

#[actix::test]
async fn our_own_pake_reflected_is_an_attack() {
    guarded(async {
        let mut session = Session::at(Stage::Opened).await;
        let ours = HEXLOWER.decode(session.pake.as_bytes()).unwrap();
        session.line.send(&message(peer::SIDE, "pake", &ours)).await;
        session.farewell("scary").await;
        assert_eq!(session.wormhole.closed().await, Err(Error::WrongPassword));
    })
    .await;
}

#[actix::test]
async fn what_does_not_open_is_an_attack_before_and_after_the_first_that_does() {
    guarded(async {
        for verified in [false, true] {
            for length in [0, 1, 23, 24, 39, 40, 100] {
                let mut session = Session::at(Stage::Opened).await;
                let agreed = match verified {
                    true => session.verify().await,
                    false => session.agree().await.0,
                };
                session.line.send(&message(peer::SIDE, "0", &vec![0; length])).await;
                session.line.send(&agreed.sealed("1", b"never heard")).await;
                session.farewell("scary").await;
                assert_eq!(session.wormhole.message().await, Err(Error::WrongPassword));
            }
        }
    })
    .await;
}

#[actix::test]
async fn a_third_side_is_an_attack() {
    guarded(async {
        let mut session = Session::at(Stage::Opened).await;
        let agreed = session.verify().await;
        let mut stolen = agreed.sealed("0", b"for another side");
        stolen["side"] = json!("third");
        session.line.send(&stolen).await;
        session.farewell("scary").await;
        assert_eq!(session.wormhole.closed().await, Err(Error::WrongPassword));
    })
    .await;
}

#[actix::test]
async fn phases_come_in_any_order_and_any_number() {
    guarded(async {
        let mut session = Session::at(Stage::Opened).await;
        let peer = Peer::new(CODE);
        let theirs = peer.pake();
        let pake = session.pake.clone();
        let agreed = peer.agree(&pake);
        // Held back until the peer's pake is there.
        session.line.send(&agreed.sealed("2", b"c")).await;
        session.line.send(&agreed.sealed("0", b"a")).await;
        released(&mut session.line).await;
        session.line.send(&theirs).await;
        let version = session.line.next().await.unwrap();
        agreed.open(&session.side, "version", &version);
        for (phase, text) in [
            ("0", "a repeated one"),
            ("pake", "a second"),
            ("007", "no canonical number"),
            ("+1", "nor this"),
            ("dilate-0", "unknown"),
            ("", "no name"),
            ("18446744073709551615", "the last number"),
            ("18446744073709551616", "too large for a number"),
            ("1", "b"),
            ("version", r#"{"app_versions": {"v": 1}, "abilities": []}"#),
            ("version", "repeated"),
        ] {
            session.line.send(&agreed.sealed(phase, text.as_bytes())).await;
        }
        for expected in ["a", "b", "c"] {
            assert_eq!(session.wormhole.message().await.unwrap()[..], *expected.as_bytes());
        }
        assert_eq!(*session.wormhole.versions().await.unwrap(), json!({"v": 1}));
        let verifier = session.wormhole.verifier().await.unwrap();
        assert_eq!(verifier, agreed.0.verifier());
        let close = async { closed(&mut session.line, "happy").await };
        let (result, ()) = tokio::join!(session.wormhole.close(), close);
        assert_eq!(result, Ok(()));
    })
    .await;
}

#[actix::test]
async fn a_version_message_may_lack_what_we_know_and_hold_what_we_do_not() {
    guarded(async {
        for (good, app_versions) in [
            ("{}", json!({})),
            (r#" {"app_versions": {"a": [1]}, "more": null}"#, json!({"a": [1]})),
        ] {
            let mut session = Session::at(Stage::Opened).await;
            let (agreed, _) = session.agree().await;
            session.line.send(&agreed.sealed("version", good.as_bytes())).await;
            assert_eq!(*session.wormhole.versions().await.unwrap(), app_versions);
        }
    })
    .await;
}

#[actix::test]
async fn a_malformed_version_message_ends_it() {
    guarded(async {
        for bad in ["", "junk", "[]", "3", "{", "\u{0}"] {
            let mut session = Session::at(Stage::Opened).await;
            let (agreed, _) = session.agree().await;
            session.line.send(&agreed.sealed("version", bad.as_bytes())).await;
            session.farewell("errory").await;
            let malformed = Error::Peer("sent a malformed version message");
            assert_eq!(session.wormhole.versions().await, Err(malformed), "{bad}");
        }
    })
    .await;
}

#[actix::test]
async fn a_flood_before_the_key_ends_it() {
    guarded(async {
        let mut session = Session::at(Stage::Opened).await;
        for number in 0..=1_000 {
            session.line.send(&message(peer::SIDE, &number.to_string(), b"")).await;
        }
        session.farewell("errory").await;
        let flood = Error::Peer("sent too much before its key");
        assert_eq!(session.wormhole.closed().await, Err(flood));
    })
    .await;
}
