//! Transit: one TCP connection to the peer, direct or through a relay, that carries sealed records
//! [transit.md].
//!
//! [`Transit::prepare`] listens and gathers our hints, which the application sends to the peer;
//! [`Transit::connect`] takes the peer's and races all ways there are. The [`Connection`] that wins
//! belongs to a `Link` actor, which ships and lands the bulk.

mod connection;
mod greet;
mod link;
mod listen;
mod pump;
mod race;

use wormhole_protocol::transit::{Abilities, Hints, RelayArgument, RelayHint, Role, TransitKey};

use self::listen::Listener;

pub use self::{
    connection::Connection,
    listen::addresses,
    pump::{LandError, ShipError, Source},
    race::{TransitError, Via},
};

/// How a program wants to be reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether to listen for direct connections.
    pub listen: bool,
    /// Our own relays, which are offered to the peer as well.
    pub relays: Vec<RelayHint>,
}

impl Default for Config {
    /// Listens, and offers the relay that everybody uses who names none.
    fn default() -> Self {
        let relay = match RelayArgument::DEFAULT.parse() {
            Ok(RelayArgument::Relay(hint)) => Some(RelayHint::from(hint)),
            Ok(RelayArgument::NoRelay) | Err(_) => None,
        };
        Self { listen: true, relays: relay.into_iter().collect() }
    }
}

/// One end of a connection to be.
pub struct Transit {
    role: Role,
    listener: Option<Listener>,
    relays: Vec<RelayHint>,
}

impl Transit {
    /// Starts to listen, where that is wanted and works: one that cannot be reached still dials.
    pub fn prepare(role: Role, config: &Config) -> Self {
        let listener = config.listen.then(Listener::open).and_then(|opened| {
            opened.inspect_err(|error| tracing::debug!(%error, "cannot listen")).ok()
        });
        Self { role, listener, relays: config.relays.clone() }
    }

    /// The ways we connect; all peers expect both, even where one of them has no hint.
    pub fn abilities(&self) -> Abilities {
        Abilities::ALL
    }

    /// Where we can be reached.
    pub fn hints(&self) -> Hints {
        let direct = self.listener.as_ref().map(Listener::hints).unwrap_or_default();
        Hints { direct, relays: self.relays.clone(), ..Hints::default() }
    }

    /// Races all ways to the peer: those who dial us, its direct hints, then the relays of both.
    ///
    /// # Errors
    /// [`TransitError`], after two minutes at most.
    pub async fn connect(
        self,
        key: &TransitKey,
        theirs: &Hints,
    ) -> Result<Connection, TransitError> {
        let (via, established) = race::run(self, key, theirs).await?;
        Ok(Connection::new(via, established))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_everybodys_relay() {
        let Config { listen, relays } = Config::default();
        assert!(listen);
        assert_eq!(relays.len(), 1);
    }
}
