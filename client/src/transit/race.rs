//! The race of all ways to the peer; the first good link wins [transit.md: establishing, racing].

mod allowed;
mod callers;
mod error;
mod held;

use std::{cell::Cell, net::SocketAddr, rc::Rc, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::{LocalBoxFuture, abortable, pending},
    stream::FuturesUnordered,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};
use wormhole_protocol::transit::{
    DirectHint, Endpoint, Established, Hints, Reach, Role, Route, TransitKey,
    record::{Opener, Sealer},
    relay::TransitSide,
};

pub use self::error::TransitError;
use self::{allowed::Allowed, callers::Callers, held::Held};
use super::{
    Attempt, Attempts, Detour, Off, Remarks, Transit, Via, Way,
    dial::NamedBy,
    greet::{Failure, Found, Outcome, Terms, say},
    listen::Listener,
    policy::{DialPolicy, Forbidden},
    relays::{Address, RELAY_DELAY, addresses, staggered},
    stream::Stream,
};
use crate::random::random;

/// How long the whole race may take: as long as in the Rust program, since at a relay one side may
/// have to wait for the other.
const RACE_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take without a relay: both sides dial at about the same time.
const DIRECT_LIMIT: Duration = Duration::from_secs(30);
/// How long each way that is over by then has to say why.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// How long a receiver leaves a sender alone with its relay: the Go program loses its connection
/// there when it is paired too early. It is one of those that announce nothing.
const RECEIVER_RELAY_DELAY: Duration = Duration::from_millis(500);
/// How long to wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection that carries records.
pub(super) struct Winner {
    pub(super) stream: Stream,
    pub(super) leftover: Vec<u8>,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
}

/// What became of one way.
type Finish = (Way, Result<Found, Failure>);

/// What a race ends with.
pub(super) type Won = (Via, Remarks, Winner);

pub(super) async fn run(
    transit: Transit,
    key: &TransitKey,
    theirs: Reach,
) -> Result<Won, TransitError> {
    let role = transit.role;
    let Some(allowed) = Allowed::by(transit.ways, theirs.abilities) else {
        return Err(TransitError::Apart { ours: transit.ways });
    };
    let mut race = Race::start(transit, key, theirs.hints, allowed);
    let Ok(Some(winner)) = timeout_at(race.end + LAST_WORDS, race.finish()).await else {
        return Err(race.lost());
    };
    let (way, stream, Established { leftover }) = winner;
    let via = Via { detour: way.is_relayed().then(|| race.detour()), way };
    let remarks = race.dismiss();
    let (sealer, opener) = key.records(role);
    Ok((via, remarks, Winner { stream, leftover, sealer, opener }))
}

/// All ways to the peer that are tried at once.
struct Race<'a> {
    terms: Rc<Terms<'a>>,
    allowed: Allowed,
    begun: Instant,
    end: Instant,
    listener: Option<Listener>,
    runners: FuturesUnordered<LocalBoxFuture<'a, Finish>>,
    callers: Callers,
    /// How many addresses of the peer there are, and how many of them failed.
    direct: (usize, usize),
    first_direct_failure: Option<Attempt>,
    failed: Attempts,
    held: Held,
}

impl<'a> Race<'a> {
    fn start(transit: Transit, key: &'a TransitKey, theirs: Hints, allowed: Allowed) -> Self {
        let Transit { role, listener, relays, trust, silence, loopback, announces, .. } = transit;
        let policy = Rc::new(DialPolicy::here(loopback));
        let direct = if allowed.direct { listed(&theirs.direct) } else { Vec::new() };
        let relays = if allowed.relays { addresses(&relays, &theirs.relays) } else { Vec::new() };
        let (relays, bad_relays) = judged(relays, |address| {
            if address.of_the_peer { policy.endpoint(&address.endpoint) } else { Ok(()) }
        });
        let begun = Instant::now();
        let end = begun + if relays.is_empty() { DIRECT_LIMIT } else { RACE_LIMIT };
        let mut race = Self {
            terms: Rc::new(Terms { key, role, trust, silence, end }),
            allowed,
            begun,
            end,
            listener: listener.filter(|_| allowed.direct),
            runners: FuturesUnordered::new(),
            callers: Callers::of(direct.iter().filter_map(|hint| hint.hostname.parse().ok())),
            direct: (direct.len(), 0),
            first_direct_failure: None,
            failed: Attempts::new(allowed.off),
            held: Held::default(),
        };
        let (direct, bad_direct) = judged(direct, |hint| policy.hint(hint));
        let first = match role {
            _ if !direct.is_empty() => RELAY_DELAY,
            Role::Receiver if !announces => RECEIVER_RELAY_DELAY,
            Role::Receiver | Role::Sender => Duration::ZERO,
        };
        for (hint, reason) in bad_direct {
            race.fail(way(Endpoint::Tcp(hint), false), reason.into());
        }
        for (address, reason) in bad_relays {
            race.fail(way(address.endpoint, true), reason.into());
        }
        direct.into_iter().for_each(|hint| race.dial(hint, &policy));
        let side = Rc::new(TransitSide::from_random(random()));
        for (wait, address) in staggered(relays, first) {
            race.dial_relay(wait, address, &side, &policy);
        }
        race
    }

