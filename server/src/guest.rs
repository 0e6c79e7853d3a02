//! Who is connected, from where, and what each has made: what the limits of a connection and of
//! an address count.

mod visit;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

pub(crate) use visit::Visit;

use crate::{
    bucket::Bucket,
    limits::{Exceeded, Limit, Limits},
};

/// All connections of this process.
#[derive(Clone)]
pub(crate) struct Guests(Arc<Register>);

struct Register {
    limits: Limits,
    connections: AtomicU64,
    networks: Mutex<HashMap<Network, Entry>>,
}

/// A network that somebody came from.
enum Entry {
    Here(Weak<Guest>),
    /// Nobody is there any more, but the commands of those who were still count.
    Left(Bucket),
}

/// An IPv4 address, or the half of an IPv6 address that a customer of a provider is given whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

/// All connections from one address, as long as there are any or something that they made is left.
struct Guest {
    network: Network,
    register: Arc<Register>,
    sockets: AtomicU64,
    connections: AtomicU64,
    made: Made,
    /// Bytes on their way to all its clients.
    unsent: AtomicU64,
    commands: Mutex<Bucket>,
}

/// A TCP connection, whatever it may want; dropped when it ends.
pub(crate) struct Knock(Arc<Guest>);

/// How many of each kind.
#[derive(Default)]
struct Made([AtomicU64; 3]);

/// What a connection can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nameplate,
    Mailbox,
    App,
}

/// A nameplate or mailbox that counts for the address from which it was made; dropped when it is
/// gone.
pub(crate) struct Share {
    guest: Arc<Guest>,
    kind: Kind,
}

impl Guests {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Register {
            limits,
            connections: AtomicU64::new(0),
            networks: Mutex::default(),
        }))
    }

    /// Gives a visit of the server's own, which counts for nobody and is not limited.
    pub(crate) fn insider() -> Arc<Visit> {
        let Self(register) = Self::new(Limits::none());
        Arc::new(Visit::new(register.guest(Network::from(IpAddr::from(Ipv6Addr::UNSPECIFIED)))))
    }

    /// Forgets networks that nobody is at any more and whose commands do not count any more.
    pub(crate) fn forget(&self, now: Instant) {
        let rate = self.0.rate();
        self.0.networks().retain(|_, entry| match entry {
            Entry::Here(_) => true,
            Entry::Left(bucket) => !bucket.is_full(rate, now),
        });
    }

    /// Tells how many websockets are open.
    pub(crate) fn connections(&self) -> u64 {
        self.0.connections.load(Relaxed)
    }

    /// Counts a TCP connection that has just come.
    pub(crate) fn knock(&self, address: IpAddr) -> Knock {
        let guest = self.0.guest(Network::from(address));
        guest.sockets.fetch_add(1, Relaxed);
        Knock(guest)
    }

    /// Lets a websocket in.
    ///
    /// # Errors
    /// [`Exceeded`] where there are too many, in total or from this address.
    pub(crate) fn arrive(&self, address: IpAddr) -> Result<Arc<Visit>, Exceeded> {
        let Self(register) = self;
        let visit = Visit::new(register.guest(Network::from(address)));
        register.limits.check(Limit::Connections, register.connections.load(Relaxed))?;
        let here = visit.guest.connections.load(Relaxed);
        register.limits.check(Limit::AddressConnections, here)?;
        Ok(Arc::new(visit))
    }
}

impl Knock {
    /// Asks whether it may go on to say what it wants. An address may have twice as many TCP
    /// connections as websockets: one that is refused a websocket has to be told so.
    ///
    /// # Errors
    /// [`Exceeded`] where it may not.
    pub(crate) fn check(&self) -> Result<(), Exceeded> {
        let Self(guest) = self;
        let sockets = guest.sockets.load(Relaxed).div_ceil(2);
        guest.register.limits.check(Limit::AddressConnections, sockets)
    }
}

impl Drop for Knock {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Relaxed);
    }
}

