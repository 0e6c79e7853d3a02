#![no_main]

use crypto_secretbox::{AeadInPlace, KeyInit, XSalsa20Poly1305};
use libfuzzer_sys::fuzz_target;
use wormhole_protocol::secretbox::{NONCE_LEN, SecretBox};

// A key, a nonce, how often the text is repeated, where it begins in memory, and the text.
fuzz_target!(|bytes: &[u8]| {
    let Some((key, bytes)) = bytes.split_first_chunk::<32>() else { return };
    let Some((nonce, bytes)) = bytes.split_first_chunk::<NONCE_LEN>() else { return };
    let Some((&[times, start], text)) = bytes.split_first_chunk() else { return };
    let text = text.repeat(usize::from(times));
    let oracle = XSalsa20Poly1305::new(key.into());
    let mut expected = text.clone();
    let tag = oracle.encrypt_in_place_detached(nonce.into(), b"", &mut expected);

    let start = usize::from(start % 64);
    let mut memory = vec![0; start];
    memory.extend(&text);
    let ours = SecretBox::new(key);
    let sealed = ours.seal(nonce, &mut memory[start..]);
    assert_eq!(tag.map(Into::into), Ok(sealed));
    assert_eq!(memory[start..], expected);
    assert_eq!(ours.open(nonce, &sealed, &mut memory[start..]), Ok(()));
    assert_eq!(memory[start..], text);
});
