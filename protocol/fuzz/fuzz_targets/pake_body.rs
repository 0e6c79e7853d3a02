#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::{code::Code, key::Pake, name::AppId, wire::Body};
use zeroize::Zeroizing;

/// Gives a body to someone who waits for it; whoever wrote it does not know the code.
fn finish(body: &[u8]) {
    let Ok(code) = Code::parse("4-purple-sausages") else { return };
    let (pake, ours) = Pake::start(code, AppId::new("fuzz"), Zeroizing::new([7; 64]));
    assert!(pake.finish(body).is_err() || body != ours);
}

// The bytes are the whole body, and the element in a body that is otherwise right.
fuzz_target!(|bytes: &[u8]| {
    finish(bytes);
    let element = Body::from_bytes(bytes);
    finish(format!(r#"{{"pake_v1": "{}"}}"#, element.as_str()).as_bytes());
});
