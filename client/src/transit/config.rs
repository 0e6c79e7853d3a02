//! How a program wants to be reached.

use std::{num::NonZeroU16, ops::RangeInclusive, time::Duration};

use wormhole_protocol::transit::{RelayArgument, RelayHint};

use super::SILENCE_LIMIT;

/// How a program wants to be reached, and reaches others.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen for direct connections.
    pub listen: Listen,
    /// Which ways are gone.
    pub ways: Ways,
    /// Our own relays, which are offered to the peer as well.
    pub relays: Vec<RelayHint>,
    /// How long the other end, or the network on the way to it, may give no sign of life before it
    /// counts as gone: at least a few seconds, [`SILENCE_LIMIT`](super::SILENCE_LIMIT) by default.
    pub silence: Duration,
}

/// Where to listen for direct connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere: others cannot dial us, but we dial them.
    Never,
    /// On a port that the system chooses.
    #[default]
    Any,
    /// On the first of these ports that is free, as where a firewall lets them through.
    Ports(RangeInclusive<NonZeroU16>),
}

/// Which ways to the peer are gone. The peer is told: some programs leave out then what cannot lead
/// anywhere, and two that have nothing in common need not try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ways {
    /// All there are, direct ones first.
    #[default]
    All,
    /// No relay is offered or dialled.
    DirectOnly,
    /// No address of ours is offered, nobody's is dialled, and we do not listen.
    RelayOnly,
}

impl Ways {
    pub(super) fn direct(self) -> bool {
        self != Self::RelayOnly
    }

    pub(super) fn relays(self) -> bool {
        self != Self::DirectOnly
    }
}

impl Default for Config {
    /// Listens, and offers the relay that everybody uses who names none.
    fn default() -> Self {
        let relay = match RelayArgument::DEFAULT.parse() {
            Ok(RelayArgument::Relay(endpoint)) => Some(RelayHint::from(endpoint)),
            Ok(RelayArgument::NoRelay) | Err(_) => None,
        };
        Self {
            listen: Listen::Any,
            ways: Ways::All,
            relays: relay.into_iter().collect(),
            silence: SILENCE_LIMIT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_everybodys_relay() {
        let Config { listen, ways, relays, .. } = Config::default();
        assert_eq!((listen, ways), (Listen::Any, Ways::All));
        assert_eq!(relays.len(), 1);
    }
}
