//! Sixteen blocks at a time.

use std::arch::x86_64::*;

use super::{BLOCK, COUNTER, DOUBLE_ROUNDS, State, double_round, numbers};

const LANES: usize = 16;

/// Applies the keystream from the given block on.
#[target_feature(enable = "avx512f")]
pub(super) fn apply(state: &State, mut block: u64, batches: &mut [[u8; LANES * BLOCK]]) {
    let mut start = state.map(|word| _mm512_set1_epi32(word.cast_signed()));
    for batch in batches {
        let [lower, upper] = numbers(block);
        (start[COUNTER], start[COUNTER + 1]) = (load(&lower), load(&upper));
        let mut x = start;
        for _ in 0..DOUBLE_ROUNDS {
            double_round(&mut x, |x, words| quarter(x, words));
        }
        for (word, start) in x.iter_mut().zip(start) {
            *word = _mm512_add_epi32(*word, start);
        }
        let blocks = batch.as_chunks_mut().0.iter_mut();
        for (block, words) in blocks.zip(transposed(&x)) {
            xor(block, words);
        }
        block = block.wrapping_add(LANES as u64);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn quarter(x: &mut [__m512i; 16], [a, b, c, d]: [usize; 4]) {
    x[b] = _mm512_xor_si512(x[b], _mm512_rol_epi32::<7>(_mm512_add_epi32(x[a], x[d])));
    x[c] = _mm512_xor_si512(x[c], _mm512_rol_epi32::<9>(_mm512_add_epi32(x[b], x[a])));
    x[d] = _mm512_xor_si512(x[d], _mm512_rol_epi32::<13>(_mm512_add_epi32(x[c], x[b])));
    x[a] = _mm512_xor_si512(x[a], _mm512_rol_epi32::<18>(_mm512_add_epi32(x[d], x[c])));
}

/// From the words of all blocks, a vector a word, makes a vector a block.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(x: &[__m512i; 16]) -> [__m512i; LANES] {
    // In `fours[g][n]`, quarter q is the g-th four words of block 4q + n.
    let fours: [_; 4] =
        std::array::from_fn(|g| quads(x[4 * g], x[4 * g + 1], x[4 * g + 2], x[4 * g + 3]));
    let [mut first, mut second, mut third, mut fourth] = [[x[0]; 4]; 4];
    for n in 0..4 {
        let [a, b, c, d] = fours.map(|four| four[n]);
        let [ab, cd] = [_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d)];
        let [ab_high, cd_high] =
            [_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d)];
        first[n] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        second[n] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        third[n] = _mm512_shuffle_i32x4::<0x88>(ab_high, cd_high);
        fourth[n] = _mm512_shuffle_i32x4::<0xdd>(ab_high, cd_high);
    }
    let all = [first, second, third, fourth];
    std::array::from_fn(|block| all[block / 4][block % 4])
}

/// From the same four words of all blocks, puts those of one block side by side.
#[inline]
#[target_feature(enable = "avx512f")]
fn quads(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> [__m512i; 4] {
    let [ab, cd] = [_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d)];
    let [ab_high, cd_high] = [_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d)];
    [
        _mm512_unpacklo_epi64(ab, cd),
        _mm512_unpackhi_epi64(ab, cd),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(bytes: &mut [u8; BLOCK], with: __m512i) {
    let place = bytes.as_mut_ptr().cast();
    // SAFETY: `bytes` is as long as a vector, and neither function asks for an alignment.
    unsafe { _mm512_storeu_si512(place, _mm512_xor_si512(_mm512_loadu_si512(place), with)) };
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u32; LANES]) -> __m512i {
    // SAFETY: `words` is as long as a vector, and no alignment is asked for.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}
