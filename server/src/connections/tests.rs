use std::{future::pending, net::IpAddr};

use proptest::prelude::*;
use tokio::time::timeout;

use super::*;

/// What was done to connections, by the names that they were given.
type Deeds = Arc<Mutex<Vec<String>>>;

struct Ways(String, Deeds);

impl Ways {
    fn note(&self, deed: &str) {
        self.1.lock().unwrap().push(format!("{deed} {}", self.0));
    }
}

impl Dismiss for Ways {
    fn cut(&self) {
        self.note("cut");
    }

    fn shed(&self) {
        self.note("shed");
    }
}

/// Connections that are named by their network and the order in which they came: `1a`, `1b`.
struct Stage {
    connections: Connections,
    limits: Limits,
    deeds: Deeds,
    entries: Vec<(String, Entry)>,
}

impl Stage {
    fn set(most: u64) -> Self {
        let limits = Limits::default().with(Limit::Connections, most).with(Limit::PlainSeconds, 9);
        let bounds =
            Bounds { total: Limit::Connections, spare: 1, patience: Some(Limit::PlainSeconds) };
        let connections = Connections::new(limits.clone(), bounds);
        Self { connections, limits, deeds: Deeds::default(), entries: Vec::new() }
    }

    /// Zero is none.
    fn network(last: u8) -> Option<Network> {
        (last > 0).then(|| Network::from(IpAddr::from([192, 0, 2, last])))
    }

    fn enter_as(&mut self, name: &str, stage: super::Stage) -> bool {
        let network = Self::network(name.as_bytes()[0] - b'0');
        let ways = Arc::new(Ways(name.to_owned(), Arc::clone(&self.deeds)));
        match self.connections.enter(network, stage, ways) {
            Ok(entry) => self.entries.push((name.to_owned(), entry)),
            Err(exceeded) => {
                assert_eq!(exceeded.limit, Limit::Connections);
                return false;
            }
        }
        true
    }

    fn enter(&mut self, name: &str) -> bool {
        self.enter_as(name, super::Stage::Fresh)
    }

    fn settle(&self, name: &str) {
        let (_, entry) = self.entries.iter().find(|(other, _)| other == name).unwrap();
        entry.becomes(super::Stage::Settled, Self::network(name.as_bytes()[0] - b'0'));
    }

    fn deeds(&self) -> Vec<String> {
        std::mem::take(&mut *self.deeds.lock().unwrap())
    }
}

async fn pass(seconds: u64) {
    let _ = timeout(Duration::from_secs(seconds), pending::<()>()).await;
}

#[actix::test]
async fn the_oldest_of_the_network_with_most_gives_way() {
    tokio::time::pause();
    let mut stage = Stage::set(5);
    for name in ["1a", "2a", "2b", "2c", "3a", "3b"] {
        assert!(stage.enter(name), "there is one to spare");
    }
    assert!(!stage.enter("2d"), "no other has more");
    assert!(stage.enter("4a"));
    assert_eq!(stage.deeds(), ["cut 2a"]);
    // Three have two each now.
    assert!(!stage.enter("3c"));
    assert!(stage.enter("1b"));
    assert_eq!(stage.deeds(), ["cut 3a"]);
    assert!(stage.enter("0a"), "one without a network has no other");
    assert_eq!(stage.deeds(), ["cut 2b"]);
    assert_eq!((stage.connections.shed(), stage.connections.refused()), (3, 2));
    assert_eq!((stage.connections.open(), stage.limits.reached(Limit::Connections)), (6, 2));
    stage.entries.clear();
    assert_eq!(stage.connections.open(), 0);
}

#[actix::test]
async fn what_is_settled_gives_way_last_and_is_told() {
    tokio::time::pause();
    let mut stage = Stage::set(4);
    for name in ["1a", "1b", "1c", "2a", "2b"] {
        assert!(stage.enter(name));
        stage.settle(name);
    }
    assert!(!stage.enter("2c"), "the other has no more than it would have");
    assert!(stage.enter("3a"));
    assert_eq!(stage.deeds(), ["shed 1c"], "the youngest");
    assert!(stage.enter("4a") && stage.enter("5a"));
    stage.deeds();
    assert!(!stage.enter("6a"), "all have one, and those that are fresh have just come");
    pass(2).await;
    assert!(stage.enter("6a"));
    assert_eq!(stage.deeds(), ["cut 3a"]);
    stage.settle("3a");
    assert!(!stage.connections.make_way(Stage::network(3)), "it has given way already");
}

