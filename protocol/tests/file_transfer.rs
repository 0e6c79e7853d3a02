//! Replays the messages of `vectors/file-transfer.json`, and reads back whatever is written.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};
use wormhole_protocol::{
    key::Key,
    transfer::{
        APPID, Ack, Answer, BadAck, BadMessage, BadOffer, DirectoryOffer, FileOffer, Message,
        Offer, Refusal, TRANSIT_KEY_PURPOSE, Verdict,
    },
    transit::{Abilities, Hints, Role, TransitKey},
};

fn vectors(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("vectors/file-transfer.json")).unwrap();
    all[name].as_array().unwrap().clone()
}

fn parse(message: &Value) -> Result<Message, BadMessage> {
    Message::parse(message.to_string().as_bytes())
}

fn written(message: &Message) -> Value {
    serde_json::from_slice(&message.write()).unwrap()
}

#[test]
fn offers_to_a_receiver() {
    for case in vectors("receiver_offers") {
        let offer = &case["offer"];
        let parsed = parse(&json!({ "offer": offer }));
        if let Some(refusal) = refusal(&case) {
            let BadMessage::Offer(bad) = parsed.err().unwrap() else { panic!("{case}") };
            let sent = Message::from(bad.refusal());
            assert_eq!(written(&sent), json!({ "error": refusal }), "{case}");
            continue;
        }
        let parsed = parsed.unwrap_or_else(|error| panic!("{error}: {case}"));
        assert_eq!(written(&parsed), json!({ "offer": normal(offer) }), "{case}");
    }
}

/// Tells in which words an offer has to be refused for what is wrong with itself.
fn refusal(case: &Value) -> Option<&str> {
    let sent = case["sent"].get(0).map(|sent| serde_json::from_str(sent.as_str().unwrap()));
    let sent: Value = sent.transpose().unwrap().unwrap_or_default();
    match sent["error"].as_str() {
        Some("unknown mode") => return Some("unknown mode"),
        Some("unknown offer type") => return Some("unknown offer type"),
        // Python refuses for want of space or for a file in the way, which is not judged here.
        Some("transfer rejected") | None => {}
        Some(other) => panic!("unknown refusal {other}"),
    }
    let offer = &case["offer"];
    // Python dies of these without a word, or shows what is no text and no number of bytes.
    let crashed = case["result"].as_str().unwrap().starts_with("exception");
    let no_text = offer.get("message").is_some_and(|text| !text.is_string());
    let no_size = offer.pointer("/file/filesize").is_some_and(|size| !size.is_u64());
    (crashed || no_text || no_size).then_some("unknown offer type")
}

/// Leaves one kind of several, as they are preferred, and names the only mode that we write.
fn normal(offer: &Value) -> Value {
    let kind = ["message", "file", "directory"].into_iter().find(|kind| offer.get(kind).is_some());
    let mut offer = json!({ kind.unwrap(): offer[kind.unwrap()] });
    if let Some(mode) = offer.pointer_mut("/directory/mode") {
        *mode = "zipfile/deflated".into();
    }
    offer
}

#[test]
fn offers_of_a_sender() {
    let offers: Vec<_> = vectors("sender_offers");
    let offers: Vec<_> = offers.iter().filter_map(|case| case.get("offer")).collect();
    assert!(offers.len() > 10);
    for offer in offers {
        assert_eq!(written(&parse(&json!({ "offer": offer })).unwrap()), json!({ "offer": offer }));
    }
}

