#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::transit::{
    RecordKey,
    record::{Framer, Opener, Sealer},
};

// One byte is the cut. What follows is read as records as it is, and as the plaintext of one.
fuzz_target!(|bytes: &[u8]| {
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let key = RecordKey::new(&[7; 32]);
    let mut framer = Framer::new(Opener::new(&key));
    framer.feed(bytes);
    while let Ok(Some(_)) = framer.next_record() {}

    let mut wire = Vec::new();
    assert_eq!(Sealer::new(&key).seal(bytes, &mut wire), Ok(()));
    let mut framer = Framer::new(Opener::new(&key));
    let (first, second) = wire.split_at(usize::from(cut).min(wire.len() - 1));
    framer.feed(first);
    assert_eq!(framer.next_record(), Ok(None));
    framer.feed(second);
    assert_eq!(framer.next_record(), Ok(Some(bytes)));
});