    fn dial(&mut self, hint: DirectHint, policy: &Rc<DialPolicy>) {
        let (terms, policy) = (Rc::clone(&self.terms), Rc::clone(policy));
        let way = way(Endpoint::Tcp(hint.clone()), false);
        let run = async move { (way, terms.dial(hint, NamedBy::Peer(&policy)).await) };
        self.runners.push(run.boxed_local());
    }

    fn dial_relay(
        &mut self,
        wait: Duration,
        Address { endpoint, of_the_peer }: Address,
        side: &Rc<TransitSide>,
        policy: &Rc<DialPolicy>,
    ) {
        let (terms, policy, side) = (Rc::clone(&self.terms), Rc::clone(policy), Rc::clone(side));
        let way = way(endpoint.clone(), true);
        let run = async move {
            let named_by = if of_the_peer { NamedBy::Peer(&policy) } else { NamedBy::Us };
            sleep(wait).await;
            (way, terms.dial_relay(endpoint, named_by, &side).await)
        };
        self.runners.push(run.boxed_local());
    }

    /// Waits for the first good connection, or until there is nothing left to wait for.
    async fn finish(&mut self) -> Option<(Way, Stream, Established)> {
        loop {
            let waiting = self.direct_may_come();
            if let Some((way, found)) = self.held.take_unless(waiting)
                && let Some(winner) = self.settle(way, found).await
            {
                return Some(winner);
            }
            if self.runners.is_empty() && self.listener.is_none() && self.held.is_empty() {
                return None;
            }
            let (way, finished) = tokio::select! {
                (stream, from) = caller(self.listener.as_ref()) => {
                    self.greet(stream, from);
                    continue;
                }
                Some(finished) = self.runners.next() => finished,
                () = self.held.over() => continue,
                () = self.callers.close_late() => continue,
            };
            if let Way::Accepted(from) = way {
                self.callers.leave(from);
            }
            match finished {
                Ok(found) if self.is_detour(&way, &found) => {
                    self.held.hold(way, found, self.begun.elapsed());
                }
                Ok(found) => {
                    if let Some(winner) = self.settle(way, found).await {
                        return Some(winner);
                    }
                }
                Err(failure) => self.fail(way, failure),
            }
        }
    }

    /// Whether something direct may still come, for which a relay could be kept waiting.
    fn direct_may_come(&self) -> bool {
        self.listener.is_some() || self.direct.0 > self.direct.1
    }

    fn is_detour(&self, way: &Way, found: &Found) -> bool {
        let ours_to_choose = matches!(found.outcome, Outcome::Undecided(_));
        way.is_relayed() && ours_to_choose && self.direct_may_come()
    }

    /// Greets one who dialled us.
    fn greet(&mut self, stream: TcpStream, from: SocketAddr) {
        if !self.callers.may_enter(from) {
            self.failed.remarks.stranger(from);
            return;
        }
        let (terms, proved) = (Rc::clone(&self.terms), Rc::new(Cell::new(false)));
        let shown = Rc::clone(&proved);
        let (greeted, handle) = abortable(async move { terms.accept(stream, &shown).await });
        self.callers.enter(from, proved, handle);
        let run = async move { greeted.await.unwrap_or(Err(Failure::Ousted)) };
        self.runners.push(async move { (Way::Accepted(from), run.await) }.boxed_local());
    }

    /// Takes a connection, if we are the one to choose.
    async fn settle(&mut self, way: Way, found: Found) -> Option<(Way, Stream, Established)> {
        let Found { mut stream, outcome } = found;
        let established = match outcome {
            Outcome::Chosen(established) => established,
            Outcome::Undecided(undecided) => {
                let (go, established) = undecided.go();
                if let Err(error) = say(&mut stream, go).await {
                    self.fail(way, error.into());
                    return None;
                }
                established
            }
        };
        Some((way, stream, established))
    }