#[test]
fn exact_words() {
    let answer = |answer| written(&Message::Answer(answer));
    let text = answer(Answer::MessageAck(Verdict::Ok));
    assert_eq!(text, json!({ "answer": { "message_ack": "ok" } }));
    let file = answer(Answer::FileAck(Verdict::Ok));
    assert_eq!(file, json!({ "answer": { "file_ack": "ok" } }));
    let transit = Message::Transit { abilities: Abilities::ALL, hints: Hints::default() };
    let kinds = json!([{ "type": "direct-tcp-v1" }, { "type": "relay-v1" }]);
    assert_eq!(written(&transit), json!({ "transit": { "abilities-v1": kinds, "hints-v1": [] } }));
    assert_eq!(
        written(&Refusal::Verifier.into()),
        json!({ "error": "sender rejected verification check, abandoned transfer" })
    );
    assert_eq!(written(&Refusal::Rejected.into()), json!({ "error": "transfer rejected" }));
    assert_eq!(TRANSIT_KEY_PURPOSE, format!("{APPID}/transit-key"));
}

#[test]
fn unknown_and_broken_messages() {
    assert_eq!(parse(&json!({})), Ok(Message::Unknown));
    assert_eq!(parse(&json!({ "transit-v2": {} })), Ok(Message::Unknown));
    for broken in [json!([]), json!("error"), json!(null)] {
        assert_eq!(parse(&broken), Err(BadMessage::NotAnObject));
    }
    assert_eq!(Message::parse(b"\xff"), Err(BadMessage::NotAnObject));
    assert_eq!(parse(&json!({ "error": 7 })), Err(BadMessage::Error));
    assert_eq!(parse(&json!({ "answer": { "file_ack": true } })), Err(BadMessage::Answer));
    assert_eq!(parse(&json!({ "offer": "text" })), Err(BadOffer::Unknown.into()));
    let zip = json!({ "mode": "zip", "dirname": "d", "zipsize": 1, "numbytes": 1, "numfiles": 1 });
    assert_eq!(parse(&json!({ "offer": { "directory": zip } })), Err(BadOffer::UnknownMode.into()));
    // Programs that have no use for the lists may leave them out.
    let transit = Message::Transit { abilities: Abilities::ALL, hints: Hints::default() };
    assert_eq!(parse(&json!({ "transit": {} })), Ok(transit));
}

#[test]
fn of_several_keys_one_is_read() {
    let file_ack = json!({ "file_ack": "ok" });
    let all = json!({ "answer": file_ack, "offer": {}, "transit": {}, "error": "stop", "x": 1 });
    assert_eq!(parse(&all), Ok(Message::Error("stop".to_owned())));
    let two = json!({ "answer": file_ack, "transit": {} });
    assert!(matches!(parse(&two), Ok(Message::Transit { .. })));
}

#[test]
fn what_only_ours_say_is_read_last() {
    let ack = json!({ "ack": "ok", "sha256": "ab".repeat(32) });
    assert_eq!(parse(&json!({ "ack": ack })), Ok(Message::Ack(Ack::ok([0xab; 32]))));
    assert_eq!(
        parse(&json!({ "placing": true, "ack": ack })),
        Ok(Message::Ack(Ack::ok([0xab; 32])))
    );
    assert_eq!(parse(&json!({ "placing": {} })), Ok(Message::Placing));
    assert_eq!(parse(&json!({ "placing": {}, "error": "e" })), Ok(Message::Error("e".to_owned())));
    for bad in [json!("ok"), json!({}), json!({ "ack": 1 })] {
        assert_eq!(parse(&json!({ "ack": bad })), Err(BadMessage::Ack(BadAck)), "{bad}");
    }
}

#[test]
fn words_of_the_link_are_known_again() {
    for (refusal, is_of_the_link) in [
        (Refusal::NoLink, true),
        (Refusal::LinkLost, true),
        (Refusal::Full, false),
        (Refusal::Cancelled(Role::Sender), false),
        (Refusal::SameRole(Role::Receiver), false),
    ] {
        assert_eq!(Refusal::is_of_the_link(&refusal.to_string()), is_of_the_link, "{refusal}");
    }
}

#[test]
fn a_text_is_not_shown_where_things_are_logged() {
    let offer = Message::Offer(Offer::Text("hunter2".to_owned()));
    assert_eq!(format!("{offer:?}"), "Offer(Text(7 bytes))");
}

