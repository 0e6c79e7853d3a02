//! Sealed messages: NaCl secretbox behind its nonce [client.md: encryption].

use zeroize::Zeroizing;

pub use crate::secretbox::NONCE_LEN;
use crate::secretbox::{SecretBox, TAG_LEN};

/// Bytes by which a sealed message is longer than its plaintext: nonce and tag.
pub const SEAL_OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// The key of one message, wiped on drop; a resend repeats the sealed bytes.
pub struct PhaseKey(Zeroizing<[u8; 32]>);

/// A sealed message did not open: another key, or other bytes than were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message does not open with the agreed key")]
pub struct OpenError;

impl PhaseKey {
    /// Takes the key of one message, as [`Key::phase_key`](super::Key::phase_key) derives it.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Shows the 32 bytes, which are a secret.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals a plaintext: nonce (24 random bytes), tag (16) and ciphertext.
    pub fn seal(&self, nonce: [u8; NONCE_LEN], plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(SEAL_OVERHEAD + plaintext.len());
        sealed.extend(nonce);
        sealed.extend([0; TAG_LEN]);
        sealed.extend(plaintext);
        let (head, text) = sealed.split_at_mut(SEAL_OVERHEAD);
        head[NONCE_LEN..].copy_from_slice(&self.cipher().seal(&nonce, text));
        sealed
    }

    /// Opens a sealed message.
    ///
    /// # Errors
    /// [`OpenError`] for fewer than 40 bytes, another key, or a changed bit.
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (nonce, sealed) = sealed.split_first_chunk().ok_or(OpenError)?;
        let (tag, text) = sealed.split_first_chunk().ok_or(OpenError)?;
        let mut plaintext = Zeroizing::new(text.to_vec());
        self.cipher().open(nonce, tag, &mut plaintext).map_err(|_| OpenError)?;
        Ok(plaintext)
    }

    fn cipher(&self) -> SecretBox {
        SecretBox::new(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_flipped_bit_fails(text in proptest::collection::vec(any::<u8>(), 0..80), at: usize) {
            let key = PhaseKey::new(Zeroizing::new([7; 32]));
            let mut sealed = key.seal([9; NONCE_LEN], &text);
            prop_assert_eq!(sealed.len(), text.len() + SEAL_OVERHEAD);
            prop_assert_eq!(&key.open(&sealed).unwrap()[..], &text[..]);
            let bit = at % (8 * sealed.len());
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key.open(&sealed).unwrap_err(), OpenError);
        }
    }
}
