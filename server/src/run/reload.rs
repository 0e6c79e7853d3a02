//! Reading the configuration again while the server runs.

use clap::ArgMatches;
use wormhole_server::{Limit, Limits, LiveRules, Tls};

use crate::{
    options::{Servers, Settings, Wrong},
    plan::Plan,
    run::signals::Hangups,
    supervise::Supervisor,
};

/// How the configuration is read again.
pub(crate) struct Again {
    pub(crate) given: ArgMatches,
    pub(crate) servers: Servers,
}

/// What is needed to do so.
pub(super) struct Reload {
    /// Shared with each server.
    live: Vec<(Limits, LiveRules)>,
    tls: Option<Tls>,
    again: Again,
    supervisor: Supervisor,
    /// What the service manager shows of a server that is ready.
    status: String,
}

impl Reload {
    pub(super) fn new(plan: &Plan, again: Again, supervisor: Supervisor, status: String) -> Self {
        Self { live: live(plan), tls: tls(plan), again, supervisor, status }
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
        let settings = Settings::gather(&self.again.given)?;
        let plan = Plan::of(&settings, self.again.servers)?;
        for ((limits, rules), (read, rules_read)) in self.live.iter().zip(live(&plan)) {
            // The listeners have as many places as at the start, and files are as many.
            let fixed = [Limit::Connections, Limit::RelayConnections];
            let read = fixed.into_iter().fold(read, |all, limit| {
                let most = limits.most(limit).unwrap_or(0);
                all.with(limit, most)
            });
            limits.adopt(&read);
            rules.set(rules_read.now().as_ref().clone());
        }
        match (&self.tls, tls(&plan)) {
            (Some(shown), Some(renewed)) => shown.renew(&renewed),
            (None, None) => (),
            _ => tracing::warn!("TLS is switched on and off only by a restart"),
        }
        Ok(())
    }
}

fn live(plan: &Plan) -> Vec<(Limits, LiveRules)> {
    let mailbox = plan.mailbox.as_ref().map(|plan| (&plan.config.limits, &plan.config.rules));
    let relay = plan.relay.as_ref().map(|plan| (&plan.config.limits, &plan.config.rules));
    let all = mailbox.into_iter().chain(relay);
    all.map(|(limits, rules)| (limits.clone(), rules.clone())).collect()
}

fn tls(plan: &Plan) -> Option<Tls> {
    plan.mailbox.as_ref().and_then(|mailbox| mailbox.config.tls.clone())
}
