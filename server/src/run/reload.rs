//! Reading the configuration again while the server runs.

use clap::ArgMatches;
use wormhole_server::{Config, Limit};

use crate::{
    options::{Settings, Wrong},
    plan::Plan,
    run::signals::Hangups,
    supervise::Supervisor,
};

/// What is needed to read it again.
pub(super) struct Reload {
    /// As the server was started; it shares with the server what may change.
    config: Config,
    given: ArgMatches,
    supervisor: Supervisor,
    /// What the service manager shows of a server that is ready.
    status: String,
}

impl Reload {
    pub(super) fn new(
        config: Config,
        given: ArgMatches,
        supervisor: Supervisor,
        status: String,
    ) -> Self {
        Self { config, given, supervisor, status }
    }

    /// Reads the configuration at each SIGHUP.
    pub(super) async fn at_each(self, mut hangups: Hangups) {
        while hangups.next().await.is_some() {
            self.supervisor.reloading();
            match self.read() {
                Ok(()) => tracing::info!("the configuration was read again"),
                Err(wrong) => tracing::error!("the configuration stays as it was: {wrong}"),
            }
            self.supervisor.ready(&self.status);
        }
    }

    /// Takes over what may change; a configuration that is wrong changes nothing.
    fn read(&self) -> Result<(), Wrong> {
        let settings = Settings::gather(&self.given)?;
        let Plan { config, .. } = Plan::of(&settings)?;
        // The listeners have as many places as at the start.
        let connections = self.config.limits.most(Limit::Connections).unwrap_or(0);
        self.config.limits.adopt(&config.limits.with(Limit::Connections, connections));
        self.config.rules.set(config.rules.now().as_ref().clone());
        match (&self.config.tls, &config.tls) {
            (Some(shown), Some(renewed)) => shown.renew(renewed),
            (None, None) => (),
            _ => tracing::warn!("TLS is switched on and off only by a restart"),
        }
        Ok(())
    }
}
