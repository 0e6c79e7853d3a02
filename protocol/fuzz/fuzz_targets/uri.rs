#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::uri::Link;

fuzz_target!(|text: &str| {
    if let Ok(link) = Link::parse(text) {
        assert!(Link::parse(&link.write()) == Ok(link));
    }
});
