//! The race of all ways to the peer; the first good link wins [transit.md: establishing, racing].

use std::{collections::VecDeque, io, net::SocketAddr, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::{AbortHandle, LocalBoxFuture, abortable, pending},
    stream::FuturesUnordered,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{sleep, timeout},
};
use wormhole_protocol::transit::{
    DirectHint, Endpoint, Established, Hints, RelayHint, Role, TransitKey,
    record::{Opener, Sealer},
    relay::TransitSide,
};

use super::{
    Transit,
    greet::{self, Failure, Found, Outcome},
    listen::Listener,
};
use crate::random::random;

pub use super::greet::Via;

/// How long a connection has from its first byte to the end of its greeting.
const GREETING_LIMIT: Duration = Duration::from_secs(60);
/// How long the whole race may take.
const RACE_LIMIT: Duration = Duration::from_secs(120);
/// How long relays wait for the direct ways, and less favoured relays for the others.
const RELAY_DELAY: Duration = Duration::from_secs(2);
/// How long a receiver leaves a sender alone with its relay: the Go program loses its connection
/// there when it is paired too early.
const RECEIVER_RELAY_DELAY: Duration = Duration::from_millis(500);
/// How many of those who dial us are greeted at once.
const MAX_CALLERS: usize = 128;
/// How long to wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// There is no connection to the peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransitError {
    /// Neither side listens, and neither has a relay.
    #[error("there is no way to reach the peer: neither side listens or has a relay")]
    NoWay,
    /// Every way was tried and failed; this is why the first did.
    #[error("cannot reach the peer: {0}")]
    AllFailed(String),
    /// No way worked in time.
    #[error("cannot reach the peer: no connection within {} seconds", RACE_LIMIT.as_secs())]
    Timeout,
}

/// A connection that carries records.
pub(super) struct Winner {
    pub(super) stream: TcpStream,
    pub(super) leftover: Vec<u8>,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
}

type Runner<'a> = LocalBoxFuture<'a, Result<Found, Failure>>;

pub(super) async fn run(
    transit: Transit,
    key: &TransitKey,
    theirs: &Hints,
) -> Result<(Via, Winner), TransitError> {
    let role = transit.role;
    let race = Race::start(transit, key, theirs);
    let (via, stream, Established { leftover }) =
        timeout(RACE_LIMIT, race.finish()).await.map_err(|_| TransitError::Timeout)??;
    let (sealer, opener) = key.records(role);
    Ok((via, Winner { stream, leftover, sealer, opener }))
}

/// All ways to the peer that are tried at once.
struct Race<'a> {
    key: &'a TransitKey,
    role: Role,
    listener: Option<Listener>,
    runners: FuturesUnordered<Runner<'a>>,
    /// Those who dialled us, the earliest first.
    callers: VecDeque<AbortHandle>,
}

impl<'a> Race<'a> {
    fn start(
        Transit { role, listener, relays }: Transit,
        key: &'a TransitKey,
        theirs: &Hints,
    ) -> Self {
        let runners = FuturesUnordered::new();
        for hint in &theirs.direct {
            runners.push(limited(greet::dial(hint.clone(), key, role)));
        }
        let delay = match role {
            _ if !runners.is_empty() => RELAY_DELAY,
            Role::Receiver => RECEIVER_RELAY_DELAY,
            Role::Sender => Duration::ZERO,
        };
        let side = TransitSide::from_random(random());
        for (wait, hint) in staggered(relay_addresses(&relays, &theirs.relays), delay) {
            let side = side.clone();
            let relayed = async move {
                sleep(wait).await;
                limited(greet::dial_relay(hint, key, role, &side)).await
            };
            runners.push(relayed.boxed_local());
        }
        Self { key, role, listener, runners, callers: VecDeque::new() }
    }

    /// Waits for the first good connection; the others end.
    async fn finish(mut self) -> Result<(Via, TcpStream, Established), TransitError> {
        let mut first_failure = None;
        loop {
            if self.runners.is_empty() && self.listener.is_none() {
                return Err(first_failure.map_or(TransitError::NoWay, TransitError::AllFailed));
            }
            let finished = tokio::select! {
                (stream, from) = caller(self.listener.as_ref()) => {
                    self.greet(stream, from);
                    continue;
                }
                Some(finished) = self.runners.next() => finished,
            };
            let settled = match finished {
                Ok(found) => settle(found).await,
                Err(failure) => Err(failure),
            };
            match settled {
                Ok(winner) => {
                    self.dismiss();
                    return Ok(winner);
                }
                Err(failure) => {
                    tracing::debug!(%failure, "a way to the peer failed");
                    first_failure.get_or_insert(failure.to_string());
                }
            }
        }
    }

