#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::transfer::{Ack, Message};

fuzz_target!(|json: &[u8]| {
    if let Ok(message) = Message::parse(json) {
        match (Message::parse(&message.write()), message) {
            // A priority may lose its last bit on the way through text.
            (Ok(Message::Transit { .. }), Message::Transit { .. }) => {}
            (again, message) => assert_eq!(again, Ok(message)),
        }
    }
    if let Ok(ack) = Ack::parse(json) {
        assert_eq!(Ack::parse(&ack.write()), Ok(ack));
    }
});
