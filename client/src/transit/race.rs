//! The race of all ways to the peer; the first good link wins [transit.md: establishing, racing].

mod held;

use std::{
    collections::VecDeque, io, net::SocketAddr, num::NonZeroU16, ops::RangeInclusive,
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::{AbortHandle, LocalBoxFuture, abortable, pending},
    stream::FuturesUnordered,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use wormhole_protocol::transit::{
    DirectHint, Endpoint, Established, Hints, Role, Route, TransitKey,
    record::{Opener, Sealer},
    relay::TransitSide,
};

use self::held::Held;
use super::{
    Attempt, Attempts, Detour, Transit, Via, Way, Ways,
    greet::{self, Failure, Found, Outcome, say},
    listen::Listener,
    relays::{RELAY_DELAY, staggered},
    stream::Stream,
};
use crate::random::random;

/// How long the whole race may take.
const RACE_LIMIT: Duration = Duration::from_secs(120);
/// How long a receiver leaves a sender alone with its relay: the Go program loses its connection
/// there when it is paired too early.
const RECEIVER_RELAY_DELAY: Duration = Duration::from_millis(500);
/// How many of those who dial us are greeted at once.
const MAX_CALLERS: usize = 128;
/// How long to wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// There is no connection to the peer. Names are as the peer gave them: escape them for a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransitError {
    /// Nobody listens, or is allowed to, and there is no relay.
    #[error("there is no way to reach the peer: neither side listens or has a relay")]
    NoWay,
    /// Every way was tried and failed.
    #[error("cannot reach the peer: {0}")]
    AllFailed(Attempts),
    /// The peer was waited for in vain, and what was tried failed.
    #[error(
        "cannot reach the peer: nobody who knows the key dialled our port {port} within {} \
         seconds{}{tried}",
        RACE_LIMIT.as_secs(),
        if tried.told.is_empty() { "" } else { "; " }
    )]
    Timeout {
        /// Where we listened.
        port: NonZeroU16,
        /// What was tried.
        tried: Attempts,
    },
    /// None of the ports on which we should listen is to be had.
    #[error("cannot listen on port {}: {cause}", shown(.ports))]
    Ports {
        /// Those that were asked for.
        ports: RangeInclusive<NonZeroU16>,
        /// Why the last is not.
        cause: io::Error,
    },
}

fn shown(ports: &RangeInclusive<NonZeroU16>) -> String {
    match (ports.start(), ports.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}

/// A connection that carries records.
pub(super) struct Winner {
    pub(super) stream: Stream,
    pub(super) leftover: Vec<u8>,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
}

/// What became of one way.
type Finish = (Way, Result<Found, Failure>);

pub(super) async fn run(
    transit: Transit,
    key: &TransitKey,
    theirs: &Hints,
) -> Result<(Via, Winner), TransitError> {
    let role = transit.role;
    let mut race = Race::start(transit, key, theirs);
    let Ok(Some(winner)) = timeout(RACE_LIMIT, race.finish()).await else {
        return Err(race.lost());
    };
    let (way, stream, Established { leftover }) = winner;
    let via = Via { detour: way.is_relayed().then(|| race.detour()), way };
    race.dismiss();
    let (sealer, opener) = key.records(role);
    Ok((via, Winner { stream, leftover, sealer, opener }))
}

/// All ways to the peer that are tried at once.
struct Race<'a> {
    key: &'a TransitKey,
    role: Role,
    ways: Ways,
    silence: Duration,
    begun: Instant,
    listener: Option<Listener>,
    runners: FuturesUnordered<LocalBoxFuture<'a, Finish>>,
    /// Those who dialled us, the earliest first.
    callers: VecDeque<AbortHandle>,
    /// How many addresses of the peer there are, and how many of them failed.
    direct: (usize, usize),
    first_direct_failure: Option<Attempt>,
    failed: Attempts,
    held: Held,
}

