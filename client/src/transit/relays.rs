//! Which relays are dialled, and when [transit.md: establishing, racing].

use std::time::Duration;

use wormhole_protocol::transit::{DirectHint, Endpoint, RelayHint};

/// How long relays wait for the direct ways, and less favoured relays for the others.
pub(super) const RELAY_DELAY: Duration = Duration::from_secs(2);

/// An address of a relay.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Address {
    pub(super) endpoint: Endpoint,
    /// Whether we know it from the peer alone.
    pub(super) of_the_peer: bool,
}

/// Gives the addresses each with its time: those of the highest priority together, after the
/// `first` wait, each lower priority later.
pub(super) fn staggered(
    addresses: Vec<Address>,
    first: Duration,
) -> impl Iterator<Item = (Duration, Address)> {
    let mut wait = first;
    let mut now = addresses.first().map(|address| priority(&address.endpoint));
    addresses.into_iter().map(move |address| {
        let priority = priority(&address.endpoint);
        if now != Some(priority) {
            now = Some(priority);
            wait += RELAY_DELAY;
        }
        (wait, address)
    })
}

/// Gives the addresses that we can dial, each once, the favoured first.
pub(super) fn addresses(ours: &[RelayHint], theirs: &[RelayHint]) -> Vec<Address> {
    let mut addresses: Vec<Address> = Vec::new();
    for (relays, of_the_peer) in [(ours, false), (theirs, true)] {
        for endpoint in relays.iter().flat_map(|relay| &relay.endpoints) {
            let dialled = !matches!(endpoint, Endpoint::Tor(_));
            if dialled && !addresses.iter().any(|known| same(&known.endpoint, endpoint)) {
                addresses.push(Address { endpoint: endpoint.clone(), of_the_peer });
            }
        }
    }
    addresses.sort_by(|a, b| priority(&b.endpoint).total_cmp(&priority(&a.endpoint)));
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
        let times = staggered(addresses(&ours, &theirs), Duration::from_secs(2));
        let times = times.map(|(t, a)| (t.as_secs(), a.endpoint.to_string(), a.of_the_peer));
        let expected = [
            (2, "tcp:b:4001", false),
            (2, "tcp:c:4001", true),
            (4, "tcp:a:4001", false),
            (4, "ws://w", false),
            (6, "tcp:d:4001", false),
        ];
        let expected = expected.map(|(t, endpoint, theirs)| (t, endpoint.to_owned(), theirs));
        assert_eq!(times.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn relays_within_tor_are_left_alone() {
        let Endpoint::Tcp(hint) = relay("x.onion", 0.0).endpoints.remove(0) else { panic!() };
        let tor = RelayHint { name: None, endpoints: vec![Endpoint::Tor(hint)] };
        assert_eq!(addresses(&[tor], &[]), []);
    }
}
