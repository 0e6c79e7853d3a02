//! What became of all jobs.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

/// What became of one.
pub(crate) struct Outcome {
    /// What was done, and how it ended.
    pub(crate) what: String,
    /// Bytes that arrived and were compared.
    pub(crate) bytes: u64,
    /// How long the second end took to notice the end of the first.
    pub(crate) apart: Option<Duration>,
    /// What is wrong with it, and what both programs said.
    pub(crate) wrong: Option<(String, String)>,
}

#[derive(Default)]
pub(crate) struct Tally(Mutex<Sums>);

#[derive(Default)]
struct Sums {
    counts: BTreeMap<String, Sum>,
    bytes: u64,
    wrong: u64,
}

#[derive(Default)]
struct Sum {
    count: u64,
    apart: Duration,
}

impl Tally {
    pub(crate) fn add(&self, outcome: Outcome) {
        let mut sums = self.sums();
        sums.bytes += outcome.bytes;
        let sum = sums.counts.entry(outcome.what.clone()).or_default();
        sum.count += 1;
        sum.apart = sum.apart.max(outcome.apart.unwrap_or_default());
        if let Some((wrong, said)) = outcome.wrong {
            sums.wrong += 1;
            println!("WRONG: {}: {wrong}\n{said}\n", outcome.what);
        }
    }

    /// Tells of something that is wrong with no job in particular.
    pub(crate) fn blame(&self, wrong: &str, said: &str) {
        self.sums().wrong += 1;
        println!("WRONG: {wrong}\n{said}\n");
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.sums().wrong == 0
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.0.lock().unwrap()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums = self.sums();
        writeln!(f, "{:>6}  {:>7}  what", "times", "apart s")?;
        for (what, sum) in &sums.counts {
            writeln!(f, "{:>6}  {:>7.1}  {what}", sum.count, sum.apart.as_secs_f64())?;
        }
        let jobs: u64 = sums.counts.values().map(|sum| sum.count).sum();
        write!(f, "{jobs} wormholes, {} bytes compared, {} wrong", sums.bytes, sums.wrong)
    }
}
