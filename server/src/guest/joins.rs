//! Joining what others have made: a network may join many, but only few that come to nothing.
//!
//! Whoever knows a nameplate can take the seat of the client that it is meant for, and so end a
//! wormhole. So each join takes a token of its network's, which comes back as soon as the other
//! side shows that it has met the right client: people who know their codes never run out of them.
//! One that ends as a wrong code does costs more.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::{sync::Notify, time::sleep};

use crate::{
    bucket::{Bucket, Rate},
    limits::{Limit, Limits},
    network::Network,
};

/// The tokens of all networks; clones share them.
#[derive(Clone)]
pub(crate) struct Joins(Arc<Books>);

struct Books {
    limits: Limits,
    buckets: Mutex<HashMap<Network, Bucket>>,
    put_back: Notify,
}

/// A join of which it is not known what comes of it; dropped, it came to nothing.
pub(crate) struct Joining {
    joins: Joins,
    network: Network,
    /// The tokens that it has cost.
    cost: u32,
}

/// A network has no token left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Used;

/// What one that ends as a wrong code does costs beside its token.
const SCARE: u32 = 2;

impl Joins {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Books { limits, buckets: Mutex::default(), put_back: Notify::new() }))
    }

    /// Takes a token; none is needed where there is no limit.
    ///
    /// # Errors
    /// [`Used`] where the network has none left.
    pub(crate) fn take(&self, network: Network, now: Instant) -> Result<Option<Joining>, Used> {
        let Some((most, rate)) = self.rate() else { return Ok(None) };
        let mut buckets = self.buckets();
        let bucket = buckets.entry(network).or_insert_with(|| Bucket::full(rate, now));
        match bucket.try_take(rate, now) {
            Ok(()) => Ok(Some(Joining { joins: self.clone(), network, cost: 1 })),
            Err(_) => {
                self.0.limits.exceed(Limit::AddressJoins, most);
                Err(Used)
            }
        }
    }

    /// Comes back when a network has a token, which somebody else may take first.
    pub(crate) async fn wait(&self, network: Network) {
        loop {
            let put_back = self.0.put_back.notified();
            let Some((_, rate)) = self.rate() else { return };
            let missing = self.buckets().get_mut(&network).map(|bucket| {
                let now = Instant::now();
                bucket.try_take(rate, now).map(|()| bucket.put_back(1, rate))
            });
            match missing {
                None | Some(Ok(())) => return,
                Some(Err(missing)) => tokio::select! {
                    () = sleep(missing) => (),
                    () = put_back => (),
                },
            }
        }
    }

    /// Forgets networks that have all their tokens.
    pub(super) fn forget(&self, now: Instant) {
        let Some((_, rate)) = self.rate() else { return self.buckets().clear() };
        self.buckets().retain(|_, bucket| !bucket.is_full(rate, now));
    }

    #[cfg(test)]
    pub(super) fn is_forgotten(&self) -> bool {
        self.buckets().is_empty()
    }

    fn rate(&self) -> Option<(u64, Rate)> {
        self.0.limits.most(Limit::AddressJoins).map(|most| (most, Rate::per_minute(most)))
    }

    fn buckets(&self) -> MutexGuard<'_, HashMap<Network, Bucket>> {
        self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Joining {
    /// Whose it is.
    pub(crate) fn network(&self) -> Network {
        self.network
    }

    /// The other side has met the right client.
    pub(crate) fn succeed(self) {
        let Self { joins, network, cost } = self;
        if let Some((_, rate)) = joins.rate()
            && let Some(bucket) = joins.buckets().get_mut(&network)
        {
            bucket.put_back(cost, rate);
        }
        joins.0.put_back.notify_waiters();
    }

    /// It may be, or has ended as if it were, that of a wrong code.
    pub(crate) fn suspect(&mut self, now: Instant) {
        let Some((_, rate)) = self.joins.rate().filter(|_| self.cost == 1) else { return };
        self.cost += SCARE;
        let mut buckets = self.joins.buckets();
        let bucket = buckets.entry(self.network).or_insert_with(|| Bucket::full(rate, now));
        bucket.take(SCARE, rate, now);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use super::*;

    fn network(last: u8) -> Network {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn joins(most: u64) -> Joins {
        Joins::new(Limits::default().with(Limit::AddressJoins, most))
    }

    fn take(joins: &Joins, last: u8, now: Instant) -> Option<Joining> {
        joins.take(network(last), now).ok().flatten()
    }

    #[test]
    fn who_knows_the_code_never_runs_out() {
        let (joins, now) = (joins(6), Instant::now());
        for _ in 0..100 {
            take(&joins, 1, now).unwrap().succeed();
        }
        let pending: Vec<_> = std::iter::from_fn(|| take(&joins, 1, now)).collect();
        assert_eq!(pending.len(), 3);
        take(&joins, 2, now).unwrap();
        pending.into_iter().next().unwrap().succeed();
        take(&joins, 1, now).unwrap();
        assert!(take(&joins, 1, now).is_none());
    }

    #[test]
    fn a_wrong_code_costs_more() {
        let (joins, now) = (joins(6), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        let mut join = take(&joins, 1, now).unwrap();
        join.suspect(now);
        join.suspect(now);
        assert!(take(&joins, 1, now).is_none(), "it has cost all three");
        // It was none after all.
        join.succeed();
        take(&joins, 1, now).unwrap().suspect(now);
        assert!(take(&joins, 1, now).is_none());
        assert!(take(&joins, 1, after(9)).is_none());
        // It comes to nothing, but was not wrong.
        drop(take(&joins, 1, after(11)).unwrap());
        take(&joins, 1, after(21)).unwrap();
        joins.forget(after(31));
        assert!(!joins.is_forgotten());
        joins.forget(after(99));
        assert!(joins.is_forgotten());
    }

    #[test]
    fn no_limit_is_none() {
        let (joins, now) = (joins(0), Instant::now());
        assert!((0..100).all(|_| joins.take(network(1), now).unwrap().is_none()));
        assert!(joins.is_forgotten());
    }

    #[tokio::test]
    async fn a_token_is_waited_for_and_no_longer_than_needed() {
        let joins = joins(1);
        let join = take(&joins, 1, Instant::now()).unwrap();
        joins.wait(network(2)).await;
        let waiting = tokio::spawn({
            let joins = joins.clone();
            async move { joins.wait(network(1)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "the next one comes in a minute");
        join.succeed();
        waiting.await.unwrap();
        take(&joins, 1, Instant::now()).unwrap();
    }
}
