//! The Salsa20 keystream, eight blocks at a time, on processors with AVX2 or AVX-512VL.
//!
//! A vector holds the same word of eight blocks, so the rounds are those of the scalar cipher; the
//! words are put back in the order of the bytes when they meet the text. Nothing depends on a
//! secret but the words themselves: no branch, no index.

#![allow(
    unsafe_code,
    reason = "functions for newer processors are called after a check, vectors read from arrays"
)]

use std::arch::{is_x86_feature_detected, x86_64::*};

use zeroize::Zeroizing;

use super::BLOCK;

/// How many blocks are made at a time.
const LANES: usize = 8;
const BATCH: usize = LANES * BLOCK;

const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
/// Where the state counts blocks: the lower half of the number, then the upper.
const COUNTER: usize = 8;

/// A way to make the keystream that this processor has: made here only, after asking it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Avx2,
    /// Rotates in one instruction, and has registers for the whole state.
    Avx512,
}

impl Lanes {
    /// Gives the fastest way.
    pub(super) fn best() -> Option<Self> {
        Self::all().next()
    }

    /// Gives every way, the fastest first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let avx2 = is_x86_feature_detected!("avx2");
        let avx512 =
            avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        [(avx512, Kind::Avx512), (avx2, Kind::Avx2)]
            .into_iter()
            .filter_map(|(has, kind)| has.then_some(Self(kind)))
    }

    /// Applies the keystream to the text, beginning with the given block.
    pub(super) fn apply(self, key: &[u8; 32], nonce: &[u8; 8], block: u64, text: &mut [u8]) {
        let state = Zeroizing::new(state(key, nonce));
        let (batches, last) = text.as_chunks_mut::<BATCH>();
        self.run(&state, block, batches);
        if !last.is_empty() {
            let mut padded = Zeroizing::new([0; BATCH]);
            padded[..last.len()].copy_from_slice(last);
            let block = block.wrapping_add((batches.len() * LANES) as u64);
            self.run(&state, block, std::slice::from_mut(&mut padded));
            last.copy_from_slice(&padded[..last.len()]);
        }
    }

    fn run(self, state: &[u32; 16], block: u64, batches: &mut [[u8; BATCH]]) {
        match self.0 {
            // SAFETY: a `Lanes` of this kind exists only where the processor has AVX2.
            Kind::Avx2 => unsafe { avx2(state, block, batches) },
            // SAFETY: a `Lanes` of this kind exists only where the processor has all three.
            Kind::Avx512 => unsafe { avx512(state, block, batches) },
        }
    }
}

