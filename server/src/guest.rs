//! Who is connected, from where, and what each has made: what the limits of a connection and of
//! an address count.

mod joins;
mod visit;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub(crate) use joins::{Joining, Joins, Used};
pub(crate) use visit::Visit;

use crate::{
    bucket::{Bucket, Rate},
    limits::{Exceeded, Limit, Limits},
    network::Network,
    quota::{Quota, Share},
};

/// All connections of this process.
#[derive(Clone)]
pub(crate) struct Guests(Arc<Register>);

struct Register {
    limits: Limits,
    /// TCP connections, whatever they may want.
    sockets: Quota,
    /// Websockets.
    connections: Quota,
    made: [Quota; 3],
    /// Bytes on their way to clients.
    unsent: Quota,
    joins: Joins,
    /// Of networks from which commands have come of late.
    commands: Mutex<HashMap<Network, Bucket>>,
}

/// A TCP connection, whatever it may want; dropped when it ends.
pub(crate) struct Knock {
    register: Arc<Register>,
    place: Share,
}

/// What a connection can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nameplate,
    Mailbox,
    App,
}

impl Guests {
    pub(crate) fn new(limits: Limits) -> Self {
        let quota = |address| Quota::new(limits.clone(), None, address);
        Self(Arc::new(Register {
            sockets: quota(Limit::AddressConnections),
            connections: quota(Limit::AddressConnections),
            made: [Limit::AddressNameplates, Limit::AddressMailboxes, Limit::AddressApps]
                .map(quota),
            unsent: Quota::sparing(
                limits.clone(),
                Limit::TotalUnsentBytes,
                Limit::AddressUnsentBytes,
            ),
            joins: Joins::new(limits.clone()),
            commands: Mutex::default(),
            limits,
        }))
    }

    /// Gives a visit of the server's own, which counts for nobody and is not limited.
    pub(crate) fn insider() -> Arc<Visit> {
        let Self(register) = Self::new(Limits::none());
        let network = Network::from(IpAddr::from(Ipv6Addr::UNSPECIFIED));
        let place = register.connections.share(Some(network));
        Arc::new(Visit::begin(register, network, None, place))
    }

    /// Forgets the commands and joins of networks that do not count any more.
    pub(crate) fn forget(&self, now: Instant) {
        self.0.joins.forget(now);
        let rate = Rate::per_second(self.0.limits.most(Limit::AddressCommands).unwrap_or(0));
        self.0.commands().retain(|_, bucket| !bucket.is_full(rate, now));
    }

    /// Tells how many websockets are open.
    pub(crate) fn connections(&self) -> u64 {
        self.0.connections.taken()
    }

    /// Counts a TCP connection that has just come.
    pub(crate) fn knock(&self, address: IpAddr) -> Knock {
        let place = self.0.sockets.share(Some(address.into()));
        place.add(1);
        Knock { register: Arc::clone(&self.0), place }
    }

    /// Lets a websocket in; `own` is none where the address is not the client's own. Where there
    /// are too many in total, `make_way` may have another give way to it.
    ///
    /// # Errors
    /// [`Exceeded`] where there are too many, in total or from this address.
    pub(crate) fn arrive(
        &self,
        address: IpAddr,
        own: Option<Network>,
        make_way: impl FnOnce() -> bool,
    ) -> Result<Arc<Visit>, Exceeded> {
        let (Self(register), network) = (self, Network::from(address));
        let place = register.connections.take(Some(network), 1)?;
        let full = register.limits.check(Limit::Connections, register.connections.taken());
        if let Err(exceeded) = full
            && !make_way()
        {
            return Err(exceeded);
        }
        Ok(Arc::new(Visit::begin(Arc::clone(register), network, own, place)))
    }
}

impl Knock {
    /// Asks whether it may go on to say what it wants. An address may have twice as many TCP
    /// connections as websockets: one that is refused a websocket has to be told so.
    ///
    /// # Errors
    /// [`Exceeded`] where it may not.
    pub(crate) fn check(&self) -> Result<(), Exceeded> {
        let sockets = self.place.of_network().div_ceil(2);
        self.register.limits.check(Limit::AddressConnections, sockets)
    }
}

impl Register {
    /// Counts a command of a network, and tells how long the next has to wait.
    fn command(&self, network: Network, now: Instant) -> Duration {
        let Some(most) = self.limits.most(Limit::AddressCommands) else { return Duration::ZERO };
        let (rate, mut commands) = (Rate::per_second(most), self.commands());
        let bucket = commands.entry(network).or_insert_with(|| Bucket::full(rate, now));
        let wait = bucket.take(1, rate, now);
        if !wait.is_zero() {
            self.limits.exceed(Limit::AddressCommands, most);
        }
        wait
    }

