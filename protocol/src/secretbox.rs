//! NaCl's secretbox in place: XSalsa20-Poly1305 as everything here is sealed with it.
//!
//! The crate `crypto_secretbox` does it, but for long texts where the processor can make many blocks
//! of the keystream at a time.

#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(not(target_arch = "x86_64"))]
#[path = "secretbox/no_lanes.rs"]
mod lanes;

use crypto_secretbox::{AeadInPlace, XSalsa20Poly1305};
use poly1305::{
    Poly1305,
    universal_hash::{KeyInit, UniversalHash},
};
use salsa20::{
    Salsa20,
    cipher::{KeyIvInit, StreamCipher, consts::U10},
    hsalsa,
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use self::lanes::Lanes;

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 24;

/// Bytes of a tag.
pub const TAG_LEN: usize = 16;

/// How much of the nonce goes into the key of a message.
const PREFIX: usize = 16;
/// Bytes of the keystream that become the tag's key; the text has the rest.
const MAC_KEY: usize = 32;
const BLOCK: usize = 64;
/// The shortest text for which lanes are worth their start.
const LONG: usize = 4 * BLOCK;

/// A key of any number of messages, each with a nonce of its own; wiped on drop.
pub struct SecretBox(Zeroizing<[u8; 32]>);

/// The text was sealed with another key or nonce, or was changed since; it is as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes do not open with this key and nonce")]
pub struct Unopened;

impl SecretBox {
    /// Copies a key in.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*key))
    }

    /// Seals a text where it stands and gives the tag, which goes before it.
    pub fn seal(&self, nonce: &[u8; NONCE_LEN], text: &mut [u8]) -> [u8; TAG_LEN] {
        let Some(lanes) = lanes_for(text) else { return self.seal_short(nonce, text) };
        let (mac, keystream) = self.start(nonce);
        keystream.apply(lanes, text);
        tag(mac, text)
    }

    /// Opens a text where it stands.
    ///
    /// # Errors
    /// [`Unopened`].
    pub fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        tag_given: &[u8; TAG_LEN],
        text: &mut [u8],
    ) -> Result<(), Unopened> {
        let Some(lanes) = lanes_for(text) else { return self.open_short(nonce, tag_given, text) };
        let (mac, keystream) = self.start(nonce);
        if !bool::from(tag(mac, text).ct_eq(tag_given)) {
            return Err(Unopened);
        }
        keystream.apply(lanes, text);
        Ok(())
    }

    fn seal_short(&self, nonce: &[u8; NONCE_LEN], text: &mut [u8]) -> [u8; TAG_LEN] {
        let sealed = self.whole().encrypt_in_place_detached(nonce.into(), b"", text);
        sealed.expect("a text in memory is far below the cipher's limit").into()
    }

    fn open_short(
        &self,
        nonce: &[u8; NONCE_LEN],
        tag: &[u8; TAG_LEN],
        text: &mut [u8],
    ) -> Result<(), Unopened> {
        let opened = self.whole().decrypt_in_place_detached(nonce.into(), b"", text, tag.into());
        opened.map_err(|_| Unopened)
    }

    fn whole(&self) -> XSalsa20Poly1305 {
        XSalsa20Poly1305::new((&*self.0).into())
    }

    fn start(&self, nonce: &[u8; NONCE_LEN]) -> (Poly1305, Keystream) {
        let prefix = nonce.first_chunk::<PREFIX>().expect("24 bytes begin with 16");
        let nonce = *nonce.last_chunk().expect("24 bytes end with 8");
        let key: Zeroizing<[u8; 32]> =
            Zeroizing::new(hsalsa::<U10>((&*self.0).into(), prefix.into()).into());
        let mut scalar = Salsa20::new((&*key).into(), (&nonce).into());
        let mut mac_key = Zeroizing::new([0; MAC_KEY]);
        scalar.apply_keystream(&mut *mac_key);
        let mac = Poly1305::new((&*mac_key).into());
        (mac, Keystream { key, nonce, scalar })
    }
}

/// The keystream of one message, after what the tag's key took of it.
struct Keystream {
    key: Zeroizing<[u8; 32]>,
    nonce: [u8; NONCE_LEN - PREFIX],
    scalar: Salsa20,
}

impl Keystream {
    /// Applies what is left of the first block, and the rest by the lanes.
    fn apply(mut self, lanes: Lanes, text: &mut [u8]) {
        let (first, rest) = text.split_at_mut(text.len().min(BLOCK - MAC_KEY));
        self.scalar.apply_keystream(first);
        lanes.apply(&self.key, &self.nonce, 1, rest);
    }
}

/// The lanes, where there are any and the text is long enough for them.
fn lanes_for(text: &[u8]) -> Option<Lanes> {
    (text.len() >= LONG).then(Lanes::best).flatten()
}

/// Authenticates a sealed text.
fn tag(mut mac: Poly1305, text: &[u8]) -> [u8; TAG_LEN] {
    // Whole blocks by themselves: several at a time, which `compute_unpadded` does not.
    let (whole, last) = text.split_at(text.len() - text.len() % poly1305::BLOCK_SIZE);
    mac.update_padded(whole);
    mac.compute_unpadded(last).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_without_lanes_makes_the_same() {
        let cipher = SecretBox::new(&[3; 32]);
        let nonce = [5; NONCE_LEN];
        for length in 0..2_000 {
            let (mut long, mut short) = (vec![7; length], vec![7; length]);
            let tag = cipher.seal(&nonce, &mut long);
            assert_eq!(cipher.seal_short(&nonce, &mut short), tag, "{length} bytes");
            assert!(long == short, "{length} bytes");
            assert_eq!(cipher.open(&nonce, &tag, &mut long), Ok(()));
            assert_eq!(cipher.open_short(&nonce, &tag, &mut short), Ok(()));
            assert!(long == vec![7; length] && short == long, "{length} bytes");
        }
    }
}
