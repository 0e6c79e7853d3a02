#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::transit::RelayArgument;

fuzz_target!(|text: &str| {
    if let Ok(argument) = text.parse::<RelayArgument>() {
        assert_eq!(argument.to_string().parse(), Ok(argument));
    }
});
