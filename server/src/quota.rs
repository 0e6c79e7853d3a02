//! How much there is of something, in total and from each network: places, things made, bytes.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    limits::{Exceeded, Limit, Limits},
    network::Network,
};

/// Counts what is taken of one thing; clones count together.
#[derive(Clone)]
pub(crate) struct Quota(Arc<Pool>);

struct Pool {
    limits: Limits,
    total: Option<Limit>,
    address: Limit,
    /// Whether the last eighth of the total is not for everybody.
    is_sparing: bool,
    taken: AtomicU64,
    /// Those of networks that hold a share.
    accounts: Mutex<HashMap<Network, Account>>,
}

/// What one network has taken.
type Account = Arc<AtomicU64>;

/// Part of what is taken, by a network or by nobody; given back when it is dropped.
pub(crate) struct Share {
    pool: Arc<Pool>,
    holder: Option<(Network, Account)>,
    amount: AtomicU64,
}

impl Quota {
    /// Makes one of which nothing is taken.
    pub(crate) fn new(limits: Limits, total: impl Into<Option<Limit>>, address: Limit) -> Self {
        Self::with(limits, total.into(), address, false)
    }

    /// Makes one whose last eighth is kept for those who hold little: of that a network may take
    /// no more than what makes it hold as much as is still free. So the heaviest is refused first,
    /// and the lightest hardly ever.
    pub(crate) fn sparing(limits: Limits, total: Limit, address: Limit) -> Self {
        Self::with(limits, Some(total), address, true)
    }

    fn with(limits: Limits, total: Option<Limit>, address: Limit, is_sparing: bool) -> Self {
        let (taken, accounts) = (AtomicU64::new(0), Mutex::default());
        Self(Arc::new(Pool { limits, total, address, is_sparing, taken, accounts }))
    }

    /// Takes some for a network; for nobody where none is told, which counts in total only.
    ///
    /// # Errors
    /// [`Exceeded`] where that is too much; then nothing is taken.
    pub(crate) fn take(&self, network: Option<Network>, amount: u64) -> Result<Share, Exceeded> {
        let share = self.share(network);
        share.grow(amount)?;
        Ok(share)
    }

    /// Makes an empty share, which is always allowed.
    pub(crate) fn share(&self, network: Option<Network>) -> Share {
        let Self(pool) = self;
        let account = |network| Arc::clone(pool.accounts().entry(network).or_default());
        Share {
            pool: Arc::clone(pool),
            holder: network.map(|network| (network, account(network))),
            amount: AtomicU64::new(0),
        }
    }

    /// What is taken, in total.
    pub(crate) fn taken(&self) -> u64 {
        self.0.taken.load(Relaxed)
    }

    /// The network that has taken most, and how much; looks at all of them.
    pub(crate) fn heaviest(&self) -> Option<(Network, u64)> {
        let accounts = self.0.accounts();
        let taken = accounts.iter().map(|(network, account)| (*network, account.load(Relaxed)));
        taken.max_by_key(|(_, taken)| *taken)
    }
}

impl Share {
    /// Takes more.
    ///
    /// # Errors
    /// [`Exceeded`] where that is too much; then nothing is taken.
    pub(crate) fn grow(&self, amount: u64) -> Result<(), Exceeded> {
        self.add(amount);
        self.judge(amount).inspect_err(|_| self.shrink(amount))
    }

    /// Takes more without a question, as it is there already.
    pub(crate) fn add(&self, amount: u64) {
        self.amount.fetch_add(amount, Relaxed);
        self.pool.taken.fetch_add(amount, Relaxed);
        if let Some((_, account)) = &self.holder {
            account.fetch_add(amount, Relaxed);
        }
    }

    /// Gives some back, of what it has.
    pub(crate) fn shrink(&self, amount: u64) {
        self.amount.fetch_sub(amount, Relaxed);
        self.give_back(amount);
    }

    /// Gives all of it back.
    pub(crate) fn clear(&self) {
        self.give_back(self.amount.swap(0, Relaxed));
    }

    fn give_back(&self, amount: u64) {
        self.pool.taken.fetch_sub(amount, Relaxed);
        if let Some((_, account)) = &self.holder {
            account.fetch_sub(amount, Relaxed);
        }
    }

    /// What it holds.
    pub(crate) fn amount(&self) -> u64 {
        self.amount.load(Relaxed)
    }

    /// The network that has taken it.
    pub(crate) fn network(&self) -> Option<Network> {
        self.holder.as_ref().map(|(network, _)| *network)
    }

    /// What the whole network has taken; where it is nobody's, what the share holds.
    pub(crate) fn of_network(&self) -> u64 {
        self.holder.as_ref().map_or(self.amount(), |(_, account)| account.load(Relaxed))
    }