impl<'a> Race<'a> {
    fn start(
        Transit { role, ways, listener, relays, trust, silence }: Transit,
        key: &'a TransitKey,
        theirs: &Hints,
    ) -> Self {
        let runners = FuturesUnordered::new();
        let direct = if ways.direct() { dialled(&theirs.direct) } else { Vec::new() };
        for hint in &direct {
            let way = way(Endpoint::Tcp(hint.clone()), false);
            let run = greet::dial(hint.clone(), key, role, silence);
            runners.push(async move { (way, run.await) }.boxed_local());
        }
        let delay = match role {
            _ if !direct.is_empty() => RELAY_DELAY,
            Role::Receiver => RECEIVER_RELAY_DELAY,
            Role::Sender => Duration::ZERO,
        };
        let side = TransitSide::from_random(random());
        let theirs = if ways.relays() { &theirs.relays[..] } else { &[] };
        for (wait, endpoint) in staggered(&relays, theirs, delay) {
            let (side, trust) = (side.clone(), trust.clone());
            let way = way(endpoint.clone(), true);
            let run = async move {
                sleep(wait).await;
                (way, greet::dial_relay(endpoint, key, role, &side, (&trust, silence)).await)
            };
            runners.push(run.boxed_local());
        }
        Self {
            key,
            role,
            ways,
            silence,
            begun: Instant::now(),
            listener,
            runners,
            callers: VecDeque::new(),
            direct: (direct.len(), 0),
            first_direct_failure: None,
            failed: Attempts::default(),
            held: Held::default(),
        }
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
            };
            match finished {
                Ok(found) if self.is_detour(&way, &found) => {
                    self.held.hold(way, found, self.begun.elapsed());
                }
                Ok(found) => {
                    if let Some(winner) = self.settle(way, found).await {
                        return Some(winner);
                    }
                }
                Err(failure) => self.fail(way, &failure),
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

    /// Greets one who dialled us. Where too many are being greeted the earliest has to go: the
    /// peer is never silent for long, and strangers must not keep it out.
    fn greet(&mut self, stream: TcpStream, from: SocketAddr) {
        if self.callers.len() == MAX_CALLERS
            && let Some(earliest) = self.callers.pop_front()
        {
            earliest.abort();
        }
        let (greeted, handle) =
            abortable(greet::accepted(stream, self.key, self.role, self.silence));
        self.callers.push_back(handle);
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
                    self.fail(way, &error.into());
                    return None;
                }
                established
            }
        };
        Some((way, stream, established))
    }

    fn fail(&mut self, way: Way, failure: &Failure) {
        tracing::debug!(%failure, "a way to the peer failed");
        let reason = failure.to_string();
        if matches!(way, Way::Dialled(Route { relayed: false, .. })) {
            self.direct.1 += 1;
            let attempt = || Attempt { way: way.clone(), reason: reason.clone() };
            self.first_direct_failure.get_or_insert_with(attempt);
        }
        self.failed.add(way, reason);
    }

    /// Why it did not become a direct connection.
    fn detour(&mut self) -> Detour {
        let listening = self.listener.is_some();
        match (self.direct, self.first_direct_failure.take()) {
            _ if !self.ways.direct() => Detour::Forced,
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
            Some(listener) => TransitError::Timeout { port: listener.port(), tried },
            None if tried.told.is_empty() => TransitError::NoWay,
            None => TransitError::AllFailed(tried),
        }
    }

    /// Tells those who came in together with the winner; the others just lose their connection.
    fn dismiss(mut self) {
        let held = self.held.all();
        let finished = std::iter::from_fn(|| self.runners.next().now_or_never().flatten());
        for found in held.chain(finished.filter_map(|(_, finished)| finished.ok())) {
            if let Found { mut stream, outcome: Outcome::Undecided(loser) } = found {
                // A courtesy: the close that follows says the same.
                let _ = say(&mut stream, loser.nevermind()).now_or_never();
            }
        }
    }
}

fn way(endpoint: Endpoint, relayed: bool) -> Way {
    Way::Dialled(Route { endpoint, relayed, over_tor: false })
}

/// Gives those that are worth dialling, each once: an address of the wire alone leads nowhere
/// without the name of our end of it.
fn dialled(hints: &[DirectHint]) -> Vec<DirectHint> {
    let mut dialled: Vec<DirectHint> = Vec::new();
    for hint in hints.iter().take(Hints::MAX_DIRECT) {
        let known =
            |other: &DirectHint| (&other.hostname, other.port) == (&hint.hostname, hint.port);
        let of_the_wire =
            hint.hostname.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.is_unicast_link_local());
        if !of_the_wire && !dialled.iter().any(known) {
            dialled.push(hint.clone());
        }
    }
    dialled
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
