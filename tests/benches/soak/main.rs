//! Transfers, texts and waiting wormholes over both servers for as long as one likes, while clients
//! and servers are killed, connections are cut and disks fill up. Every byte that arrives is
//! compared, and so is how both ends say that they ended. `tests/soak MINUTES` runs it.
//!
//! A [`Stage`](stage::Stage) is the two servers, each behind a [`Forwarder`](forwarder::Forwarder)
//! that can be cut; [`faults`] happen to it and are written down with their times; a [`job`] is
//! one wormhole, whose end is judged by what happened while it lasted.

#![allow(clippy::unwrap_used)]
// Nothing is waited for here: when something happens is left to chance.
#![allow(clippy::disallowed_methods)]

mod dice;
mod faults;
mod forwarder;
mod job;
mod stage;
mod tally;

use std::{
    env,
    process::ExitCode,
    thread,
    time::{Duration, Instant, SystemTime},
};

use dice::Dice;
use stage::Stage;
use tally::Tally;

/// How many wormholes there are at a time.
const AT_ONCE: u64 = 6;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1).map_while(|word| word.parse().ok());
    let (Some(minutes), seed) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: tests/soak MINUTES [SEED]");
        return ExitCode::from(2);
    };
    let now = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let seed = seed.unwrap_or_else(now);
    println!("{minutes} minutes, seed {seed}");
    let stage = Stage::set();
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let (stage, tally) = (&stage, &Tally::default());
    thread::scope(|scope| {
        scope.spawn(move || faults::happen(stage, &mut Dice::new(seed), end));
        for number in 1..=AT_ONCE {
            let mut dice = Dice::new(seed ^ number << 32);
            scope.spawn(move || {
                while Instant::now() < end {
                    tally.add(job::run(stage, &mut dice));
                }
            });
        }
    });
    stage.judge(tally);
    println!("{stage}\n{tally}");
    if tally.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
