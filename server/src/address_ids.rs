//! Numbers that stand for addresses in the log [mailbox-server.md: address ids].
//!
//! They tell the visits of one client from those of another, and nothing else: which address has
//! which number is only in memory, and forgotten when its generation ends.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// The numbers of this process's clients.
pub(crate) struct AddressIds {
    duration: Duration,
    generation: Mutex<Generation>,
}

struct Generation {
    /// When it began, in unix seconds: so that no two starts of a server give the same numbers.
    number: u64,
    began: Instant,
    counters: HashMap<IpAddr, usize>,
}

/// One address's number, written `addr-GENERATION-COUNTER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressId {
    generation: u64,
    counter: usize,
}

/// Nobody makes the server remember more addresses: a new generation begins instead.
const MOST: usize = 100_000;

impl AddressIds {
    /// Begins the first generation; each lasts for `duration`.
    pub(crate) fn new(duration: Duration) -> Self {
        Self { duration, generation: Mutex::new(Generation::begin(0, Instant::now())) }
    }

    /// Gives an address's number, the next one where it has none in this generation.
    pub(crate) fn of(&self, address: IpAddr, now: Instant) -> AddressId {
        let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.saturating_duration_since(generation.began);
        if age >= self.duration || generation.counters.len() >= MOST {
            *generation = Generation::begin(generation.number + 1, now);
        }
        let next = generation.counters.len() + 1;
        let counter = *generation.counters.entry(address.to_canonical()).or_insert(next);
        AddressId { generation: generation.number, counter }
    }
}

impl Generation {
    fn begin(at_least: u64, began: Instant) -> Self {
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        Self { number: now.max(at_least), began, counters: HashMap::new() }
    }
}

impl fmt::Display for AddressId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "addr-{}-{}", self.generation, self.counter)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_number_for_a_generation() {
        let ids = AddressIds::new(Duration::from_secs(10));
        let [one, other] = ["192.0.2.1", "2001:db8::1"].map(|a| a.parse::<IpAddr>().unwrap());
        let now = Instant::now();
        let first = ids.of(one, now);
        assert_eq!(first.counter, 1);
        assert_eq!(ids.of(other, now).counter, 2);
        assert_eq!(ids.of("::ffff:192.0.2.1".parse().unwrap(), now), first);
        let later = now + Duration::from_secs(10);
        assert_eq!(ids.of(other, later).counter, 1, "the first of the next generation");
        assert_ne!(ids.of(one, later).generation, first.generation);
        assert!(first.to_string().starts_with("addr-") && first.to_string().ends_with("-1"));
    }
}