    fn fail(&mut self, way: Way, failure: Failure) {
        tracing::debug!(%failure, "a way to the peer failed");
        let reason = failure.to_string();
        if matches!(way, Way::Dialled(Route { relayed: false, .. })) {
            self.direct.1 += 1;
            let attempt = || Attempt { way: way.clone(), reason: reason.clone() };
            self.first_direct_failure.get_or_insert_with(attempt);
        }
        match (way, failure) {
            (way, Failure::Forbidden(reason)) => self.failed.remarks.refused(way, reason),
            (Way::Accepted(from), Failure::Stranger(stream)) => {
                self.failed.remarks.stranger(from);
                self.callers.stranger(Some(*stream));
            }
            (Way::Accepted(from), Failure::Ousted | Failure::Silent(_)) => {
                self.failed.remarks.stranger(from);
                self.callers.stranger(None);
            }
            (way, _) => self.failed.add(way, reason),
        }
    }

    /// Why it did not become a direct connection.
    fn detour(&mut self) -> Detour {
        let listening = self.listener.is_some();
        match (self.direct, self.first_direct_failure.take()) {
            _ if !self.allowed.direct => {
                let here = matches!(self.allowed.off, Some(Off::Direct { here: true }));
                if here { Detour::Forced } else { Detour::ForcedByPeer }
            }
            ((0, _), _) => Detour::NoAddress { listening },
            ((all, failed), Some(first)) if all == failed => {
                Detour::Failed { first, addresses: all }
            }
            _ => Detour::Slow { after: self.begun.elapsed() },
        }
    }

    /// Why there is no connection.
    fn lost(self) -> TransitError {
        let tried = self.failed;
        match self.listener {
            Some(listener) => {
                let limit = self.end - self.begun;
                TransitError::Timeout { port: listener.port(), limit, tried }
            }
            None if tried.is_empty() => TransitError::NoWay(tried.off),
            None => TransitError::AllFailed(tried),
        }
    }

    /// Tells those who came in together with the winner; the others just lose their connection. Gives
    /// what is left to say.
    fn dismiss(mut self) -> Remarks {
        let held = self.held.all();
        let finished = std::iter::from_fn(|| self.runners.next().now_or_never().flatten());
        for found in held.chain(finished.filter_map(|(_, finished)| finished.ok())) {
            if let Found { mut stream, outcome: Outcome::Undecided(loser) } = found {
                // A courtesy: the close that follows says the same.
                let _ = say(&mut stream, loser.nevermind()).now_or_never();
            }
        }
        *self.failed.remarks
    }
}

fn way(endpoint: Endpoint, relayed: bool) -> Way {
    Way::Dialled(Route { endpoint, relayed, over_tor: false })
}

/// Gives each once, but those which honest programs offer and nobody can dial: an address of the
/// wire alone leads nowhere without the name of our end of it.
fn listed(hints: &[DirectHint]) -> Vec<DirectHint> {
    let mut listed: Vec<DirectHint> = Vec::new();
    for hint in hints.iter().take(Hints::MAX_DIRECT) {
        let known =
            |other: &DirectHint| (&other.hostname, other.port) == (&hint.hostname, hint.port);
        let of_the_wire =
            hint.hostname.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.is_unicast_link_local());
        if !of_the_wire && !listed.iter().any(known) {
            listed.push(hint.clone());
        }
    }
    listed
}

/// Parts those that may be dialled from those that must not.
fn judged<T>(
    all: Vec<T>,
    judge: impl Fn(&T) -> Result<(), Forbidden>,
) -> (Vec<T>, Vec<(T, Forbidden)>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for one in all {
        match judge(&one) {
            Ok(()) => good.push(one),
            Err(reason) => bad.push((one, reason)),
        }
    }
    (good, bad)
}

/// Waits for the next who dials us, for ever where nobody can.
async fn caller(listener: Option<&Listener>) -> (TcpStream, SocketAddr) {
    let Some(listener) = listener else { return pending().await };
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // It concerns the one who dialled; the pause keeps it from spinning.
            Err(error) => tracing::debug!(%error, "cannot accept"),
        }
        sleep(ACCEPT_PAUSE).await;
    }
}