    fn commands(&self) -> MutexGuard<'_, HashMap<Network, Bucket>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Guests {
    /// Tells whether nobody is remembered.
    fn is_forgotten(&self) -> bool {
        let Register { sockets, connections, made, unsent, .. } = &*self.0;
        let quotas = [sockets, connections, unsent].into_iter().chain(made);
        let rates = self.0.joins.is_forgotten() && self.0.commands().is_empty();
        rates && quotas.into_iter().all(Quota::is_forgotten)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn guests(limits: &[(Limit, u64)]) -> Guests {
        let limits = limits.iter().fold(Limits::default(), |all, (l, most)| all.with(*l, *most));
        Guests::new(limits)
    }

    fn arrive(guests: &Guests, address: &str) -> Result<Arc<Visit>, Limit> {
        guests.arrive(address.parse().unwrap(), None, || false).map_err(|exceeded| exceeded.limit)
    }

    #[test]
    fn connections_are_counted_while_they_last() {
        let guests = guests(&[(Limit::Connections, 3), (Limit::AddressConnections, 2)]);
        let one = arrive(&guests, "192.0.2.1").unwrap();
        let two = arrive(&guests, "::ffff:192.0.2.1").unwrap();
        assert_eq!(arrive(&guests, "192.0.2.1").err(), Some(Limit::AddressConnections));
        let three = arrive(&guests, "192.0.2.2").unwrap();
        assert_eq!(arrive(&guests, "192.0.2.3").err(), Some(Limit::Connections));
        drop(one);
        arrive(&guests, "192.0.2.1").unwrap();
        drop((two, three));
        assert!(guests.is_forgotten());
    }

    #[test]
    fn twice_as_many_may_knock_as_come_in() {
        let guests = guests(&[(Limit::AddressConnections, 1)]);
        let knock = || guests.knock([192, 0, 2, 1].into());
        let (one, two, three) = (knock(), knock(), knock());
        assert_eq!(three.check().map_err(|e| e.limit), Err(Limit::AddressConnections));
        drop((one, three));
        assert_eq!(two.check(), Ok(()));
        drop(two);
        assert!(guests.is_forgotten());
    }

    #[test]
    fn what_is_made_counts_for_its_address_until_it_is_gone() {
        let guests = guests(&[
            (Limit::ConnectionNameplates, 2),
            (Limit::AddressNameplates, 3),
            (Limit::ConnectionMailboxes, 1),
        ]);
        let visit = arrive(&guests, "192.0.2.1").unwrap();
        let made = [visit.make(Kind::Nameplate).unwrap(), visit.make(Kind::Nameplate).unwrap()];
        visit.make(Kind::Mailbox).unwrap();
        let refused = |visit: &Visit, kind| visit.make(kind).err().map(|exceeded| exceeded.limit);
        assert_eq!(refused(&visit, Kind::Nameplate), Some(Limit::ConnectionNameplates));
        assert_eq!(refused(&visit, Kind::Mailbox), Some(Limit::ConnectionMailboxes));

        drop(visit);
        let visit = arrive(&guests, "192.0.2.1").unwrap();
        let third = visit.make(Kind::Nameplate).unwrap();
        assert_eq!(refused(&visit, Kind::Nameplate), Some(Limit::AddressNameplates));
        drop(made);
        visit.make(Kind::Nameplate).unwrap();
        drop((visit, third));
        assert!(guests.is_forgotten());
    }

    #[test]
    fn commands_of_an_address_share_a_rate() {
        let guests = guests(&[(Limit::AddressCommands, 1)]);
        let (one, two) = (arrive(&guests, "::1").unwrap(), arrive(&guests, "::2").unwrap());
        let now = Instant::now();
        for _ in 0..5 {
            assert_eq!(one.command(now) + two.command(now), Duration::ZERO);
        }
        assert_eq!(one.command(now).as_secs(), 1);
        assert_eq!(guests.0.limits.reached(Limit::AddressCommands), 1);
        assert_eq!(two.command(now + Duration::from_secs(2)), Duration::ZERO);

        drop((one, two));
        let back = arrive(&guests, "::1").unwrap();
        assert!(!back.command(now).is_zero(), "who comes again has no new rate");
        drop(back);
        guests.forget(now);
        assert_eq!(guests.0.commands().len(), 1);
        guests.forget(now + Duration::from_secs(14));
        assert!(guests.is_forgotten());
    }

    #[test]
    fn what_waits_is_counted_for_the_connection_and_the_address() {
        let guests = guests(&[(Limit::UnsentBytes, 100), (Limit::AddressUnsentBytes, 150)]);
        let [one, two] = ["::1", "::2"].map(|address| arrive(&guests, address).unwrap());
        let judged = |visit: &Visit| visit.judge_unsent().map_err(|exceeded| exceeded.limit);
        one.owe(100);
        assert_eq!(judged(&one), Ok(()));
        one.owe(1);
        assert_eq!(judged(&one), Err(Limit::UnsentBytes));
        two.reserve(49).unwrap();
        assert!(two.reserve(1).is_err(), "for an answer, before it is made");
        two.owe(1);
        assert_eq!(judged(&two), Err(Limit::AddressUnsentBytes));
        let three = arrive(&guests, "::3").unwrap();
        assert_eq!(judged(&three), Ok(()), "it reads what it gets");
        drop(three);
        one.settle(1);
        assert_eq!((judged(&one), judged(&two)), (Ok(()), Ok(())));
        two.release();
        two.reserve(49).unwrap();
        drop(two);
        assert_eq!(guests.0.unsent.taken(), 100);
    }

    #[test]
    fn silence_and_a_missing_bind_are_judged() {
        let guests = guests(&[(Limit::UnboundSeconds, 2), (Limit::SilentSeconds, 4)]);
        let visit = arrive(&guests, "192.0.2.1").unwrap();
        let at = |millis| visit.began + Duration::from_millis(millis);
        let judged = |millis| visit.judge(at(millis)).map_err(|exceeded| exceeded.limit);
        assert_eq!(judged(2_000), Ok(()));
        assert_eq!(judged(2_001), Err(Limit::UnboundSeconds));
        visit.bind();
        assert_eq!(judged(4_000), Ok(()));
        assert_eq!(judged(4_001), Err(Limit::SilentSeconds));
        visit.hear(at(3_000));
        assert_eq!(judged(7_000), Ok(()));
    }
}
