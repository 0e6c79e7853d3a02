//! Which network has most.

use std::collections::{BTreeSet, HashMap};

use crate::network::Network;

/// The numbers of connections, by network.
#[derive(Default)]
pub(super) struct Ranking {
    groups: HashMap<Network, BTreeSet<u64>>,
    /// The networks by how many they have.
    ranks: BTreeSet<(usize, Network)>,
}

impl Ranking {
    pub(super) fn insert(&mut self, network: Network, number: u64) {
        self.change(network, |group| group.insert(number));
    }

    pub(super) fn remove(&mut self, network: Network, number: u64) {
        self.change(network, |group| group.remove(&number));
    }

    fn change(&mut self, network: Network, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let group = self.groups.entry(network).or_default();
        self.ranks.remove(&(group.len(), network));
        change(group);
        if group.is_empty() {
            self.groups.remove(&network);
        } else {
            self.ranks.insert((group.len(), network));
        }
    }

    /// How many a network has; none where none is told.
    pub(super) fn count(&self, network: Option<Network>) -> usize {
        network.and_then(|network| self.groups.get(&network)).map_or(0, BTreeSet::len)
    }

    /// Those of the network that has most, the oldest first.
    pub(super) fn heaviest(&self) -> Option<&BTreeSet<u64>> {
        self.ranks.last().and_then(|(_, network)| self.groups.get(network))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, net::IpAddr};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As if all were counted each time.
        #[test]
        fn the_heaviest_has_most(orders in prop::collection::vec((0..4_u8, 0..9_u64, any::<bool>()), 0..60)) {
            let network = |last| Network::from(IpAddr::from([192, 0, 2, last]));
            let (mut ranking, mut plain) = (Ranking::default(), BTreeMap::<u8, BTreeSet<u64>>::new());
            for (last, number, comes) in orders {
                if comes {
                    ranking.insert(network(last), number);
                    plain.entry(last).or_default().insert(number);
                } else {
                    ranking.remove(network(last), number);
                    plain.entry(last).or_default().remove(&number);
                }
                let most = plain.values().map(BTreeSet::len).max().unwrap_or(0);
                prop_assert_eq!(ranking.heaviest().map_or(0, BTreeSet::len), most);
                for (last, numbers) in &plain {
                    prop_assert_eq!(ranking.count(Some(network(*last))), numbers.len());
                }
            }
        }
    }
}
