//! Replays `vectors/spake2.json`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{array, cases, hex, scalar, text};
use serde_json::{Value, json};
use wormhole_protocol::{
    code::{Code, KeyFormatError},
    key::Pake,
    name::AppId,
};
use zeroize::Zeroizing;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/spake2.json")).unwrap()
}

/// Gives the 64 random bytes of a side, which the vectors write as a big-endian number.
fn entropy(side: &Value) -> Zeroizing<[u8; 64]> {
    let mut random = Zeroizing::new(array(side, "entropy_64"));
    random.reverse();
    random
}

/// Reads a code, also the one that people have to ask for by name.
fn code(text: &str) -> Result<Code, KeyFormatError> {
    if text == "0-" { Ok(Code::without_secret()) } else { Code::parse(text) }
}

fn start(case: &Value, random: Zeroizing<[u8; 64]>) -> (Pake, Vec<u8>) {
    let code = code(text(case, "code")).unwrap();
    Pake::start(code, AppId::new(text(case, "appid")), random)
}

fn assert_body(body: &[u8], side: &Value) {
    let written: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(written, json!({ "pake_v1": text(side, "message") }));
    let recorded: Value = serde_json::from_slice(&hex(side, "pake_body")).unwrap();
    assert_eq!(written, recorded, "but for white space");
}

#[test]
fn both_sides_of_every_agreement() {
    let mut agreed = 0;
    for case in cases(&vectors(), "cases") {
        let Ok(code) = code(text(case, "code")) else {
            continue;
        };
        let appid = AppId::new(text(case, "appid"));
        assert_eq!(code.as_str().as_bytes(), hex(case, "password_utf8_nfc"));
        assert_eq!(appid.id_symmetric(), hex(case, "id_symmetric"));

        for (ours, theirs) in [("a", "b"), ("b", "a")] {
            let (ours, theirs) = (&case[ours], &case[theirs]);
            let (_, reduced) = start(case, scalar(ours, "scalar_le"));
            let (pake, body) = start(case, entropy(ours));
            assert_body(&body, ours);
            assert_eq!(body, reduced, "the entropy is taken modulo the group's order");

            let key = pake.finish(&hex(theirs, "pake_body")).unwrap();
            assert_eq!(key.as_bytes(), &array(case, "key"), "{case}");
            assert_eq!(key.verifier().as_bytes(), &array(case, "verifier"));
            assert_eq!(key.verifier().hex(), text(case, "verifier"));
        }
        agreed += 1;
    }
    assert_eq!(agreed, 24);
}

/// Of the agreements one was recorded of the bare SPAKE2, whose password has no nameplate, and one of
/// a nameplate that Python takes for a code.
#[test]
fn not_every_password_is_a_code() {
    let all = vectors();
    let codes = cases(&all, "cases").iter().map(|case| text(case, "code"));
    let refused = codes.filter_map(|given| Some((given, code(given).err()?)));
    assert_eq!(
        Vec::from_iter(refused),
        [("4", KeyFormatError::NoHyphen), ("password", KeyFormatError::Nameplate)]
    );
}

#[test]
fn equivalent_spellings_agree() {
    let all = vectors();
    let agreement = &all["cases"][0];
    let pairs = cases(&all, "nfc_equivalent_pairs");
    for pair in pairs {
        let [one, other] = [0, 1].map(|spelling| pair[spelling].as_str().unwrap());
        assert_ne!(one, other);
        let halves = [(one, "a"), (other, "b")].map(|(code, side)| {
            let appid = AppId::new(text(agreement, "appid"));
            Pake::start(Code::parse(code).unwrap(), appid, entropy(&agreement[side]))
        });
        let [(ours, our_body), (theirs, their_body)] = halves;
        let (ours, theirs) = (ours.finish(&their_body).unwrap(), theirs.finish(&our_body).unwrap());
        assert_eq!(ours.as_bytes(), theirs.as_bytes(), "{pair}");
    }
    assert_eq!(pairs.len(), 2);
}
