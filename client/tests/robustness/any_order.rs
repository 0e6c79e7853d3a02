//! Whatever a server says, in whatever order, the wormhole neither hangs nor dies of it.

use std::time::Duration;

use actix_http::ws::Message;
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use wormhole_client::{Error, Schedule, Wormhole};

use crate::scripted::{
    APPID, Server, guarded,
    peer::{Peer, SIDE, message},
    session::{CODE, Session, Stage},
};

/// One thing that the server does.
#[derive(Clone, Debug)]
enum Act {
    Say(Value),
    Garbage(&'static str),
    /// Repeats what it said so many acts ago.
    Again(usize),
    Lose,
}

fn sides() -> impl Strategy<Value = String> {
    // `us` stands for the client's own side.
    select(vec!["us", SIDE, "third", ""]).prop_map(str::to_owned)
}

fn phases() -> impl Strategy<Value = String> {
    let known =
        ["pake", "version", "0", "1", "2", "007", "-1", "dilate-0", "", "18446744073709551616"];
    select(known.to_vec()).prop_map(str::to_owned)
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let pake = Peer::new(CODE).pake()["body"].as_str().unwrap().to_owned();
    let pake = data_encoding::HEXLOWER.decode(pake.as_bytes()).unwrap();
    prop_oneof![
        3 => Just(pake),
        1 => Just(br#"{"pake_v1": "53"}"#.to_vec()),
        1 => Just(b"{}".to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 0..100),
    ]
}

fn acts() -> impl Strategy<Value = Act> {
    let answers = [
        json!({"type": "welcome", "welcome": {}}),
        json!({"type": "welcome", "welcome": {"permission-required": {"none": {}}}}),
        json!({"type": "ack", "id": 1}),
        json!({"type": "pong", "pong": "submit-permissions"}),
        json!({"type": "nameplates", "nameplates": [{"id": "1"}]}),
        json!({"type": "allocated", "nameplate": "1"}),
        json!({"type": "claimed", "mailbox": "mb"}),
        json!({"type": "claimed", "mailbox": "another"}),
        json!({"type": "released"}),
        json!({"type": "closed"}),
        json!({"type": "unheard of"}),
    ];
    let ends = [
        json!({"type": "welcome", "welcome": {"error": "no"}}),
        json!({"type": "error", "error": "crowded", "orig": {}}),
    ];
    let says = (sides(), phases(), bodies())
        .prop_map(|(side, phase, body)| Act::Say(message(&side, &phase, &body)));
    prop_oneof![
        12 => select(answers.to_vec()).prop_map(Act::Say),
        12 => says,
        3 => (1..6_usize).prop_map(Act::Again),
        1 => select(ends.to_vec()).prop_map(Act::Say),
        1 => select(vec!["", "{", "[]", r#"{"type": 1}"#, r#"{"type": "message"}"#]).prop_map(Act::Garbage),
        2 => Just(Act::Lose),
    ]
}

/// Plays the server, and then closes the wormhole, which must end by itself.
async fn play(acts: &[Act]) -> Result<(), Error> {
    let server = Server::bind().await;
    let soon = Schedule::new([(Duration::ZERO, Duration::from_millis(10))]).unwrap();
    let wormhole = Wormhole::builder(APPID, server.url()).schedule(soon).open();
    wormhole.set_code(CODE).unwrap();
    wormhole.send_message("hello");
    let mut line = server.accept().await;
    line.welcome().await;
    let side = line.bound().await;
    let mut said: Vec<Value> = Vec::new();
    for act in acts {
        let mut answer = match act {
            Act::Say(answer) => answer.clone(),
            Act::Garbage(text) => {
                line.message(Message::Text((*text).into())).await;
                continue;
            }
            Act::Again(ago) => match said.iter().rev().nth(*ago) {
                Some(answer) => answer.clone(),
                None => continue,
            },
            Act::Lose => {
                line.lose().await;
                // A wormhole that has ended does not come back.
                tokio::select! {
                    next = server.accept() => line = next,
                    result = wormhole.closed() => return result,
                }
                line.welcome().await;
                continue;
            }
        };
        if answer["side"] == "us" {
            answer["side"] = json!(side);
        }
        line.send(&answer).await;
        said.push(answer);
    }
    // Nobody answers the goodbye any more, and its limit passes at once.
    drop((line, server));
    tokio::time::pause();
    wormhole.close().await
}

/// One thing that happens once the peer has the key.
#[derive(Clone, Debug)]
enum Turn {
    /// A message of this number comes, perhaps again.
    Number(u8),
    /// Something sealed comes under another label.
    Other(&'static str),
    Reconnect,
}

const NUMBERS: u8 = 6;

fn turns() -> impl Strategy<Value = Turn> {
    prop_oneof![
        12 => (0..NUMBERS).prop_map(Turn::Number),
        2 => select(vec!["x", "007", "dilate-0", "-1", ""]).prop_map(Turn::Other),
        1 => Just(Turn::Reconnect),
    ]
}

async fn hear(turns: &[Turn]) -> Vec<u8> {
    let soon = Schedule::new([(Duration::ZERO, Duration::from_millis(10))]).unwrap();
    let open = |server: &Server| Wormhole::builder(APPID, server.url()).schedule(soon).open();
    let mut session = Session::of(open, Stage::Opened).await;
    let agreed = session.verify().await;
    let rest = (0..NUMBERS).map(Turn::Number);
    for turn in turns.iter().cloned().chain(rest) {
        match turn {
            Turn::Number(number) => {
                session.line.send(&agreed.sealed(&number.to_string(), &[number])).await;
            }
            Turn::Other(phase) => session.line.send(&agreed.sealed(phase, b"?")).await,
            Turn::Reconnect => {
                session.reconnect().await;
                session.line.expect(json!({"type": "open", "mailbox": "mb"})).await;
            }
        }
    }
    let mut heard = Vec::new();
    for _ in 0..NUMBERS {
        heard.extend(session.wormhole.message().await.unwrap().iter());
    }
    assert_eq!(session.close("happy").await, Ok(()));
    heard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn messages_in_any_order_are_heard_in_theirs(turns in proptest::collection::vec(turns(), 0..20)) {
        let heard = actix::System::new().block_on(guarded(hear(&turns)));
        prop_assert_eq!(heard, (0..NUMBERS).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_order_of_anything_ends(acts in proptest::collection::vec(acts(), 0..30)) {
        actix::System::new().block_on(async {
            let result = guarded(play(&acts)).await;
            prop_assert!(!matches!(result, Err(Error::Internal(_))), "{result:?}");
            // Nobody in these plays has the key, so nobody can make it a good end.
            prop_assert!(result.is_err());
            Ok(())
        })?;
    }
}
