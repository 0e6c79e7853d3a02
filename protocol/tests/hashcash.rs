//! Replays `vectors/hashcash.json`.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::Value;
use wormhole_protocol::hashcash::{Minting, is_worth, zero_bits};

/// Noon of 22 November 2026, when the recorded stamps were minted.
const RECORDED: u64 = 1_795_348_800;

#[test]
fn recorded_stamps() {
    let all: Value = serde_json::from_str(include_str!("vectors/hashcash.json")).unwrap();
    for case in all["stamps"].as_array().unwrap() {
        let stamp = case["stamp"].as_str().unwrap();
        let (bits, resource) = (case["bits"].as_u64().unwrap() as u32, &case["resource"]);
        let resource = resource.as_str().unwrap();
        assert_eq!(u64::from(zero_bits(stamp)), case["zero_bits"], "{stamp}");
        assert_eq!(is_worth(stamp, bits, resource), case["valid"], "{stamp}");
        assert!(!is_worth(stamp, bits + 1, resource), "claims no more than it says: {stamp}");
        assert!(!is_worth(stamp, bits, "another"), "{stamp}");
    }
}

#[test]
fn the_recorded_stamp_is_minted_again() {
    let mut minting = Minting::new(16, "r", RECORDED, [0; 12]).unwrap();
    assert_eq!(minting.step(0xbde8), None);
    assert_eq!(minting.tried(), 0xbde8);
    assert_eq!(minting.step(1).unwrap(), "1:16:261122:r::AAAAAAAAAAAAAAAA:bde8");
}

proptest! {
    #[test]
    fn what_is_minted_is_worth_it(
        bits in 0..8u32,
        resource in "[a-zA-Z0-9/.@-]*",
        random: [u8; 12],
    ) {
        let mut minting = Minting::new(bits, &resource, RECORDED, random).unwrap();
        let stamp = minting.step(1 << 16).unwrap();
        prop_assert!(is_worth(&stamp, bits, &resource));
    }

    #[test]
    fn any_text_is_judged(text in "(1:)?\\PC*") {
        prop_assert!(!is_worth(&text, 33, "r"));
    }
}
