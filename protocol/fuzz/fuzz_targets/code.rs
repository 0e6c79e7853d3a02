#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::code::Code;

fuzz_target!(|text: &str| {
    let entered = Code::entered(text);
    if let Ok(code) = Code::parse(text) {
        let _ = code.weakness();
        assert!(!code.words().is_empty());
        assert!(Code::parse(code.as_str()) == Ok(code.clone()));
        assert!(entered == Ok(code) || text.contains(|c: char| c.is_control() || c.is_whitespace()));
    }
});
