//! Eight blocks at a time.

use std::arch::x86_64::*;

use super::{BLOCK, COUNTER, DOUBLE_ROUNDS, State, double_round, numbers};

const LANES: usize = 8;

/// Applies the keystream from the given block on.
#[target_feature(enable = "avx2")]
pub(super) fn apply(state: &State, mut block: u64, batches: &mut [[u8; LANES * BLOCK]]) {
    let mut start = state.map(|word| _mm256_set1_epi32(word.cast_signed()));
    for batch in batches {
        let [lower, upper] = numbers(block);
        (start[COUNTER], start[COUNTER + 1]) = (load(&lower), load(&upper));
        let mut x = start;
        for _ in 0..DOUBLE_ROUNDS {
            double_round(&mut x, |x, words| quarter(x, words));
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

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u32; LANES]) -> __m256i {
    // SAFETY: `words` is as long as a vector, and no alignment is asked for.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}
