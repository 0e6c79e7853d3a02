//! The transit relay: joins two connections that show the same token, and carries bytes between
//! them that it cannot read [transit-relay.md].
//!
//! ```no_run
//! use wormhole_server::{listen, relay::{self, RelayConfig}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! actix::System::new().block_on(async {
//!     let listener = listen("127.0.0.1:0".parse()?)?;
//!     println!("listening on {}", listener.local_addr()?);
//!     let shutdown = async { drop(tokio::signal::ctrl_c().await) };
//!     relay::launch(RelayConfig::default(), vec![listener], shutdown).await?;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! A connection takes this way: `reception` accepts it, `hearing` reads what it wants, and `room`,
//! the one actor here, decides: either the newcomer is handed to the connection that has waited
//! for it, and the two are a `pair` from then on, or it waits itself. No byte of theirs goes
//! through the actor: `flow` carries each direction, in the kernel where that can be.
//!
//! A relay has a thread of its own, so that nothing else waits while it carries.

mod bandwidth;
mod buffer;
mod caller;
mod flow;
mod hearing;
mod hub;
mod ledger;
mod line;
mod pair;
mod port;
mod reception;
pub mod report;
mod room;
mod socket;
#[cfg(target_os = "linux")]
mod splice;
mod story;
mod tally;
mod view;
mod wait;
mod websocket;

use std::{future::Future, io, time::Duration};

use actix::Arbiter;
use tokio::{sync::watch, time::timeout};

use crate::{
    Error,
    connections::{Bounds, Connections},
    limits::{Limit, Limits},
    rules::LiveRules,
    vitals::Vitals,
};
use hub::Hub;
use ledger::Ledger;
use tally::Tally;

pub use ledger::RelayUsage;
pub(crate) use ledger::open_usage;
pub use port::Port;
pub use story::RelayMood;
pub use view::View;

/// A relay's settings; the defaults are those of the program.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Of what the relay takes only so much. Keep a clone to read how often each was reached.
    pub limits: Limits,
    /// What may change while the relay runs. Of these only the trusted proxies concern a relay:
    /// what they pass on counts for no address.
    pub rules: LiveRules,
    /// What is recorded of the use; by default nothing.
    pub usage: RelayUsage,
    /// How long the other direction may be silent once one has ended.
    pub linger: Duration,
    /// How long nothing is heard before a client is asked whether it is there, and as long again
    /// before it counts as gone; TCP asks by itself, in whole seconds.
    pub keepalive: Duration,
    /// How long clients have at a stop to finish; meanwhile no new ones are taken.
    pub goodbye: Duration,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            rules: LiveRules::default(),
            usage: RelayUsage::default(),
            linger: Duration::from_secs(30),
            keepalive: Duration::from_secs(60),
            goodbye: Duration::ZERO,
        }
    }
}

/// How long each may take is looked after where it is heard and where it waits.
const BOUNDS: Bounds = Bounds { total: Limit::RelayConnections, spare: 0, patience: None };

/// A relay that runs, on a thread of its own, until it is [stopped](Self::stop) or dropped.
#[must_use = "a relay that is dropped ends all its connections"]
pub struct Relay {
    /// Taken when the thread ends.
    arbiter: Option<Arbiter>,
    view: View,
    ledger: Ledger,
    goodbye: Duration,
    /// Dropped where no more connections are to be accepted.
    open: Option<watch::Sender<()>>,
}

/// Relays on `ports` until `shutdown` ends: [`Relay::start`] and [`Relay::stop`] in one.
/// Clients may connect before the first poll: their connections wait in the listeners.
///
/// It has to run inside an actix [`System`](actix::System).
///
/// # Errors
/// As [`Relay::start`] and [`Relay::until`].
pub async fn launch<P: Into<Port>>(
    config: RelayConfig,
    ports: impl IntoIterator<Item = P>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    Relay::start(config, ports)?.until(shutdown).await
}

impl Relay {
    /// Starts a relay on the running actix [`System`](actix::System).
    ///
    /// # Errors
    /// [`Error::Listen`] where a listener cannot be used, or the system has no thread left;
    /// [`Error::Database`] where the usage database cannot be used.
    ///
    /// # Panics
    /// Without a running actix system.
    pub fn start<P: Into<Port>>(
        config: RelayConfig,
        ports: impl IntoIterator<Item = P>,
    ) -> Result<Self, Error> {
        let ports: Vec<Port> = ports.into_iter().map(Into::into).collect();
        if ports.is_empty() {
            let reason = io::Error::new(io::ErrorKind::InvalidInput, "there is no listener");
            return Err(reason.into());
        }
        ports.iter().try_for_each(|port| port.listener.set_nonblocking())?;
        let (tally, goodbye) = (Tally::default(), config.goodbye);
        let (open, closed) = watch::channel(());
        let vitals = Vitals::default();
        let ledger = Ledger::open(&config.usage, &tally, &vitals)?;
        let arbiter = Arbiter::try_new()?;
        let connections = Connections::new(config.limits.clone(), BOUNDS);
        let (limits, all, thread) = (config.limits.clone(), connections.clone(), arbiter.handle());
        let view = View::new(tally.clone(), limits, all, thread, vitals.clone());
        let hub = Hub::new(config, connections, tally, ledger.clone());
        arbiter.spawn_fn(move || reception::open(hub, ports, closed, &vitals));
        Ok(Self { arbiter: Some(arbiter), view, ledger, goodbye, open: Some(open) })
    }

    /// Shows what it does.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Relays until `shutdown` ends, then [stops](Self::stop).
    ///
    /// # Errors
    /// [`Error::Fallen`] where a part of the relay has failed that cannot be started again.
    pub async fn until(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            part = self.view.fallen() => Err(Error::Fallen(part)),
        };
        self.stop().await;
        ended
    }

    /// Takes no more connections, lets those finish that there are, as long as
    /// [`RelayConfig::goodbye`] says, and ends.
    pub async fn stop(mut self) {
        drop(self.open.take());
        let tally = self.view.stopping();
        // Whoever has not finished by then is cut off.
        let _ = timeout(self.goodbye, tally.all_gone()).await;
        let Some(arbiter) = self.arbiter.take() else { return };
        arbiter.stop();
        if !matches!(tokio::task::spawn_blocking(|| arbiter.join()).await, Ok(Ok(()))) {
            tracing::error!("the relay's thread ended before the server");
        }
        self.ledger.clone().close().await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(arbiter) = &self.arbiter {
            arbiter.stop();
            self.ledger.abandon();
        }
    }
}
