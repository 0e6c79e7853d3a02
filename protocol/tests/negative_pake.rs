//! Replays `vectors/negative-pake.json`: what an honest peer never sends.
#![allow(clippy::unwrap_used)]

mod common;

use common::{array, cases, hex, scalar, text};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use wormhole_protocol::{
    code::Code,
    key::{Pake, PakeError, PointError},
    name::AppId,
};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/negative-pake.json")).unwrap()
}

/// Hands `body` to the recorded half of an agreement.
fn finish(all: &Value, body: &[u8]) -> Result<[u8; 32], PakeError> {
    let code = Code::parse(text(all, "code")).unwrap();
    let appid = AppId::new(text(all, "appid"));
    let (pake, ours) = Pake::start(code, appid, scalar(all, "our_scalar_le"));
    let ours: Value = serde_json::from_slice(&ours).unwrap();
    assert_eq!(text(&ours, "pake_v1"), text(all, "our_message"));
    pake.finish(body).map(|key| *key.as_bytes())
}

/// Tells from a case's name on what ground its point is refused.
fn refusal(name: &str, length: usize) -> PointError {
    match name {
        _ if length != 33 => PointError::Length(length),
        _ if name.starts_with("prefix") => PointError::Mode,
        _ if name.starts_with("reflection") => PointError::Reflected,
        _ if name.ends_with("not on the curve") => PointError::NotAPoint,
        "all 0xff" => PointError::NotCanonical,
        _ if name.contains("non-canonical") => PointError::NotCanonical,
        _ if name.ends_with("with sign bit") => PointError::NotCanonical,
        _ => PointError::Order,
    }
}

#[test]
fn points() {
    let all = vectors();
    let points = cases(&all, "points");
    for case in points {
        let point = hex(case, "inbound");
        let body = json!({ "pake_v1": HEXLOWER.encode(&point) }).to_string();
        let expected = match text(case, "required") {
            "accept" => Ok(array(case, "python_key")),
            _ => Err(PakeError::Point(refusal(text(case, "name"), point.len()))),
        };
        assert_eq!(finish(&all, body.as_bytes()), expected, "{case}");
    }
    assert_eq!(points.len(), 45);
}

#[test]
fn bodies() {
    let all = vectors();
    let [control, ..] = cases(&all, "points") else { panic!("no control") };
    let bodies = cases(&all, "bodies");
    for case in bodies {
        let finished = finish(&all, &hex(case, "body"));
        match text(case, "required") {
            "accept" => assert_eq!(finished, Ok(array(control, "python_key")), "{case}"),
            "error" => assert_eq!(finished, Err(PakeError::Malformed), "{case}"),
            "scared" if text(case, "name") == "bad point" => {
                assert_eq!(finished, Err(PakeError::Point(PointError::Order)), "{case}");
            }
            "scared" => assert_eq!(finished, Err(PakeError::Missing), "{case}"),
            other => panic!("unknown verdict {other}"),
        }
    }
    assert_eq!(bodies.len(), 16);
}