    /// Greets one who dialled us. Where too many are being greeted the earliest has to go: the
    /// peer is never silent for long, and strangers must not keep it out.
    fn greet(&mut self, stream: TcpStream, from: SocketAddr) {
        if self.callers.len() == MAX_CALLERS
            && let Some(earliest) = self.callers.pop_front()
        {
            earliest.abort();
        }
        let greeted = limited(greet::accepted(stream, from, self.key, self.role));
        let (greeted, handle) = abortable(greeted);
        let ousted = |_| Failure::Io(io::ErrorKind::ConnectionAborted.into());
        self.callers.push_back(handle);
        self.runners.push(async move { greeted.await.map_err(ousted)? }.boxed_local());
    }

    /// Tells those who came in together with the winner; the others just lose their connection.
    fn dismiss(mut self) {
        while let Some(Some(finished)) = self.runners.next().now_or_never() {
            if let Ok(Found { stream, outcome: Outcome::Undecided(loser), .. }) = finished {
                // A courtesy: the close that follows says the same.
                let _ = stream.try_write(loser.nevermind());
            }
        }
    }
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

/// Takes a connection, if we are the one to choose.
async fn settle(
    Found { via, mut stream, outcome }: Found,
) -> Result<(Via, TcpStream, Established), Failure> {
    let established = match outcome {
        Outcome::Chosen(established) => established,
        Outcome::Undecided(undecided) => {
            let (go, established) = undecided.go();
            stream.write_all(go).await?;
            established
        }
    };
    Ok((via, stream, established))
}

fn limited<'a>(runner: impl Future<Output = Result<Found, Failure>> + 'a) -> Runner<'a> {
    async move {
        let timed_out = |_| Failure::Io(io::ErrorKind::TimedOut.into());
        timeout(GREETING_LIMIT, runner).await.map_err(timed_out)?
    }
    .boxed_local()
}

/// The TCP addresses of all relays, each once, the favoured first.
fn relay_addresses(ours: &[RelayHint], theirs: &[RelayHint]) -> Vec<DirectHint> {
    let mut addresses: Vec<DirectHint> = Vec::new();
    for endpoint in ours.iter().chain(theirs).flat_map(|relay| &relay.endpoints) {
        let Endpoint::Tcp(hint) = endpoint else { continue };
        let known =
            |other: &DirectHint| (&other.hostname, other.port) == (&hint.hostname, hint.port);
        if !addresses.iter().any(known) {
            addresses.push(hint.clone());
        }
    }
    addresses.sort_by(|a, b| b.priority.total_cmp(&a.priority));
    addresses
}

/// Says when each address is dialled: those of one priority together, each lower one later.
fn staggered(addresses: Vec<DirectHint>, first: Duration) -> Vec<(Duration, DirectHint)> {
    let mut wait = first;
    let mut priority = addresses.first().map(|hint| hint.priority);
    let mut staggered = Vec::new();
    for hint in addresses {
        if priority != Some(hint.priority) {
            priority = Some(hint.priority);
            wait += RELAY_DELAY;
        }
        staggered.push((wait, hint));
    }
    staggered
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn relay(hostname: &str, priority: f64) -> RelayHint {
        let port = 4001.try_into().unwrap();
        DirectHint { hostname: hostname.into(), port, priority }.into()
    }

    #[test]
    fn relays_of_both_sides_are_merged_and_staggered_by_priority() {
        let addresses = relay_addresses(
            &[relay("a", 0.0), relay("b", 1.0)],
            &[relay("a", 0.0), relay("c", 1.0)],
        );
        let times = staggered(addresses, Duration::from_secs(2));
        let times: Vec<_> = times.iter().map(|(t, h)| (t.as_secs(), &h.hostname[..])).collect();
        assert_eq!(times, [(2, "b"), (2, "c"), (4, "a")]);
    }
}
