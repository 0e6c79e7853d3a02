//! Those who dial us: strangers must not keep the peer out, nor learn anything from how they are
//! turned away.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use futures_util::future::{AbortHandle, pending};
use tokio::time::{Instant, sleep_until};

use super::Stream;

/// How many of those who dial us are greeted at once.
const MAX_CALLERS: usize = 128;
/// How many strangers there may be in all, before only those are greeted who come from an address
/// that the peer named.
const MAX_STRANGERS: u64 = 10_000;
/// How long after its wrong line a stranger's connection is closed, and how many wait for that: the
/// next has to be dialled meanwhile.
const CLOSED_AFTER: Duration = Duration::from_secs(2);
const MAX_CLOSING: usize = 128;

/// Those who dialled us and are not yet known as the peer or as strangers, and what is left of the
/// latter.
pub(super) struct Callers {
    greeted: VecDeque<Caller>,
    closing: VecDeque<(Instant, Stream)>,
    strangers: u64,
    named: Vec<IpAddr>,
}

struct Caller {
    from: SocketAddr,
    /// Whether it has shown that it knows the key: it waits for the sender's choice then.
    proved: Rc<Cell<bool>>,
    greeting: AbortHandle,
}

impl Callers {
    /// Begins, for a peer that named these addresses.
    pub(super) fn of(named: impl Iterator<Item = IpAddr>) -> Self {
        let named = named.collect();
        Self { greeted: VecDeque::new(), closing: VecDeque::new(), strangers: 0, named }
    }

    /// Tells whether one who dials us may be greeted.
    pub(super) fn may_enter(&self, from: SocketAddr) -> bool {
        self.strangers < MAX_STRANGERS || self.named.contains(&from.ip())
    }

    /// Adds one that is being greeted. Where there are too many, the earliest has to go of those who
    /// share their network with most others: a flood from one place drives out itself.
    pub(super) fn enter(
        &mut self,
        from: SocketAddr,
        proved: Rc<Cell<bool>>,
        greeting: AbortHandle,
    ) {
        if self.greeted.len() >= MAX_CALLERS {
            self.oust();
        }
        self.greeted.push_back(Caller { from, proved, greeting });
    }

    fn oust(&mut self) {
        let strange = |caller: &Caller| !caller.proved.get();
        let mut crowds = HashMap::<_, usize>::new();
        for caller in &self.greeted {
            *crowds.entry(network(caller.from)).or_default() += 1;
        }
        let crowd = |caller: &Caller| crowds.get(&network(caller.from)).copied();
        // Of equals the last is taken, so the order is turned round.
        let most = self.greeted.iter().enumerate().rev();
        let ousted = most.max_by_key(|(_, caller)| (strange(caller), crowd(caller)));
        if let Some(caller) = ousted.map(|(n, _)| n).and_then(|n| self.greeted.remove(n)) {
            caller.greeting.abort();
        }
    }

    /// Forgets one whose greeting is over.
    pub(super) fn leave(&mut self, from: SocketAddr) {
        self.greeted.retain(|caller| caller.from != from);
    }

    /// Counts one who did not show that it knows the key, and closes its connection later, if that
    /// is not done.
    pub(super) fn stranger(&mut self, left: Option<Stream>) {
        self.strangers += 1;
        let Some(stream) = left else { return };
        if self.closing.len() == MAX_CLOSING {
            self.closing.pop_front();
        }
        self.closing.push_back((Instant::now() + CLOSED_AFTER, stream));
    }

    /// Closes connections of strangers when it is time, for ever.
    pub(super) async fn close_late(&mut self) {
        while let Some((due, _)) = self.closing.front() {
            sleep_until(*due).await;
            self.closing.pop_front();
        }
        pending::<()>().await;
    }
}

/// What one provider gives to one customer: an address of IPv4, 64 bits of IPv6.
fn network(from: SocketAddr) -> IpAddr {
    match from.ip() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip => ip,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn enter(callers: &mut Callers, from: &str, proved: bool) -> AbortHandle {
        let (greeting, _) = AbortHandle::new_pair();
        callers.enter(from.parse().unwrap(), Rc::new(Cell::new(proved)), greeting.clone());
        greeting
    }

    #[test]
    fn a_flood_drives_out_itself() {
        let mut callers = Callers::of([].into_iter());
        let proved = enter(&mut callers, "192.0.2.1:1", true);
        let lonely = enter(&mut callers, "192.0.2.2:1", false);
        let flood: Vec<_> = (0..1000)
            .map(|n| enter(&mut callers, &format!("[2001:db8::{n:x}]:{}", n + 1), false))
            .collect();
        assert!(!proved.is_aborted() && !lonely.is_aborted());
        let left: Vec<_> = flood.iter().map(AbortHandle::is_aborted).collect();
        assert_eq!(left.iter().position(|gone| !gone), Some(1000 - (MAX_CALLERS - 2)));
        assert!(left[1000 - (MAX_CALLERS - 2)..].iter().all(|gone| !gone));
        // Somebody else's turn comes as well.
        let other = enter(&mut callers, "[2001:db8:1::1]:1", false);
        assert!(!other.is_aborted());
        callers.leave("[2001:db8:1::1]:1".parse().unwrap());
        assert_eq!(callers.greeted.len(), MAX_CALLERS - 1);
    }

    #[test]
    fn after_very_many_strangers_only_the_addresses_of_the_peer_are_greeted() {
        let named = "192.0.2.7".parse().unwrap();
        let mut callers = Callers::of([named].into_iter());
        let (peer, other) = ((named, 1).into(), "192.0.2.8:1".parse().unwrap());
        for _ in 0..MAX_STRANGERS {
            assert!(callers.may_enter(other));
            callers.stranger(None);
        }
        assert!(!callers.may_enter(other) && callers.may_enter(peer));
    }
}
