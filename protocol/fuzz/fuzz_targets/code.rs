#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::code::Code;

fuzz_target!(|text: &str| {
    let _ = Code::typed(text);
    if let Ok(code) = Code::parse(text) {
        let _ = code.weakness();
        assert!(Code::parse(code.as_str()) == Ok(code));
    }
});
