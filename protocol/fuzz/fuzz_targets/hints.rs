#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wormhole_protocol::transit::{Abilities, Hints};

fuzz_target!(|json: &[u8]| {
    let Ok(list) = serde_json::from_slice::<Value>(json) else { return };
    let _ = Abilities::read(&list);
    let hints = Hints::read(&list);
    assert!(hints.direct.len() <= Hints::MAX_DIRECT && hints.relays.len() <= Hints::MAX_RELAYS);
    assert_eq!(Hints::read(&hints.write()), hints);
});
