//! Replays `vectors/uri.json`, and reads back whatever is written.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::Value;
use wormhole_protocol::{
    code::{Code, KeyFormatError},
    transit::Role,
    uri::{DEFAULT_RENDEZVOUS, Link, LinkError, WebSocketUrl},
};

fn vectors(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("vectors/uri.json")).unwrap();
    all[name].as_array().unwrap().clone()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("no text {key} in {case}"))
}

fn link(code: &str, rendezvous: Option<&str>, role: Role) -> Link {
    let rendezvous = rendezvous.map(|url| url.parse().unwrap());
    Link { code: Code::parse(code).unwrap(), rendezvous, role }
}

#[test]
fn links_of_rust_programs() {
    for case in vectors("rs_encodings") {
        let (code, uri) = (text(&case, "code"), text(&case, "rs_uri"));
        // A server without a path is completed when it is read.
        let server = text(&case, "rendezvous_server").trim_end_matches("/v1").to_owned() + "/v1";
        let ours = link(code, Some(&server), Role::Receiver);
        assert!(Link::parse(&ours.write()) == Ok(ours.clone()), "{case}");
        match code {
            // They leave these characters raw, so what they write means something else. We refuse
            // it instead of trying another code than the one that was meant.
            "9-what?is#this%20" => assert_eq!(Link::parse(uri).err(), Some(LinkError::Parameter)),
            "9-per%cent-words" => assert_eq!(Link::parse(uri).err(), Some(LinkError::NotUtf8)),
            _ => assert!(Link::parse(uri) == Ok(ours.clone()), "{case}"),
        }
        let plain = code.chars().all(|c| c.is_alphanumeric() || c == '-' || !c.is_ascii());
        if plain && text(&case, "rendezvous_server").ends_with("/v1") {
            assert_eq!(ours.write().as_str(), uri);
        }
    }
}

#[test]
fn a_link_has_a_secret() {
    for (code, why) in [
        ("4", KeyFormatError::NoHyphen),
        ("4-", KeyFormatError::NoSecret),
        ("0-", KeyFormatError::NoSecret),
    ] {
        for uri in
            [format!("wormhole-transfer:{code}"), format!("wormhole:ws://h:1/v1?code={code}")]
        {
            assert_eq!(Link::parse(&uri).err(), Some(LinkError::Code(why.clone())), "{uri}");
        }
    }
}

#[test]
fn parse_cases() {
    for case in vectors("parse_cases") {
        let parsed = Link::parse(text(&case, "uri"));
        let expected = match case["error"].as_str() {
            Some("unsupported version") => Err(LinkError::Version),
            Some("missing code") => Err(LinkError::NoCode),
            Some("invalid role") => Err(LinkError::Role),
            Some("has a host part") => Err(LinkError::Host),
            Some("wrong scheme") => Err(LinkError::Scheme),
            Some("bad nameplate") => Err(LinkError::Code(KeyFormatError::Nameplate)),
            Some("not UTF-8") => Err(LinkError::NotUtf8),
            Some(other) => panic!("unknown error {other}"),
            // Unknown parameters: the protocol's document refuses them, and so do we.
            None if case["code"].is_null() => Err(LinkError::Parameter),
            None => Ok(expected(&case)),
        };
        assert!(parsed == expected, "{case}");
    }
}

fn expected(case: &Value) -> Link {
    let role = match text(case, "role") {
        "follower" => Role::Receiver,
        "leader" => Role::Sender,
        other => panic!("unknown role {other}"),
    };
    // A server that is written out and is the default one is the same as none.
    let rendezvous = case["rendezvous"].as_str().filter(|url| *url != DEFAULT_RENDEZVOUS);
    link(text(case, "code"), rendezvous, role)
}

#[test]
fn qr_codes_of_other_programs() {
    for case in vectors("other_qr") {
        let parsed = Link::parse(text(&case, "content"));
        assert!(parsed == Ok(link("4-hurricane-equipment", None, Role::Receiver)), "{case}");
    }
    // Python does not percent-encode.
    let parsed = Link::parse("wormhole-transfer:5-café-100%-sure");
    assert!(parsed == Ok(link("5-café-100%-sure", None, Role::Receiver)));
    let parsed = Link::parse("wormhole:wss://host?code=4-a%2Bb+c");
    assert!(parsed == Ok(link("4-a+b+c", Some("wss://host/v1"), Role::Receiver)));
    assert_eq!(Link::parse("wormhole:ws://host").err(), Some(LinkError::NoCode));
}

#[test]
fn the_shortest_form_is_written() {
    let written = |role| link("4-hurricane-equipment", Some(DEFAULT_RENDEZVOUS), role).write();
    assert_eq!(written(Role::Receiver).as_str(), "wormhole-transfer:4-hurricane-equipment");
    assert_eq!(
        written(Role::Sender).as_str(),
        "wormhole-transfer:4-hurricane-equipment?role=leader"
    );
}

#[test]
fn websocket_addresses() {
    for good in ["ws://h", "WSS://h:1/", "ws://[::1]:4000/v1", "ws://1.2.3.4?x=1", "ws://a_b-c.d"] {
        assert_eq!(good.parse::<WebSocketUrl>().unwrap().as_str(), good);
    }
    for bad in [
        "",
        "h",
        "http://h",
        "ws:h",
        "ws://",
        "ws://:1",
        "ws://h:",
        "ws://h:0",
        "ws://h:65536",
        "ws://h:+1",
        "ws://u@h",
        "ws://h/#f",
        "ws://h#f",
        "ws://h/ x",
        "ws://h/\n",
        "ws://[x]:1",
        "ws://[::1",
        "ws://é",
    ] {
        assert!(bad.parse::<WebSocketUrl>().is_err(), "{bad}");
    }
    let completed = |url: &str| url.parse::<WebSocketUrl>().unwrap().or_path("/v1").to_string();
    assert_eq!(completed("ws://h"), "ws://h/v1");
    assert_eq!(completed("ws://h:1/"), "ws://h:1/v1");
    assert_eq!(completed("ws://h/x"), "ws://h/x");
    assert_eq!(completed("ws://h/?x"), "ws://h/?x");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        words in "[^ ]+",
        server in proptest::option::of("wss?://[a-z]{1,9}(:[1-9][0-9]{0,3})?/[a-z&+%=]{1,9}"),
        sender: bool,
    ) {
        let role = if sender { Role::Sender } else { Role::Receiver };
        let link = link(&format!("4-{words}"), server.as_deref(), role);
        let written = link.write();
        prop_assert!(written.bytes().all(|b| b.is_ascii_graphic()));
        prop_assert!(Link::parse(&written) == Ok(link));
    }

    #[test]
    fn any_text_is_judged(text in "(wormhole(-transfer)?:)?[0-9]?\\PC*(\\?code=)?\\PC*") {
        if let Ok(link) = Link::parse(&text) {
            prop_assert!(Link::parse(&link.write()) == Ok(link));
        }
    }
}
