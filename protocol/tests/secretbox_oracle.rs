//! Seals and opens as the crate `crypto_secretbox` does, which knows no vectors of the processor.
#![allow(clippy::unwrap_used)]

use crypto_secretbox::{AeadInPlace, KeyInit, XSalsa20Poly1305};
use proptest::prelude::*;
use wormhole_protocol::secretbox::{NONCE_LEN, SecretBox, TAG_LEN, Unopened};

const MEBIBYTE: usize = 1024 * 1024;

fn sealed_by_the_crate(key: &[u8; 32], nonce: &[u8; NONCE_LEN], text: &mut [u8]) -> [u8; TAG_LEN] {
    let cipher = XSalsa20Poly1305::new(key.into());
    cipher.encrypt_in_place_detached(nonce.into(), b"", text).unwrap().into()
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

fn check(key: &[u8; 32], nonce: &[u8; NONCE_LEN], plaintext: &[u8]) {
    let mut expected = plaintext.to_vec();
    let tag = sealed_by_the_crate(key, nonce, &mut expected);
    let cipher = SecretBox::new(key);
    let mut sealed = plaintext.to_vec();
    assert_eq!(cipher.seal(nonce, &mut sealed), tag, "{} bytes", plaintext.len());
    assert!(sealed == expected, "{} bytes", plaintext.len());
    assert_eq!(cipher.open(nonce, &tag, &mut sealed), Ok(()), "{} bytes", plaintext.len());
    assert!(sealed == plaintext, "{} bytes", plaintext.len());
}

#[test]
fn every_length_of_some_batches() {
    let plaintext = text(2500);
    for length in 0..=plaintext.len() {
        check(&[3; 32], &[5; NONCE_LEN], &plaintext[..length]);
    }
}

#[test]
fn what_was_changed_does_not_open_and_stays_as_it_was() {
    for length in [0, 1, 32, 33, 700, 70_000] {
        let cipher = SecretBox::new(&[3; 32]);
        let mut sealed = text(length);
        let mut tag = cipher.seal(&[5; NONCE_LEN], &mut sealed);
        for place in [0, 15, 16, 31, 32, 96, 600, 69_999].into_iter().filter(|n| *n < length) {
            sealed[place] ^= 0x80;
            let given = sealed.clone();
            assert_eq!(cipher.open(&[5; NONCE_LEN], &tag, &mut sealed), Err(Unopened));
            assert!(sealed == given);
            sealed[place] ^= 0x80;
        }
        for place in 0..TAG_LEN {
            tag[place] ^= 1;
            assert_eq!(cipher.open(&[5; NONCE_LEN], &tag, &mut sealed), Err(Unopened));
            tag[place] ^= 1;
        }
        assert_eq!(cipher.open(&[6; NONCE_LEN], &tag, &mut sealed), Err(Unopened));
        assert_eq!(cipher.open(&[5; NONCE_LEN], &tag, &mut sealed), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_length_up_to_a_mebibyte(key: [u8; 32], nonce: [u8; NONCE_LEN], length in 0..=MEBIBYTE) {
        check(&key, &nonce, &text(length));
    }

    #[test]
    fn any_text(key: [u8; 32], nonce: [u8; NONCE_LEN], plaintext: Vec<u8>) {
        check(&key, &nonce, &plaintext);
    }
}
