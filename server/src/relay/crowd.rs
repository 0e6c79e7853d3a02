//! How many connections there are of one kind, in total and from each address.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    guest::Network,
    limits::{Exceeded, Limit, Limits},
};

/// The counts, and what limits them.
pub(super) struct Crowd {
    limits: Limits,
    total: Limit,
    address: Limit,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    total: u64,
    networks: HashMap<Network, u64>,
}

/// One of the crowd, until it is dropped.
pub(super) struct Place {
    network: Option<Network>,
    counts: Arc<Mutex<Counts>>,
}

impl Crowd {
    pub(super) fn new(limits: Limits, total: Limit, address: Limit) -> Self {
        Self { limits, total, address, counts: Arc::default() }
    }

    /// Lets one more in, who counts for a network where one is told.
    ///
    /// # Errors
    /// [`Exceeded`] where there are too many, in total or from there.
    pub(super) fn enter(&self, network: Option<Network>) -> Result<Place, Exceeded> {
        let mut counts = lock(&self.counts);
        self.limits.check(self.total, counts.total + 1)?;
        if let Some(network) = network {
            let here = counts.networks.get(&network).copied().unwrap_or(0) + 1;
            self.limits.check(self.address, here)?;
            counts.networks.insert(network, here);
        }
        counts.total += 1;
        Ok(Place { network, counts: Arc::clone(&self.counts) })
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.total -= 1;
        let Some(network) = self.network else { return };
        if let Some(here) = counts.networks.get_mut(&network) {
            *here -= 1;
            if *here == 0 {
                counts.networks.remove(&network);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_bounded_in_total_and_for_each_address() {
        let limits = Limits::default()
            .with(Limit::RelayConnections, 3)
            .with(Limit::RelayAddressConnections, 2);
        let crowd = Crowd::new(limits, Limit::RelayConnections, Limit::RelayAddressConnections);
        let from = |last| Some(Network::from(std::net::IpAddr::from([192, 0, 2, last])));
        let refused = |network| crowd.enter(network).err().map(|exceeded| exceeded.limit);
        let (one, _two) = (crowd.enter(from(1)).unwrap(), crowd.enter(from(1)).unwrap());
        assert_eq!(refused(from(1)), Some(Limit::RelayAddressConnections));
        let three = crowd.enter(None).unwrap();
        assert_eq!(refused(from(2)), Some(Limit::RelayConnections));
        drop(one);
        drop(crowd.enter(from(2)).unwrap());
        drop(three);
        crowd.enter(from(1)).unwrap();
        assert_eq!(lock(&crowd.counts).networks.len(), 1, "nobody is remembered");
    }
}
