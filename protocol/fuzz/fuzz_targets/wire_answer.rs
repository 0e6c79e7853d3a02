#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::wire::{Answer, Reply};

fuzz_target!(|frame: &str| {
    if let Ok(answer) = Answer::parse(frame) {
        let reply = Reply { answer, server_tx: 0.0 };
        assert!(Answer::parse(&reply.to_frame()).is_ok());
    }
});
