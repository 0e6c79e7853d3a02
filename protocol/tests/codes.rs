//! Replays `vectors/codes.json`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{cases, text};
use serde_json::{Value, json};
use wormhole_protocol::{
    code::{Code, KeyFormatError},
    name::{BadNameplate, Nameplate},
};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/codes.json")).unwrap()
}

#[test]
fn whole_codes() {
    let all = vectors();
    let codes = cases(&all, "codes");
    for case in codes {
        let given = text(case, "code");
        let code = Code::parse(given);
        let expected = match text(case, "recommended") {
            "ok" => {
                let code = code.unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!(code.as_str(), given);
                assert_eq!(code.nameplate().as_str(), text(case, "nameplate"));
                continue;
            }
            "reject: space" => KeyFormatError::Spaces,
            "reject: nameplate" => KeyFormatError::Nameplate,
            other => panic!("unknown verdict {other}"),
        };
        assert_eq!(code.err(), Some(expected), "{case}");
    }
    assert_eq!(codes.len(), 44);
}

#[test]
fn nameplates() {
    let all = vectors();
    let nameplates = cases(&all, "nameplates");
    for case in nameplates {
        let given = text(case, "nameplate");
        let expected = match text(case, "recommended") {
            "ok" => Ok(given.to_owned()),
            _ => Err(BadNameplate),
        };
        assert_eq!(given.parse::<Nameplate>().map(String::from), expected, "{case}");
    }
    assert_eq!(nameplates.len(), 21);
}

#[test]
fn typed_lines() {
    let all = vectors();
    let lines = cases(&all, "typed_lines");
    for case in lines {
        let typed = Code::typed(text(case, "line"));
        let calls = typed.as_ref().map(|code| {
            json!([["got_nameplate", code.nameplate()], ["finished_input", code.as_str()]])
        });
        let expected = match text(case, "python") {
            "ok" => Ok(case["calls_to_code"].clone()),
            "KeyFormatError: incomplete wormhole code" => Err(&KeyFormatError::NoHyphen),
            _ => Err(&KeyFormatError::Nameplate),
        };
        assert_eq!(calls, expected, "{case}");
    }
    assert_eq!(lines.len(), 9);
}
