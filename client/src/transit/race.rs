//! The race of all ways to the peer; the first good link wins [transit.md: establishing, racing].

use std::{io, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::{LocalBoxFuture, pending},
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
/// How many strangers may be greeted at once besides those we dial.
const MAX_RUNNERS: usize = 128;

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
    let (found, losers) = timeout(RACE_LIMIT, first(transit, key, theirs))
        .await
        .map_err(|_| TransitError::Timeout)??;
    losers.dismiss();
    let Found { via, mut stream, outcome } = found;
    let Established { leftover } = match outcome {
        Outcome::Chosen(established) => established,
        Outcome::Undecided(undecided) => {
            let (go, established) = undecided.go();
            let lost = |error: io::Error| TransitError::AllFailed(error.to_string());
            stream.write_all(go).await.map_err(lost)?;
            established
        }
    };
    let (sealer, opener) = key.records(role);
    Ok((via, Winner { stream, leftover, sealer, opener }))
}

/// Those still in the race when it is over.
struct Losers<'a>(FuturesUnordered<Runner<'a>>);

impl Losers<'_> {
    /// Tells those who came in together with the winner; the others just lose their connection.
    fn dismiss(mut self) {
        while let Some(Some(finished)) = self.0.next().now_or_never() {
            if let Ok(Found { stream, outcome: Outcome::Undecided(loser), .. }) = finished {
                // A courtesy: the close that follows says the same.
                let _ = stream.try_write(loser.nevermind());
            }
        }
    }
}

async fn first<'a>(
    Transit { role, listener, relays }: Transit,
    key: &'a TransitKey,
    theirs: &Hints,
) -> Result<(Found, Losers<'a>), TransitError> {
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
        runners.push(limited(async move {
            sleep(wait).await;
            greet::dial_relay(hint, key, role, &side).await
        }));
    }
    let mut race = Losers(runners);
    let mut first_failure = None;
    loop {
        if race.0.is_empty() && listener.is_none() {
            return Err(first_failure.map_or(TransitError::NoWay, TransitError::AllFailed));
        }
        let room = race.0.len() < MAX_RUNNERS;
        let accept = async {
            match &listener {
                Some(listener) if room => listener.accept().await,
                _ => pending().await,
            }
        };
        tokio::select! {
            accepted = accept => {
                // A failed accept concerns the one who dialled; a pause keeps it from spinning.
                let Ok((stream, from)) = accepted else {
                    sleep(Duration::from_millis(100)).await;
                    continue;
                };
                race.0.push(limited(greet::accepted(stream, from, key, role)));
            }
            Some(finished) = race.0.next(), if !race.0.is_empty() => match finished {
                Ok(found) => return Ok((found, race)),
                Err(failure) => {
                    tracing::debug!(%failure, "a way to the peer failed");
                    first_failure.get_or_insert(failure.to_string());
                }
            }
        }
    }
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
