#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::wire::{Request, json_depth};

fuzz_target!(|frame: &str| {
    if let Ok(request) = Request::parse(frame) {
        assert!((1..=128).contains(&json_depth(frame.as_bytes())), "as deep as the parser goes");
        let verb = request.verb();
        let again = Request::parse(&request.into_orig().to_string());
        assert!(again.is_ok_and(|again| again.verb() == verb));
    }
});
