//! Replays `vectors/secretbox.json`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{array, cases, hex, text};
use serde_json::Value;
use wormhole_protocol::key::{OpenError, PhaseKey, SEAL_OVERHEAD};
use zeroize::Zeroizing;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/secretbox.json")).unwrap()
}

fn key(case: &Value) -> PhaseKey {
    PhaseKey::new(Zeroizing::new(array(case, "key")))
}

#[test]
fn sealed_and_opened() {
    let all = vectors();
    let good = cases(&all, "good");
    for case in good {
        let (plaintext, body) = (hex(case, "plaintext"), hex(case, "body"));
        assert_eq!(key(case).seal(array(case, "nonce"), &plaintext), body, "{case}");
        assert_eq!(key(case).open(&body).unwrap()[..], plaintext, "{case}");
        assert_eq!(body.len(), plaintext.len() + SEAL_OVERHEAD);
    }
    assert_eq!(good.len(), 11);
}

#[test]
fn tampered_and_cut_bodies_are_refused() {
    let all = vectors();
    let bodies = cases(&all, "negative");
    for case in bodies {
        let opened = key(case).open(&hex(case, "body"));
        match text(case, "result") {
            "accepted" => assert!(opened.is_ok(), "{case}"),
            _ => assert_eq!(opened, Err(OpenError), "{case}"),
        }
    }
    assert_eq!(bodies.len(), 15);
}

#[test]
fn every_part_of_a_body_is_refused() {
    let all = vectors();
    let mut refused = 0;
    for case in cases(&all, "good") {
        let body = hex(case, "body");
        for length in 0..body.len() {
            assert_eq!(key(case).open(&body[..length]), Err(OpenError), "{length} bytes of {case}");
            refused += 1;
        }
    }
    assert_eq!(refused, 1839);
}
