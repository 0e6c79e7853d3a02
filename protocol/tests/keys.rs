//! Replays `vectors/keys.json`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{array, cases, hex, number, text};
use serde_json::Value;
use sha2::{Digest, Sha256};
use wormhole_protocol::{
    key::{Key, MAX_DERIVED},
    name::{Phase, Side},
};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/keys.json")).unwrap()
}

fn master(case: &Value) -> Key {
    Key::new(array(case, "master"))
}

#[test]
fn phase_keys() {
    let all = vectors();
    let recorded = cases(&all, "phase_keys");
    for case in recorded {
        let side = Side::new(text(case, "side"));
        let phase = Phase::from(text(case, "phase").to_owned());
        let key = master(case).phase_key(&side, &phase);
        assert_eq!(key.as_bytes(), &array(case, "key"), "{case}");
    }
    assert_eq!(recorded.len(), 260);
}

#[test]
fn derived_keys() {
    let all = vectors();
    let recorded = cases(&all, "derive_key");
    for case in recorded {
        let derived = master(case).derive(text(case, "purpose"), number(case, "length")).unwrap();
        assert_eq!(derived.len(), number(case, "length"));
        match case.get("output") {
            Some(_) => assert_eq!(derived[..], hex(case, "output"), "{case}"),
            None => assert_eq!(Sha256::digest(&derived)[..], hex(case, "output_sha256"), "{case}"),
        }
    }
    assert_eq!(recorded.len(), 76);
}

#[test]
fn verifiers() {
    let all = vectors();
    let recorded = cases(&all, "derive_key").iter();
    let verifiers = recorded.filter(|case| case["purpose"] == "wormhole:verifier");
    let replayed = verifiers.map(|case| {
        assert_eq!(master(case).verifier().as_bytes(), &array(case, "output"));
        assert_eq!(master(case).verifier().hex(), text(case, "output"));
    });
    assert_eq!(replayed.count(), 4);
}

#[test]
fn lengths() {
    let all = vectors();
    let limits = cases(&all, "length_limits");
    for limit in limits {
        let length = limit["length"].as_i64().unwrap();
        let length = usize::try_from(length).ok();
        let derived = length.and_then(|length| Key::new([7; 32]).derive("purpose", length));
        let expected = length.filter(|_| limit["python"] == "ok");
        assert_eq!(derived.map(|bytes| bytes.len()), expected, "{limit}");
    }
    assert_eq!(limits.len(), 3);
    assert_eq!(MAX_DERIVED, 8160);
}
