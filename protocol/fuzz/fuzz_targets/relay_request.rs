#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::transit::relay::{Asking, BadRequest, Heard};

/// Gives the line that was understood and how much is behind it.
fn hear(pieces: &[&[u8]]) -> Result<Option<(Vec<u8>, usize)>, BadRequest> {
    let mut asking = Asking::default();
    for (at, piece) in pieces.iter().enumerate() {
        match asking.feed(piece)? {
            Heard::More(next) => asking = next,
            Heard::Request { request, surplus } => {
                let rest: usize = pieces[at + 1..].iter().map(|piece| piece.len()).sum();
                return Ok(Some((request.line(), surplus.len() + rest)));
            }
        }
    }
    Ok(None)
}

fuzz_target!(|input: (usize, &[u8])| {
    let (cut, bytes) = input;
    let heard = hear(&[bytes]);
    let (front, back) = bytes.split_at(cut % (bytes.len() + 1));
    assert_eq!(hear(&[front, back]), heard);
    if let Ok(Some((line, surplus))) = heard {
        assert_eq!(line, bytes[..bytes.len() - surplus]);
    }
});
