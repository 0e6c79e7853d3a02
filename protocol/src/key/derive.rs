//! The agreed key and what is derived from it [client.md: key derivation].

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{seal::PhaseKey, verifier::Verifier};
use crate::name::{Phase, Side};

/// The most bytes that can be derived for one purpose: 255 blocks of SHA-256.
pub const MAX_DERIVED: usize = 255 * 32;

/// The 32 bytes that both sides share, wiped on drop.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// Takes a shared key.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Shows the 32 bytes, which are a secret.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Derives `length` bytes for `purpose`, which is taken in normal form C.
    ///
    /// `None` where `length` is over [`MAX_DERIVED`].
    pub fn derive(&self, purpose: &str, length: usize) -> Option<Zeroizing<Vec<u8>>> {
        if length > MAX_DERIVED {
            return None;
        }
        let mut derived = Zeroizing::new(vec![0; length]);
        self.expand(purpose.nfc().collect::<String>().as_bytes(), &mut derived);
        Some(derived)
    }

    /// Derives the key of the message that `side` sends under the label `phase`.
    pub fn phase_key(&self, side: &Side, phase: &Phase) -> PhaseKey {
        let mut purpose = b"wormhole:phase:".to_vec();
        purpose.extend(Sha256::digest(side.as_str()));
        purpose.extend(Sha256::digest(phase.to_string()));
        let mut derived = Zeroizing::new([0; 32]);
        self.expand(&purpose, &mut derived[..]);
        PhaseKey::new(derived)
    }

    /// Derives the verifier.
    pub fn verifier(&self) -> Verifier {
        let mut derived = [0; 32];
        self.expand(b"wormhole:verifier", &mut derived);
        Verifier::new(derived)
    }

    fn expand(&self, purpose: &[u8], derived: &mut [u8]) {
        let hkdf = Hkdf::<Sha256>::new(None, &self.0[..]);
        hkdf.expand(purpose, derived).expect("no more than MAX_DERIVED bytes are asked for");
    }
}
