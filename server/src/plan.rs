//! From what the operator wants to what is done: everything is read and checked, nothing is
//! touched.

mod mailbox;
mod relay;

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use wormhole_server::{DatabaseError, Limit, Limits, LiveRules, Proxies, Rules, Welcome};

use crate::{
    endpoint::Endpoint,
    log::{Format, Log},
    options::{Servers, Settings, Wrong},
};

pub(crate) use mailbox::MailboxPlan;
pub(crate) use relay::{RelayPlan, Speaks, relay_usage};

/// What the servers are started with.
pub(crate) struct Plan {
    pub(crate) mailbox: Option<MailboxPlan>,
    pub(crate) relay: Option<RelayPlan>,
    pub(crate) metrics: Vec<Endpoint>,
    /// A unix socket, where one is wanted.
    pub(crate) status: Vec<Endpoint>,
    /// Print the bound addresses as JSON.
    pub(crate) announce_json: bool,
    pub(crate) log: Log,
    /// What the operator should know before the servers run.
    pub(crate) warnings: Vec<String>,
}

/// What holds for every server.
struct Common {
    /// The address for ports that name none.
    host: Option<IpAddr>,
    limits: Limits,
    rules: LiveRules,
    /// How long clients have at a stop.
    goodbye: Duration,
}

impl Plan {
    /// Makes sense of the settings that concern these servers.
    ///
    /// # Errors
    /// [`Wrong`] names the option, where its value came from, and what would be right.
    pub(crate) fn of(settings: &Settings, servers: Servers) -> Result<Self, Wrong> {
        let mut warnings = Vec::new();
        let common = Common::of(settings, servers)?;
        let mailbox = servers
            .has_mailbox()
            .then(|| MailboxPlan::of(settings, &common, &mut warnings))
            .transpose()?;
        let relay = servers
            .has_relay()
            .then(|| RelayPlan::of(settings, &common, &mut warnings))
            .transpose()?;
        Ok(Self {
            mailbox,
            relay,
            metrics: metrics(settings)?,
            status: status(settings),
            announce_json: settings.flag("ephemeral")?,
            log: log(settings)?,
            warnings,
        })
    }
}

impl Plan {
    /// Tells whether the databases could be used, without touching them.
    ///
    /// # Errors
    /// [`DatabaseError`] of the first that could not.
    pub(crate) fn check_databases(&self) -> Result<(), DatabaseError> {
        self.mailbox.as_ref().map_or(Ok(()), |mailbox| mailbox.config.check_databases())?;
        self.relay.as_ref().map_or(Ok(()), |relay| relay.config.usage.check_database())
    }
}

impl Common {
    fn of(settings: &Settings, servers: Servers) -> Result<Self, Wrong> {
        Ok(Self {
            host: host(settings, servers)?,
            limits: limits(settings)?,
            rules: LiveRules::from(rules(settings)?),
            goodbye: seconds(settings, "drain-seconds")?,
        })
    }
}

/// Reads the address for ports that name none, of which there has to be one.
fn host(settings: &Settings, servers: Servers) -> Result<Option<IpAddr>, Wrong> {
    let host = settings.value("host", "an address such as 127.0.0.1 or ::")?;
    let mailbox = servers.has_mailbox().then_some("port");
    let relay = servers.has_relay().then_some(["relay-port", "relay-websocket"]);
    let mut endpoints = Vec::<Endpoint>::new();
    for option in mailbox.into_iter().chain(relay.into_iter().flatten()) {
        endpoints.extend(settings.values::<Endpoint>(option)?);
    }
    if settings.given("host").is_some() && !endpoints.iter().any(Endpoint::names_no_address) {
        return Err(settings.contradict("host", "is for a port without an interface"));
    }
    Ok(host)
}

/// Reads what may change while a server runs.
fn rules(settings: &Settings) -> Result<Rules, Wrong> {
    let text = |option| settings.text(option).map(str::to_owned);
    Ok(Rules {
        welcome: Welcome {
            motd: text("motd"),
            error: text("signal-error"),
            current_cli_version: text("advertise-version"),
        },
        listing: !settings.flag("disallow-list")?,
        trusted_proxies: Proxies::from_iter(settings.values("trusted-proxy")?),
    })
}

/// Reads the limits.
fn limits(settings: &Settings) -> Result<Limits, Wrong> {
    Limit::ALL.into_iter().try_fold(Limits::default(), |limits, limit| {
        let most = settings.value(limit.option(), "a whole number, 0 for none")?;
        Ok(limits.with(limit, most.unwrap_or(limit.default())))
    })
}

/// Figures are for those who host: a port alone means this machine.
fn metrics(settings: &Settings) -> Result<Vec<Endpoint>, Wrong> {
    let local = |endpoint: Endpoint| endpoint.at(Some(Ipv4Addr::LOCALHOST.into()));
    let endpoints: Vec<Endpoint> = settings.values("metrics-port")?;
    if endpoints.contains(&Endpoint::Systemd) {
        return Err(settings.contradict("metrics-port", "cannot be a socket of systemd"));
    }
    Ok(endpoints.into_iter().map(local).collect())
}

/// Finds the unix socket by which operators ask, where one is wanted.
pub(crate) fn status(settings: &Settings) -> Vec<Endpoint> {
    /// Nobody but the server's own user and the administrator asks.
    const MODE: u32 = 0o600;
    let path = settings.path("status-socket");
    path.map(|path| Endpoint::Unix { path, mode: MODE }).into_iter().collect()
}

/// Gives the path of a database; none where it is in memory.
fn file(settings: &Settings, option: &'static str) -> Option<PathBuf> {
    settings.path(option).filter(|path| path.to_str() != Some(":memory:"))
}

fn seconds(settings: &Settings, option: &'static str) -> Result<Duration, Wrong> {
    /// A century; no clock of the program goes on for ever.
    const LONGEST: u64 = 100 * 366 * 86_400;
    let expected = "a whole number of seconds, at most a century";
    let seconds: u64 = settings.value(option, expected)?.unwrap_or(0);
    if seconds > LONGEST {
        return Err(settings.refuse(option, &seconds.to_string(), format!("expected {expected}")));
    }
    Ok(Duration::from_secs(seconds))
}

fn log(settings: &Settings) -> Result<Log, Wrong> {
    let format = settings.value("log-format", "text or json")?.unwrap_or(Format::Text);
    let expected = "error, warn, info, debug or trace";
    let level = settings.value("log-level", expected)?.unwrap_or(tracing::Level::INFO);
    Ok(Log { format, level })
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;
    use crate::options::declare;

    /// Reads a command line of the servers.
    pub(super) fn plan(servers: Servers, arguments: &[&str]) -> Result<Plan, String> {
        let command = declare(Command::new("test").no_binary_name(true), servers, false);
        let given = command.try_get_matches_from(arguments).map_err(|error| error.to_string())?;
        let settings = Settings::gather(&given).map_err(|wrong| wrong.to_string())?;
        Plan::of(&settings, servers).map_err(|wrong| wrong.to_string())
    }
}
