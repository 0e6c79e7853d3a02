//! Transit: one connection to the peer, direct or through a relay, that carries sealed records
//! [transit.md].
//!
//! [`Transit::prepare`] listens and gathers our hints, which the application sends to the peer;
//! [`Transit::connect`] takes the peer's and races all ways there are. The [`Connection`] that wins
//! belongs to a `Link` actor, which ships and lands the bulk.

mod config;
mod connection;
mod dial;
mod greet;
mod link;
mod listen;
mod pump;
mod race;
mod records;
mod relays;
mod stream;
mod tally;
mod via;
mod websocket;

use std::{net::IpAddr, time::Duration};

use futures_util::FutureExt;
use wormhole_protocol::{
    transit::{Abilities, Hints, RelayHint, Role, TransitKey},
    wire::your_address,
};

use self::listen::Listener;
use crate::{Wormhole, socket::Trust};

pub(crate) use self::stream::tune;
pub use self::{
    config::{Config, Listen, Ways},
    connection::Connection,
    listen::addresses,
    pump::{LandError, ShipError, Source},
    race::TransitError,
    stream::SILENCE_LIMIT,
    tally::{Doing, Fault, Lost},
    via::{Attempt, Attempts, Detour, Via, Way},
};

/// One end of a connection to be.
pub struct Transit {
    role: Role,
    ways: Ways,
    listener: Option<Listener>,
    relays: Vec<RelayHint>,
    trust: Trust,
    silence: Duration,
}

impl Transit {
    /// Starts to listen, where that is wanted and works: one that cannot be reached still dials.
    ///
    /// # Errors
    /// [`TransitError::Ports`] where none of the [ports](Listen::Ports) that were asked for is free.
    pub fn prepare(role: Role, config: &Config) -> Result<Self, TransitError> {
        let Config { listen, ways, relays, silence } = config.clone();
        let listener = match listen {
            _ if !ways.direct() => None,
            Listen::Never => None,
            Listen::Any => {
                Listener::any().inspect_err(|error| tracing::debug!(%error, "cannot listen")).ok()
            }
            Listen::Ports(ports) => {
                let failed = |cause| TransitError::Ports { ports: ports.clone(), cause };
                Some(Listener::one_of(ports.clone()).map_err(failed)?)
            }
        };
        let relays = if ways.relays() { relays } else { Vec::new() };
        Ok(Self { role, ways, listener, relays, trust: Trust::default(), silence })
    }

    /// Does so for two who have a wormhole: its server's certificates are believed at relays as well,
    /// and the address at which the server sees us is [offered](Self::seen_at).
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn beside(wormhole: &Wormhole, role: Role, config: &Config) -> Result<Self, TransitError> {
        let transit = Self { trust: wormhole.trust().clone(), ..Self::prepare(role, config)? };
        let welcome = wormhole.welcome().now_or_never().and_then(Result::ok);
        Ok(match welcome.and_then(|welcome| your_address(&welcome)) {
            Some(ip) => transit.seen_at(ip),
            None => transit,
        })
    }

    /// Offers an address at which somebody outside sees us, as the mailbox server does, in addition
    /// to those of this computer; unless nobody else could dial it.
    #[must_use]
    pub fn seen_at(mut self, ip: IpAddr) -> Self {
        if let Some(listener) = &mut self.listener {
            listener.seen_at(ip);
        }
        self
    }

    /// The ways we connect; all peers expect both, even where one of them has no hint or is
    /// switched off.
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
        // What runs in it is large, and callers move their futures about.
        let (via, established) = Box::pin(race::run(self, key, theirs)).await?;
        Ok(Connection::new(via, established))
    }
}
