//! What two people compare [client.md: verifier and derived keys].

use super::emoji::EMOJI;
use crate::wordlist;

/// How many of its bytes are written for people: 128 bits, for which nobody finds a second key.
const FOR_PEOPLE: usize = 16;

/// What two people compare to be sure that nobody sits between them: 32 bytes, no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verifier([u8; 32]);

impl Verifier {
    /// Takes the 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Shows the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Writes 64 lower-case hex digits, as the other clients do.
    pub fn hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// Writes the first 16 bytes as words of the PGP list, to be read out on a telephone. Words and
    /// positions are those of [codes](crate::wordlist::words), with spaces between: of every two the
    /// first has three syllables, so that a word left out or moved is noticed.
    pub fn words(&self) -> String {
        wordlist::words(&self.0[..FOR_PEOPLE]).replace('-', " ")
    }

    /// Writes the first 16 bytes as emoji, to be compared at a glance by two people who sit side by
    /// side.
    pub fn emoji(&self) -> [char; FOR_PEOPLE] {
        std::array::from_fn(|at| EMOJI[usize::from(self.0[at])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_tells_the_bytes() {
        let bytes = std::array::from_fn(|at| at as u8);
        let verifier = Verifier::new(bytes);
        assert!(verifier.hex().starts_with("000102030405"));
        let words = verifier.words();
        let words: Vec<_> = words.split(' ').collect();
        assert_eq!(words.len(), 16);
        assert_eq!(words[..3], ["adroitness", "absurd", "aftermath"]);
        let emoji = verifier.emoji();
        assert_eq!(emoji[..], EMOJI[..16]);
        for at in 0..16 {
            let mut other = bytes;
            other[at] ^= 0x80;
            let other = Verifier::new(other);
            assert_ne!(other.emoji(), emoji, "{at}");
            assert_ne!(other.words(), verifier.words(), "{at}");
        }
    }
}
