//! The Salsa20 keystream, many blocks at a time, on processors with AVX2 or AVX-512.
//!
//! A vector holds the same word of several blocks, so the rounds are those of the scalar cipher;
//! the words are put back in the order of the bytes when they meet the text. Nothing depends on a
//! secret but the words themselves: no branch, no index.

#![allow(
    unsafe_code,
    reason = "code for newer processors is called after a check, and vectors meet bytes by pointer"
)]

mod avx2;
mod avx512;

use std::{arch::is_x86_feature_detected, array, slice};

use zeroize::Zeroizing;

use super::BLOCK;

/// A way to make the keystream that this processor has: made here only, after asking it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Eight blocks.
    Avx2,
    /// Sixteen blocks, with registers for the whole state, and rotations.
    Avx512,
}

type State = [u32; 16];

const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
/// Where the state counts blocks: the lower half of the number, then the upper.
const COUNTER: usize = 8;
const DOUBLE_ROUNDS: usize = 10;

impl Lanes {
    /// Gives the fastest way.
    pub(super) fn best() -> Option<Self> {
        Self::all().next()
    }

    /// Gives every way, the fastest first.
    fn all() -> impl Iterator<Item = Self> {
        let avx512 = is_x86_feature_detected!("avx512f").then_some(Kind::Avx512);
        let avx2 = is_x86_feature_detected!("avx2").then_some(Kind::Avx2);
        avx512.into_iter().chain(avx2).map(Self)
    }

    /// Applies the keystream to the text, beginning with the given block.
    pub(super) fn apply(self, key: &[u8; 32], nonce: &[u8; 8], block: u64, text: &mut [u8]) {
        let state = Zeroizing::new(state(key, nonce));
        match self.0 {
            // SAFETY: a `Lanes` of this kind exists only where the processor has AVX2.
            Kind::Avx2 => in_batches(block, text, |block, batches| unsafe {
                avx2::apply(&state, block, batches);
            }),
            // SAFETY: a `Lanes` of this kind exists only where the processor has AVX-512F.
            Kind::Avx512 => in_batches(block, text, |block, batches| unsafe {
                avx512::apply(&state, block, batches);
            }),
        }
    }
}

/// Applies to whole batches where they stand, and to what is left over in a copy.
fn in_batches<const BATCH: usize>(
    block: u64,
    text: &mut [u8],
    apply: impl Fn(u64, &mut [[u8; BATCH]]),
) {
    let (batches, last) = text.as_chunks_mut();
    apply(block, batches);
    if !last.is_empty() {
        let mut padded = Zeroizing::new([0; BATCH]);
        padded[..last.len()].copy_from_slice(last);
        let block = block.wrapping_add((batches.len() * (BATCH / BLOCK)) as u64);
        apply(block, slice::from_mut(&mut padded));
        last.copy_from_slice(&padded[..last.len()]);
    }
}

/// The state of block 0.
fn state(key: &[u8; 32], nonce: &[u8; 8]) -> State {
    let word = |bytes: &[u8], n| u32::from_le_bytes(bytes.as_chunks().0[n]);
    let [a, b, c, d] = CONSTANTS;
    let key = |n| word(key, n);
    [
        a,
        key(0),
        key(1),
        key(2), //
        key(3),
        b,
        word(nonce, 0),
        word(nonce, 1), //
        0,
        0,
        c,
        key(4), //
        key(5),
        key(6),
        key(7),
        d,
    ]
}

/// Spells the numbers of consecutive blocks as the two words that count them.
fn numbers<const LANES: usize>(block: u64) -> [[u32; LANES]; 2] {
    [0, u32::BITS]
        .map(|shift| array::from_fn(|lane| (block.wrapping_add(lane as u64) >> shift) as u32))
}

/// Two of the cipher's twenty rounds: the columns, then the rows.
// Always inlined: only within its caller may the compiler use the vectors of the processor.
#[inline(always)]
fn double_round<Word>(x: &mut [Word; 16], quarter: impl Fn(&mut [Word; 16], [usize; 4])) {
    quarter(x, [0, 4, 8, 12]);
    quarter(x, [5, 9, 13, 1]);
    quarter(x, [10, 14, 2, 6]);
    quarter(x, [15, 3, 7, 11]);
    quarter(x, [0, 1, 2, 3]);
    quarter(x, [5, 6, 7, 4]);
    quarter(x, [10, 11, 8, 9]);
    quarter(x, [15, 12, 13, 14]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use salsa20::{
        Salsa20,
        cipher::{KeyIvInit, StreamCipher, StreamCipherCoreWrapper, StreamCipherSeekCore},
    };

    use super::*;

    /// The longer one of the two.
    const BATCH: usize = 16 * BLOCK;

    /// The keystream of the crate, from the given block on.
    fn oracle(key: &[u8; 32], nonce: &[u8; 8], block: u64, text: &mut [u8]) {
        let mut core = salsa20::SalsaCore::new(key.into(), nonce.into());
        core.set_block_pos(block);
        let mut cipher: Salsa20 = StreamCipherCoreWrapper::from_core(core);
        cipher.apply_keystream(text);
    }

    fn check(key: &[u8; 32], nonce: &[u8; 8], block: u64, text: &[u8]) {
        let mut expected = text.to_vec();
        oracle(key, nonce, block, &mut expected);
        for lanes in Lanes::all() {
            let mut applied = text.to_vec();
            lanes.apply(key, nonce, block, &mut applied);
            assert!(applied == expected, "{lanes:?}, {} bytes from block {block}", text.len());
        }
    }

    #[test]
    fn every_length_of_three_batches() {
        let text: Vec<u8> = (0..3 * BATCH).map(|n| (n % 251) as u8).collect();
        for length in 0..=text.len() {
            check(&[3; 32], &[5; 8], 1, &text[..length]);
        }
    }

    #[test]
    fn blocks_are_counted_in_64_bits() {
        for batches in [0, 1, 2] {
            let lower = (1 << 32) - batches * 16;
            for early in 0..=16 {
                check(&[3; 32], &[5; 8], lower - early, &[0; 3 * BATCH]);
            }
        }
        // The crate's counter panics at the very end, where nobody gets.
        check(&[3; 32], &[5; 8], u64::MAX - 100, &[0; 3 * BATCH]);
    }

    #[test]
    fn wherever_a_text_stands_in_memory_only_it_changes() {
        let page = [7; 2 * BATCH + 200];
        for lanes in Lanes::all() {
            for start in 0..=64 {
                for length in [1, BATCH / 2, BATCH - 1, BATCH, 2 * BATCH + 100] {
                    let mut applied = page;
                    let mut expected = page;
                    lanes.apply(&[3; 32], &[5; 8], 9, &mut applied[start..start + length]);
                    oracle(&[3; 32], &[5; 8], 9, &mut expected[start..start + length]);
                    assert!(applied == expected, "{lanes:?}, {length} bytes at {start}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_key_and_nonce(
            key: [u8; 32],
            nonce: [u8; 8],
            block in 0..u64::MAX - 1000,
            text in proptest::collection::vec(any::<u8>(), 0..3 * BATCH),
        ) {
            check(&key, &nonce, block, &text);
        }
    }
}
