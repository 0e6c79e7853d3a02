#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::wire::Request;

fuzz_target!(|frame: &str| {
    if let Ok(request) = Request::parse(frame) {
        let verb = request.verb();
        let again = Request::parse(&request.into_orig().to_string());
        assert!(again.is_ok_and(|again| again.verb() == verb));
    }
});
