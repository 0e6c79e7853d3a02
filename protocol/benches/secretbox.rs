//! What sealing costs: gigabytes a second of one processor, against the crate that knows no
//! vectors, in the same run.
//!
//! ```text
//! cargo bench -p wormhole-protocol --bench secretbox
//! ```

use std::{hint::black_box, time::Duration};

use crypto_secretbox::{AeadInPlace, KeyInit, XSalsa20Poly1305};
use rustix::time::{ClockId, clock_gettime};
use wormhole_protocol::secretbox::SecretBox;

/// Texts from a message of a few words to the longest record that is usual.
const SIZES: [usize; 6] = [64, 1 << 10, 16 << 10, 64 << 10, 128 << 10, 1 << 20];
/// How much is sealed in one go, and how often; the fastest counts.
const VOLUME: usize = 64 << 20;
const ROUNDS: usize = 7;

const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; 24] = [9; 24];

fn main() {
    let (ours, theirs) = (SecretBox::new(&KEY), XSalsa20Poly1305::new(&KEY.into()));
    println!("{:>9}  {:>9} {:>9} {:>9}   GB a second", "bytes", "seal", "open", "crate");
    for size in SIZES {
        let seal_only = |text: &mut [u8]| {
            black_box(ours.seal(&NONCE, text));
        };
        // What opens becomes plaintext, which the same tag does not open again: so it is sealed
        // anew, and the time of that taken off.
        let seal_and_open = |text: &mut [u8]| {
            let tag = ours.seal(&NONCE, text);
            black_box(ours.open(&NONCE, &tag, text)).expect("our own tag");
        };
        let the_crate = |text: &mut [u8]| {
            let tag = theirs.encrypt_in_place_detached(&NONCE.into(), b"", text);
            black_box(tag).expect("a short text");
        };
        let seal = fastest(size, seal_only);
        let open = fastest(size, seal_and_open).saturating_sub(seal);
        let reference = fastest(size, the_crate);
        println!(
            "{size:>9}  {:>9.2} {:>9.2} {:>9.2}   {:.1} times the crate",
            rate(seal),
            rate(open),
            rate(reference),
            rate(seal) / rate(reference),
        );
    }
}

/// Processor time for the whole volume in texts of one size.
fn fastest(size: usize, mut seal: impl FnMut(&mut [u8])) -> Duration {
    let mut text = vec![0; size];
    let round = |_| {
        let begun = processor_time();
        for _ in 0..VOLUME / size {
            seal(&mut text);
        }
        processor_time() - begun
    };
    (0..ROUNDS).map(round).min().expect("there are rounds")
}

fn rate(time: Duration) -> f64 {
    VOLUME as f64 / time.as_secs_f64() / 1e9
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
