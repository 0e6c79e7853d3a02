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

/// Python takes these, and we do not: anybody can be at the other end.
const WITHOUT_SECRET: [(&str, KeyFormatError); 5] = [
    ("4-", KeyFormatError::NoSecret),
    ("0-", KeyFormatError::NoSecret),
    ("1-", KeyFormatError::NoSecret),
    ("4", KeyFormatError::NoHyphen),
    ("44", KeyFormatError::NoHyphen),
];

fn without_secret(code: &str) -> Option<&'static KeyFormatError> {
    WITHOUT_SECRET.iter().find(|(other, _)| *other == code).map(|(_, why)| why)
}

#[test]
fn whole_codes() {
    let all = vectors();
    let codes = cases(&all, "codes");
    for case in codes {
        let given = text(case, "code");
        let code = Code::parse(given);
        let expected = match text(case, "recommended") {
            "ok" if without_secret(given).is_some() => without_secret(given).unwrap().clone(),
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
        let line = text(case, "line");
        // Python's prompt takes words with blanks in them, which its argument refuses; and nothing
        // is trimmed there.
        let parts = line.split_once('-').ok_or(KeyFormatError::NoHyphen);
        let typed = parts.and_then(|(nameplate, words)| {
            let nameplate = nameplate.parse().map_err(|_| KeyFormatError::Nameplate)?;
            Code::from_parts(nameplate, words)
        });
        let calls = typed.as_ref().map(|code| {
            json!([["got_nameplate", code.nameplate()], ["finished_input", code.as_str()]])
        });
        let expected = match text(case, "python") {
            "ok" if without_secret(line).is_some() => Err(without_secret(line).unwrap()),
            "ok" => Ok(case["calls_to_code"].clone()),
            "KeyFormatError: incomplete wormhole code" => Err(&KeyFormatError::NoHyphen),
            _ => Err(&KeyFormatError::Nameplate),
        };
        assert_eq!(calls, expected, "{case}");
    }
    assert_eq!(lines.len(), 9);
}