impl Register {
    fn guest(self: &Arc<Self>, network: Network) -> Arc<Guest> {
        let mut networks = self.networks();
        let bucket = match networks.get(&network) {
            Some(Entry::Here(guest)) => match guest.upgrade() {
                Some(guest) => return guest,
                None => None,
            },
            Some(Entry::Left(bucket)) => Some(bucket.clone()),
            None => None,
        };
        let bucket = bucket.unwrap_or_else(|| Bucket::full(self.rate(), Instant::now()));
        let guest = Arc::new(Guest {
            network,
            register: Arc::clone(self),
            sockets: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            made: Made::default(),
            unsent: AtomicU64::new(0),
            commands: Mutex::new(bucket),
        });
        networks.insert(network, Entry::Here(Arc::downgrade(&guest)));
        guest
    }

    /// Commands a second from one address; zero where there is no limit.
    fn rate(&self) -> u64 {
        self.limits.most(Limit::AddressCommands).unwrap_or(0)
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<Network, Entry>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Self(Ipv6Addr::from(network).into())
            }
            address => Self(address),
        }
    }
}

impl Made {
    fn of(&self, kind: Kind) -> &AtomicU64 {
        &self.0[kind as usize]
    }
}

impl Share {
    fn new(guest: Arc<Guest>, kind: Kind) -> Self {
        guest.made.of(kind).fetch_add(1, Relaxed);
        Self { guest, kind }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.guest.made.of(self.kind).fetch_sub(1, Relaxed);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut networks = self.register.networks();
        match networks.get(&self.network) {
            Some(Entry::Here(guest)) if guest.strong_count() == 0 => (),
            // Somebody has come from there again meanwhile.
            _ => return,
        }
        let commands = self.commands.get_mut().unwrap_or_else(PoisonError::into_inner);
        if commands.is_full(self.register.rate(), Instant::now()) {
            networks.remove(&self.network);
        } else {
            networks.insert(self.network, Entry::Left(commands.clone()));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn guests(limits: &[(Limit, u64)]) -> Guests {
        let limits = limits.iter().fold(Limits::default(), |all, (l, most)| all.with(*l, *most));
        Guests::new(limits)
    }

    fn arrive(guests: &Guests, address: &str) -> Result<Arc<Visit>, Limit> {
        guests.arrive(address.parse().unwrap()).map_err(|exceeded| exceeded.limit)
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
        assert!(guests.0.networks().is_empty(), "nobody is remembered");
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
        assert!(guests.0.networks().is_empty());
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_address() {
        let guests = guests(&[(Limit::AddressConnections, 1)]);
        let _one = arrive(&guests, "2001:db8:0:1::1").unwrap();
        assert_eq!(arrive(&guests, "2001:db8:0:1:f::2").err(), Some(Limit::AddressConnections));
        arrive(&guests, "2001:db8:0:2::1").unwrap();
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
        assert!(guests.0.networks().is_empty());
    }

    #[test]
    fn commands_of_an_address_share_a_rate() {
        let guests = guests(&[(Limit::AddressCommands, 1)]);
        let (one, two) = (arrive(&guests, "::1").unwrap(), arrive(&guests, "::2").unwrap());
        let now = Instant::now();
        for _ in 0..5 {
            one.command(now).unwrap();
            two.command(now).unwrap();
        }
        assert_eq!(one.command(now).map_err(|e| e.limit), Err(Limit::AddressCommands));
        two.command(now + Duration::from_secs(1)).unwrap();

        drop((one, two));
        let back = arrive(&guests, "::1").unwrap();
        assert!(back.command(now).is_err(), "who comes again has no new rate");
        drop(back);
        guests.forget(now);
        assert_eq!(guests.0.networks().len(), 1);
        guests.forget(now + Duration::from_secs(11));
        assert!(guests.0.networks().is_empty());
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
        assert_eq!(one.guest.unsent.load(Relaxed), 100);
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
