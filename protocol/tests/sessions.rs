//! Replays `vectors/sessions.json`: all messages of whole sessions, from both sides.
#![allow(clippy::unwrap_used)]

mod common;

use common::{array, cases, hex, scalar, text};
use serde_json::Value;
use wormhole_protocol::{
    code::Code,
    key::{Key, OpenError, Pake},
    name::{AppId, Phase, Side},
    transfer::TRANSIT_KEY_PURPOSE,
    wire::Body,
};

fn body(message: &Value) -> Vec<u8> {
    Body::from_text(text(message, "body_hex")).bytes().unwrap()
}

/// Goes through a side's key agreement: `ours` and `theirs` are the two recorded messages.
fn agree(session: &Value, our_scalar: &str, ours: &Value, theirs: &Value) -> Key {
    let code = Code::parse(text(session, "code")).unwrap();
    let appid = AppId::new(text(session, "appid"));
    let (pake, written) = Pake::start(code, appid, scalar(session, our_scalar));
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written, serde_json::from_slice::<Value>(&body(ours)).unwrap());
    assert_eq!(written, serde_json::from_str::<Value>(text(ours, "plaintext_text")).unwrap());
    pake.finish(&body(theirs)).unwrap()
}

fn assert_sealed(key: &Key, sides: &[Side; 2], message: &Value) {
    let sender = Side::new(text(message, "side"));
    let phase = Phase::from(text(message, "phase").to_owned());
    let phase_key = key.phase_key(&sender, &phase);
    assert_eq!(phase_key.as_bytes(), &array(message, "phase_key"));

    let plaintext = hex(message, "plaintext");
    if let Some(shown) = message["plaintext_text"].as_str() {
        assert_eq!(plaintext, shown.as_bytes());
    }
    let sealed = phase_key.seal(array(message, "nonce"), &plaintext);
    assert_eq!(Body::from_bytes(&sealed).as_str(), text(message, "body_hex"));
    assert_eq!(phase_key.open(&body(message)).unwrap()[..], plaintext);

    let receiver = sides.iter().find(|side| **side != sender).unwrap();
    let reflected = key.phase_key(receiver, &phase).open(&body(message));
    assert_eq!(reflected, Err(OpenError), "a message is bound to its sender");
}

#[test]
fn whole_sessions() {
    let all: Value = serde_json::from_str(include_str!("vectors/sessions.json")).unwrap();
    let mut sealed = 0;
    for session in cases(&all, "sessions") {
        let [a, b, messages @ ..] = cases(session, "messages") else {
            panic!("a session begins with two pake messages");
        };
        assert_eq!((text(a, "phase"), text(b, "phase")), ("pake", "pake"));
        let sides = [a, b].map(|message| Side::new(text(message, "side")));
        for key in [agree(session, "scalar_a_le", a, b), agree(session, "scalar_b_le", b, a)] {
            assert_eq!(key.as_bytes(), &array(session, "key"));
            assert_eq!(key.verifier().as_bytes(), &array(session, "verifier"));
            let transit_key = key.derive(TRANSIT_KEY_PURPOSE, 32).unwrap();
            assert_eq!(transit_key[..], hex(session, "transit_key"), "whatever the appid");
            for message in messages {
                assert_sealed(&key, &sides, message);
            }
        }
        sealed += messages.len();
    }
    assert_eq!((all["sessions"].as_array().unwrap().len(), sealed), (3, 26));
}
