//! All that one side tells the other about how to reach it [transit.md: abilities and hints].

use serde_json::{Value, json};

use super::hint::{DirectHint, Endpoint, RelayHint};

/// The ways of connecting that a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It dials addresses, or can be dialled.
    pub direct_tcp: bool,
    /// It can meet the peer at a relay.
    pub relay: bool,
}

/// The addresses that one side offers, sorted by what it takes to dial them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hints {
    /// The peer itself.
    pub direct: Vec<DirectHint>,
    /// The peer itself, reachable only by those who use Tor.
    pub tor: Vec<DirectHint>,
    /// Relays at which the peer can be met.
    pub relays: Vec<RelayHint>,
}

impl Abilities {
    /// What every program should announce: Rust ones use only what both sides list.
    pub const ALL: Self = Self { direct_tcp: true, relay: true };

    /// Reads `abilities-v1`. Unknown types are ignored; what is no list at all is taken for
    /// [`ALL`](Self::ALL), as programs that do not look at the list take it.
    pub fn read(list: &Value) -> Self {
        let Some(list) = list.as_array() else { return Self::ALL };
        let lists = |kind| list.iter().any(|item| item.get("type").is_some_and(|t| t == kind));
        Self { direct_tcp: lists("direct-tcp-v1"), relay: lists("relay-v1") }
    }

    /// Writes `abilities-v1`.
    pub fn write(self) -> Value {
        let kinds = [(self.direct_tcp, "direct-tcp-v1"), (self.relay, "relay-v1")];
        kinds.iter().filter(|(has, _)| *has).map(|(_, kind)| json!({ "type": kind })).collect()
    }
}

impl Hints {
    /// The most addresses of each kind that are kept: a peer may make us dial whatever it likes.
    pub const MAX_DIRECT: usize = 50;
    /// The most relays that are kept.
    pub const MAX_RELAYS: usize = 4;

    /// Reads `hints-v1`. It takes what it understands and leaves out the rest; what is no list at
    /// all has no hints. Of equal relays one is kept.
    pub fn read(list: &Value) -> Self {
        let mut hints = Self::default();
        for item in list.as_array().into_iter().flatten() {
            hints.read_item(item);
        }
        hints
    }

    fn read_item(&mut self, item: &Value) {
        if let Some(relay) = RelayHint::read(item) {
            if self.relays.len() < Self::MAX_RELAYS && !self.relays.contains(&relay) {
                self.relays.push(relay);
            }
            return;
        }
        let (kept, hint) = match Endpoint::read(item) {
            Some(Endpoint::Tcp(hint)) => (&mut self.direct, hint),
            Some(Endpoint::Tor(hint)) => (&mut self.tor, hint),
            // A websocket leads to relays only.
            Some(Endpoint::WebSocket(_)) | None => return,
        };
        if kept.len() < Self::MAX_DIRECT {
            kept.push(hint);
        }
    }

    /// Writes `hints-v1`: direct hints, those for Tor, relays.
    ///
    /// A relay without endpoints is left out, as some peers reject the whole message for one.
    pub fn write(&self) -> Value {
        let direct = self.direct.iter().cloned().map(Endpoint::Tcp);
        let tor = self.tor.iter().cloned().map(Endpoint::Tor);
        let relays = self.relays.iter().filter(|relay| !relay.endpoints.is_empty());
        let peer = direct.chain(tor).map(|endpoint| endpoint.write());
        peer.chain(relays.map(RelayHint::write)).collect()
    }
}