    /// Asks whether what is taken, the last `amount` of it by this share, is within the limits.
    ///
    /// # Errors
    /// [`Exceeded`] where it is not.
    pub(crate) fn judge(&self, amount: u64) -> Result<(), Exceeded> {
        let Pool { limits, total, address, is_sparing, taken, .. } = &*self.pool;
        if self.holder.is_some() {
            limits.check(*address, self.of_network())?;
        }
        let Some(total) = *total else { return Ok(()) };
        let Some(most) = limits.most(total) else { return Ok(()) };
        let taken = taken.load(Relaxed);
        let free = most.saturating_sub(taken.saturating_sub(amount));
        let is_scarce = *is_sparing && taken > most - most / 8;
        if taken > most || is_scarce && self.holder.is_some() && self.of_network() > free {
            return Err(limits.exceed(total, most));
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
        let Some((network, account)) = mem::take(&mut self.holder) else { return };
        // Only who holds the lock comes to an account or leaves it.
        let mut accounts = self.pool.accounts();
        drop(account);
        if accounts.get(&network).is_some_and(|account| Arc::strong_count(account) == 1) {
            accounts.remove(&network);
        }
    }
}

impl Pool {
    fn accounts(&self) -> MutexGuard<'_, HashMap<Network, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Quota {
    /// Tells whether nobody is remembered.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.taken() == 0 && self.0.accounts().is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quota(total: u64, address: u64) -> Quota {
        let limits = Limits::default()
            .with(Limit::RelayConnections, total)
            .with(Limit::RelayAddressConnections, address);
        Quota::sparing(limits, Limit::RelayConnections, Limit::RelayAddressConnections)
    }

    fn from(last: u8) -> Option<Network> {
        Some(Network::from(std::net::IpAddr::from([192, 0, 2, last])))
    }

    #[test]
    fn what_is_taken_is_bounded_in_total_and_for_each_address() {
        let quota = quota(3, 2);
        let take = |network| quota.take(network, 1).map_err(|exceeded| exceeded.limit);
        let (one, two) = (take(from(1)).unwrap(), take(from(1)).unwrap());
        assert_eq!(take(from(1)).err(), Some(Limit::RelayAddressConnections));
        let three = take(None).unwrap();
        assert_eq!(take(from(2)).err(), Some(Limit::RelayConnections));
        drop(one);
        drop(take(from(2)).unwrap());
        drop(three);
        drop(take(from(1)).unwrap());
        assert_eq!(quota.heaviest(), Some((from(1).unwrap(), 1)));
        drop(two);
        assert!(quota.is_forgotten());
    }

    #[test]
    fn a_share_grows_and_shrinks() {
        let quota = quota(100, 50);
        let (share, other) = (quota.take(from(1), 20).unwrap(), quota.share(from(1)));
        assert!(share.grow(31).is_err() && other.grow(31).is_err());
        assert_eq!((share.amount(), share.of_network(), quota.taken()), (20, 20, 20));
        share.grow(30).unwrap();
        other.add(1);
        assert!(other.judge(0).is_err(), "it was not asked");
        share.shrink(1);
        assert_eq!((other.judge(0), other.of_network()), (Ok(()), 50));
        share.clear();
        assert_eq!((share.amount(), other.amount(), quota.taken()), (0, 1, 1));
        drop((share, other));
        assert!(quota.is_forgotten());
    }

    #[test]
    fn the_heaviest_is_refused_first_and_who_holds_nothing_last() {
        let quota = quota(800, 0);
        let heavy = quota.take(from(1), 700).unwrap();
        assert!(heavy.grow(1).is_err(), "the rest is for others");
        let light = quota.take(from(2), 40).unwrap();
        assert!(light.grow(21).is_err());
        light.grow(20).unwrap();
        assert_eq!(quota.heaviest(), Some((from(1).unwrap(), 700)));
        let last = quota.take(from(3), 40).unwrap();
        assert!(quota.take(from(4), 1).is_err(), "there is nothing left");
        drop((light, last));
        assert!(heavy.grow(1).is_err());
        heavy.shrink(1);
        heavy.grow(1).unwrap();
    }

    #[test]
    fn one_that_is_not_sparing_is_for_whoever_comes_first() {
        let limits = Limits::default().with(Limit::Connections, 16);
        let quota = Quota::new(limits, Limit::Connections, Limit::AddressConnections);
        let _all: Vec<_> = (0..16).map(|_| quota.take(from(1), 1).unwrap()).collect();
        assert!(quota.take(from(2), 1).is_err());
    }

    proptest! {
        /// Whoever takes what, in whatever order: the limits hold, who holds less than another
        /// is allowed whatever that is allowed, and all comes back.
        #[test]
        fn the_limits_hold_and_the_lighter_is_preferred(
            orders in prop::collection::vec((0..4_u8, 0..40_u64, any::<bool>()), 0..60),
        ) {
            let quota = quota(160, 80);
            let shares: Vec<_> = (0..4).map(|last| quota.share(from(last))).collect();
            for (who, amount, more) in orders {
                let share = &shares[usize::from(who)];
                if !more {
                    share.shrink(amount.min(share.amount()));
                } else if share.grow(amount).is_ok() {
                    share.shrink(amount);
                    for lighter in shares.iter().filter(|other| other.amount() < share.amount()) {
                        prop_assert!(lighter.grow(amount).is_ok());
                        lighter.shrink(amount);
                    }
                    share.grow(amount).unwrap();
                }
                prop_assert_eq!(quota.taken(), shares.iter().map(Share::amount).sum::<u64>());
                prop_assert!(quota.taken() <= 160 && share.amount() <= 80);
            }
            drop(shares);
            prop_assert!(quota.is_forgotten());
        }
    }
}
