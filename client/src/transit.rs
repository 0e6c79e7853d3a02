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
mod policy;
mod pump;
mod race;
mod records;
mod relays;
mod remarks;
mod stream;
mod tally;
mod via;
mod websocket;

use std::{net::IpAddr, time::Duration};

use futures_util::FutureExt;
use wormhole_protocol::{
    transfer::AppVersions,
    transit::{Abilities, Hints, Reach, RelayHint, Role, TransitKey},
    wire::your_address,
};

use self::listen::Listener;
use crate::{Wormhole, socket::Trust};

pub(crate) use self::stream::tune;
pub use self::{
    config::{Config, Listen, Ways},
    connection::Connection,
    listen::addresses,
    policy::Forbidden,
    pump::{LandError, ShipError, Source},
    race::TransitError,
    remarks::Remarks,
    stream::SILENCE_LIMIT,
    tally::{Doing, Fault, Lost},
    via::{Attempt, Attempts, Detour, Off, Via, Way},
};

/// One end of a connection to be.
pub struct Transit {
    role: Role,
    ways: Ways,
    listener: Option<Listener>,
    relays: Vec<RelayHint>,
    trust: Trust,
    silence: Duration,
    /// Whether the peer may name this computer itself.
    loopback: bool,
    /// Whether the peer's program says anything of itself, which that in Go does not.
    announces: bool,
}

impl Transit {
    /// Starts to listen, where that is wanted and works: one that cannot be reached still dials.
    ///
    /// What the peer names is not dialled everywhere: not on this computer itself
    /// ([`beside_itself`](Self::beside_itself)), and in private networks only where this computer is
    /// in one of the same block [transit.md: rules for our client].
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
        let (trust, loopback, announces) = (Trust::default(), false, false);
        Ok(Self { role, ways, listener, relays, trust, silence, loopback, announces })
    }

    /// Does so for two who have a wormhole: its server's certificates are believed at relays as well,
    /// and the address at which the server sees us is [offered](Self::seen_at). Where that server is
    /// on this computer, the peer may be too.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn beside(wormhole: &Wormhole, role: Role, config: &Config) -> Result<Self, TransitError> {
        let versions = wormhole.versions().now_or_never().and_then(Result::ok);
        let transit = Self {
            trust: wormhole.trust().clone(),
            loopback: wormhole.is_on_this_computer(),
            announces: versions.is_some_and(|versions| !AppVersions::read(&versions).is_silent()),
            ..Self::prepare(role, config)?
        };
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

    /// Lets the peer name this computer itself, as where both are on it.
    #[must_use]
    pub fn beside_itself(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// The ways we connect, also those for which we have no hint.
    pub fn abilities(&self) -> Abilities {
        Abilities { direct_tcp: self.ways.direct(), relay: self.ways.relays() }
    }

    /// Where we can be reached.
    pub fn hints(&self) -> Hints {
        let direct = self.listener.as_ref().map(Listener::hints).unwrap_or_default();
        Hints { direct, relays: self.relays.clone(), ..Hints::default() }
    }

    /// Races all ways to the peer that both sides use: those who dial us, its direct hints, then the
    /// relays of both.
    ///
    /// # Errors
    /// [`TransitError`], after a minute at most, or half a minute where no relay is tried.
    pub async fn connect(
        self,
        key: &TransitKey,
        theirs: impl Into<Reach>,
    ) -> Result<Connection, TransitError> {
        // What runs in it is large, and callers move their futures about.
        Ok(Connection::new(Box::pin(race::run(self, key, theirs.into())).await?))
    }
}