/// The state of block 0.
fn state(key: &[u8; 32], nonce: &[u8; 8]) -> [u32; 16] {
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

/// One body, compiled for each kind: from AVX-512 the compiler takes the rotation and the
/// registers.
macro_rules! batches {
    ($name:ident, $features:literal) => {
        #[target_feature(enable = $features)]
        fn $name(state: &[u32; 16], mut block: u64, batches: &mut [[u8; BATCH]]) {
            let mut start = state.map(|word| _mm256_set1_epi32(word.cast_signed()));
            for batch in batches {
                [start[COUNTER], start[COUNTER + 1]] = numbers(block);
                let mut x = start;
                for _ in 0..10 {
                    quarter(&mut x, [0, 4, 8, 12]);
                    quarter(&mut x, [5, 9, 13, 1]);
                    quarter(&mut x, [10, 14, 2, 6]);
                    quarter(&mut x, [15, 3, 7, 11]);
                    quarter(&mut x, [0, 1, 2, 3]);
                    quarter(&mut x, [5, 6, 7, 4]);
                    quarter(&mut x, [10, 11, 8, 9]);
                    quarter(&mut x, [15, 12, 13, 14]);
                }
                for (word, start) in x.iter_mut().zip(start) {
                    *word = _mm256_add_epi32(*word, start);
                }
                for (half, words) in x.as_chunks().0.iter().enumerate() {
                    let blocks = batch.as_chunks_mut::<BLOCK>().0.iter_mut();
                    for (block, words) in blocks.zip(transposed(words)) {
                        xor(&mut block.as_chunks_mut().0[half], words);
                    }
                }
                block = block.wrapping_add(LANES as u64);
            }
        }
    };
}

batches!(avx2, "avx2");
batches!(avx512, "avx2,avx512f,avx512vl");

/// Spells the numbers of eight blocks as the two words that count them.
#[inline]
#[target_feature(enable = "avx2")]
fn numbers(block: u64) -> [__m256i; 2] {
    let number = |lane| block.wrapping_add(lane);
    [0, 32].map(|shift| {
        let [a, b, c, d, e, f, g, h] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(|lane| (number(lane) >> shift) as u32 as i32);
        _mm256_setr_epi32(a, b, c, d, e, f, g, h)
    })
}

#[inline]
#[target_feature(enable = "avx2")]
fn quarter(x: &mut [__m256i; 16], [a, b, c, d]: [usize; 4]) {
    x[b] = _mm256_xor_si256(x[b], rotated::<7, 25>(_mm256_add_epi32(x[a], x[d])));
    x[c] = _mm256_xor_si256(x[c], rotated::<9, 23>(_mm256_add_epi32(x[b], x[a])));
    x[d] = _mm256_xor_si256(x[d], rotated::<13, 19>(_mm256_add_epi32(x[c], x[b])));
    x[a] = _mm256_xor_si256(x[a], rotated::<18, 14>(_mm256_add_epi32(x[d], x[c])));
}

/// Rotates each word to the left; the two distances make 32.
#[inline]
#[target_feature(enable = "avx2")]
fn rotated<const LEFT: i32, const RIGHT: i32>(x: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi32::<LEFT>(x), _mm256_srli_epi32::<RIGHT>(x))
}

/// From eight words of each block, a vector a word, makes a vector a block.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(&[a, b, c, d, e, f, g, h]: &[__m256i; LANES]) -> [__m256i; LANES] {
    let quads = |a, b, c, d| {
        let [ab, cd] = [_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d)];
        let [ab_high, cd_high] = [_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d)];
        [
            _mm256_unpacklo_epi64(ab, cd),
            _mm256_unpackhi_epi64(ab, cd),
            _mm256_unpacklo_epi64(ab_high, cd_high),
            _mm256_unpackhi_epi64(ab_high, cd_high),
        ]
    };
    let [p, q, r, s] = quads(a, b, c, d);
    let [t, u, v, w] = quads(e, f, g, h);
    [
        _mm256_permute2x128_si256::<0x20>(p, t),
        _mm256_permute2x128_si256::<0x20>(q, u),
        _mm256_permute2x128_si256::<0x20>(r, v),
        _mm256_permute2x128_si256::<0x20>(s, w),
        _mm256_permute2x128_si256::<0x31>(p, t),
        _mm256_permute2x128_si256::<0x31>(q, u),
        _mm256_permute2x128_si256::<0x31>(r, v),
        _mm256_permute2x128_si256::<0x31>(s, w),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(bytes: &mut [u8; 32], with: __m256i) {
    let place = bytes.as_mut_ptr().cast::<__m256i>();
    // SAFETY: `bytes` is as long as a vector, and neither function asks for an alignment.
    unsafe { _mm256_storeu_si256(place, _mm256_xor_si256(_mm256_loadu_si256(place), with)) };
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
            let lower = (1 << 32) - batches * LANES as u64;
            for early in 0..=LANES as u64 {
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
                for length in [1, BATCH - 1, BATCH, 2 * BATCH + 100] {
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
        fn any_key_and_nonce(key: [u8; 32], nonce: [u8; 8], block in 0..u64::MAX - 1000, text: Vec<u8>) {
            check(&key, &nonce, block, &text);
        }
    }
}
