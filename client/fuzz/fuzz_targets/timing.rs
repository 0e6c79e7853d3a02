#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_client::timing::{Recording, render};

/// No byte of a text in UTF-8: behind it is the recording of the other side.
const BETWEEN: u8 = 0xff;

fuzz_target!(|input: &[u8]| {
    let recordings: Result<Vec<_>, _> =
        input.splitn(2, |byte| *byte == BETWEEN).map(Recording::parse).collect();
    if let Ok(recordings) = recordings {
        render(&recordings).expect("one or two can be drawn");
    }
});