#[actix::test]
async fn a_websocket_makes_way_for_one_whose_network_has_fewer() {
    let mut stage = Stage::set(9);
    for name in ["1a", "1b", "1c", "2a", "2b", "2c", "2d"] {
        assert!(stage.enter(name));
        if name.starts_with('1') {
            stage.settle(name);
        }
    }
    assert!(stage.connections.make_way(Stage::network(2)), "what is not settled does not count");
    assert_eq!(stage.deeds(), ["shed 1c"]);
    stage.settle("2a");
    assert!(!stage.connections.make_way(Stage::network(2)));
    assert_eq!((stage.connections.shed(), stage.connections.refused()), (1, 1));
}

#[actix::test]
async fn the_only_one_of_its_network_is_left_in_peace_for_a_while() {
    tokio::time::pause();
    let mut stage = Stage::set(2);
    for name in ["0a", "1a", "2a"] {
        assert!(stage.enter(name));
    }
    assert!(!stage.enter("3a"));
    pass(2).await;
    assert!(!stage.enter("2b"), "it is no first one");
    assert!(stage.enter("3a") && stage.enter("0b"));
    assert_eq!(stage.deeds(), ["cut 0a", "cut 1a"]);
}

#[actix::test]
async fn who_does_not_settle_in_time_is_cut() {
    tokio::time::pause();
    let mut stage = Stage::set(9);
    stage.connections.attend();
    for name in ["1a", "1b"] {
        assert!(stage.enter(name));
    }
    assert!(stage.enter_as("1c", super::Stage::Foreign));
    stage.settle("1b");
    pass(3).await;
    assert!(stage.enter("1d"));
    assert!(!stage.entries[0].1.is_old());
    pass(2).await;
    assert!(stage.entries[0].1.is_old());
    pass(3).await;
    assert!(stage.deeds().is_empty());
    pass(2).await;
    assert_eq!(stage.deeds(), ["cut 1a"]);
    // The operator may allow more while it runs.
    drop(stage.limits.clone().with(Limit::PlainSeconds, 0));
    pass(99).await;
    assert!(stage.deeds().is_empty());
    drop(stage.limits.clone().with(Limit::PlainSeconds, 30));
    pass(2).await;
    assert_eq!(stage.deeds(), ["cut 1d"]);
    assert_eq!(stage.limits.reached(Limit::PlainSeconds), 2);
}

proptest! {
    /// Whoever comes and goes: there are never too many, and nobody gives way to a network that
    /// has more then.
    #[test]
    fn the_lighter_is_preferred(orders in prop::collection::vec((0..5_u8, 0..9_usize), 0..80)) {
        let mut stage = Stage::set(7);
        for (last, order) in orders {
            let name = format!("{last}x");
            if order > 6 && order < stage.entries.len() {
                drop(stage.entries.remove(order));
            } else if let Some((name, _)) = stage.entries.get(order).filter(|_| order > 4) {
                stage.settle(&name.clone());
            } else {
                stage.enter(&name);
            }
            let count = |network: &str| stage.entries.iter().filter(|e| e.0 == network).count();
            let deeds = stage.deeds();
            for deed in &deeds {
                let victim = deed.split_once(' ').unwrap().1;
                prop_assert!(victim == "0x" || last == 0 || count(victim) >= count(&name));
            }
            for deed in deeds {
                let victim = deed.split_once(' ').unwrap().1;
                // They have the same name, so that it does not matter which it was.
                let place = stage.entries.iter().position(|(name, _)| name == victim).unwrap();
                std::mem::forget(stage.entries.remove(place).1);
            }
            prop_assert!(stage.connections.open() <= 8);
        }
    }
}
