#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::hashcash::{Minting, is_worth, zero_bits};

fuzz_target!(|input: (u8, u64, &str)| {
    let (bits, unix_time, text) = input;
    assert!(zero_bits(text) <= 160);
    assert!(!is_worth(text, 161, "r"));
    let bits = u32::from(bits % 64);
    let Ok(mut minting) = Minting::new(bits, text, unix_time, [7; 12]) else { return };
    if let Some(stamp) = minting.step(64) {
        assert!(is_worth(&stamp, bits, text));
    }
});
