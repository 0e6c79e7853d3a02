#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::{
    key::{Key, NONCE_LEN},
    name::{Phase, Side},
};

fuzz_target!(|bytes: &[u8]| {
    let key = Key::new([7; 32]).phase_key(&Side::from_random([7; 5]), &Phase::Version);
    let _ = key.open(bytes);
    let sealed = key.seal([7; NONCE_LEN], bytes);
    let opened = key.open(&sealed);
    assert!(opened.is_ok_and(|opened| *opened == bytes));
});