#[test]
fn acks() {
    let ack = Ack::ok([0xab; 32]);
    let hash = "ab".repeat(32);
    let value: Value = serde_json::from_slice(&ack.write()).unwrap();
    assert_eq!(value, json!({ "ack": "ok", "sha256": hash }));
    let parse = |value: Value| Ack::parse(value.to_string().as_bytes());
    assert_eq!(parse(value), Ok(ack.clone()));
    assert_eq!(parse(json!({ "ack": "ok", "sha256": hash.to_uppercase(), "x": 1 })), Ok(ack));
    let bare = Ack { verdict: Verdict::Other("no".to_owned()), sha256: None };
    assert_eq!(parse(json!({ "ack": "no" })), Ok(bare.clone()));
    assert_eq!(Ack::parse(&bare.write()), Ok(bare));
    for bad in [
        json!({}),
        json!([]),
        json!({ "ack": true }),
        json!({ "ack": "ok", "sha256": null }),
        json!({ "ack": "ok", "sha256": "ab" }),
        json!({ "ack": "ok", "sha256": "zz".repeat(32) }),
    ] {
        assert_eq!(parse(bad.clone()), Err(BadAck), "{bad}");
    }
}

#[test]
fn the_transit_key_comes_from_the_wormhole_key() {
    let sessions = include_str!("vectors/sessions.json");
    let sessions: Value = serde_json::from_str(sessions).unwrap();
    let hex = |value: &Value| {
        let bytes = data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes());
        <[u8; 32]>::try_from(bytes.unwrap()).unwrap()
    };
    let mut compared = 0;
    for session in sessions["sessions"].as_array().unwrap() {
        if session["appid"] != APPID {
            continue;
        }
        let derived = TransitKey::derive(&Key::new(hex(&session["key"])), TRANSIT_KEY_PURPOSE);
        let recorded = TransitKey::new(hex(&session["transit_key"]));
        assert_eq!(derived.line(Role::Sender), recorded.line(Role::Sender));
        compared += 1;
    }
    assert!(compared > 0);
}

fn any_offer() -> impl Strategy<Value = Offer> {
    let collision = proptest::option::of(".*");
    let directory = (".*", any::<u64>(), any::<u64>(), any::<u64>(), collision);
    prop_oneof![
        ".*".prop_map(Offer::Text),
        (".*", any::<u64>())
            .prop_map(|(filename, filesize)| Offer::File(FileOffer { filename, filesize })),
        directory.prop_map(|(dirname, zipsize, numbytes, numfiles, collision)| {
            Offer::Directory(DirectoryOffer { dirname, zipsize, numbytes, numfiles, collision })
        }),
    ]
}

fn any_message() -> impl Strategy<Value = Message> {
    let verdict = || "ok|.*".prop_map(|text| Verdict::from(text.as_str()));
    prop_oneof![
        any_offer().prop_map(Message::Offer),
        verdict().prop_map(|verdict| Message::Answer(Answer::MessageAck(verdict))),
        verdict().prop_map(|verdict| Message::Answer(Answer::FileAck(verdict))),
        ".*".prop_map(Message::Error),
        Just(Message::Placing),
        (verdict(), any::<Option<[u8; 32]>>())
            .prop_map(|(verdict, sha256)| Message::Ack(Ack { verdict, sha256 })),
        Just(Message::Unknown),
        Just(Message::Transit { abilities: Abilities::ALL, hints: Hints::default() }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(message in any_message()) {
        prop_assert_eq!(Message::parse(&message.write()), Ok(message.clone()));
        let keys = written(&message).as_object().unwrap().len();
        prop_assert_eq!(keys, usize::from(message != Message::Unknown));
    }

    #[test]
    fn any_bytes_are_judged(bytes: Vec<u8>) {
        let message = Message::parse(&bytes);
        let object = serde_json::from_slice::<Value>(&bytes).is_ok_and(|value| value.is_object());
        prop_assert_eq!(message == Err(BadMessage::NotAnObject), !object);
    }
}
