//! Which relays are dialled, and when [transit.md: establishing, racing].

use std::time::Duration;

use wormhole_protocol::transit::{DirectHint, Endpoint, RelayHint};

/// How long relays wait for the direct ways, and less favoured relays for the others.
pub(super) const RELAY_DELAY: Duration = Duration::from_secs(2);

/// Gives the addresses of all relays, each once: those of the highest priority at the same time,
/// after the `first` wait, each lower priority later.
pub(super) fn staggered(
    ours: &[RelayHint],
    theirs: &[RelayHint],
    first: Duration,
) -> Vec<(Duration, Endpoint)> {
    let addresses = addresses(ours, theirs);
    let mut wait = first;
    let mut now = addresses.first().map(priority);
    let mut staggered = Vec::new();
    for endpoint in addresses {
        if now != Some(priority(&endpoint)) {
            now = Some(priority(&endpoint));
            wait += RELAY_DELAY;
        }
        staggered.push((wait, endpoint));
    }
    staggered
}

/// The addresses that we can dial, each once, the favoured first.
fn addresses(ours: &[RelayHint], theirs: &[RelayHint]) -> Vec<Endpoint> {
    let mut addresses: Vec<Endpoint> = Vec::new();
    for endpoint in ours.iter().chain(theirs).flat_map(|relay| &relay.endpoints) {
        let dialled = !matches!(endpoint, Endpoint::Tor(_));
        if dialled && !addresses.iter().any(|known| same(known, endpoint)) {
            addresses.push(endpoint.clone());
        }
    }
    addresses.sort_by(|a, b| priority(b).total_cmp(&priority(a)));
    addresses
}

/// Whether the two lead to the same place.
fn same(a: &Endpoint, b: &Endpoint) -> bool {
    let place = |hint: &DirectHint| (hint.hostname.to_ascii_lowercase(), hint.port);
    match (a, b) {
        (Endpoint::Tcp(a), Endpoint::Tcp(b)) => place(a) == place(b),
        (a, b) => a == b,
    }
}

fn priority(endpoint: &Endpoint) -> f64 {
    match endpoint {
        Endpoint::Tcp(hint) | Endpoint::Tor(hint) => hint.priority,
        Endpoint::WebSocket(_) => 0.0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn relay(hostname: &str, priority: f64) -> RelayHint {
        let port = 4001.try_into().unwrap();
        DirectHint { hostname: hostname.into(), port, priority }.into()
    }

    fn websocket(url: &str) -> RelayHint {
        Endpoint::WebSocket(url.parse().unwrap()).into()
    }

    #[test]
    fn relays_of_both_sides_are_merged_and_staggered_by_priority() {
        let ours = [relay("a", 0.0), relay("b", 1.0), websocket("ws://w"), relay("d", -1.0)];
        let theirs = [relay("A", 0.0), relay("c", 1.0), websocket("ws://w"), relay("b", 5.0)];
        let times = staggered(&ours, &theirs, Duration::from_secs(2));
        let times: Vec<_> = times.iter().map(|(t, e)| (t.as_secs(), e.to_string())).collect();
        let expected = [
            (2, "tcp:b:4001"),
            (2, "tcp:c:4001"),
            (4, "tcp:a:4001"),
            (4, "ws://w"),
            (6, "tcp:d:4001"),
        ];
        assert_eq!(times, expected.map(|(t, e)| (t, e.to_owned())));
    }

    #[test]
    fn relays_within_tor_are_left_alone() {
        let Endpoint::Tcp(hint) = relay("x.onion", 0.0).endpoints.remove(0) else { panic!() };
        let tor = RelayHint { name: None, endpoints: vec![Endpoint::Tor(hint)] };
        assert_eq!(staggered(&[tor], &[], Duration::ZERO), []);
    }
}
