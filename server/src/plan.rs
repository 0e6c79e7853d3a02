//! From what the operator wants to what is done: everything is read and checked, nothing is
//! touched.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use wormhole_server::protocol::{
    transit::{DirectHint, RelayArgument},
    uri::WebSocketUrl,
};
use wormhole_server::{
    Config, Database, Limit, Limits, LiveRules, Permission, Proxies, Rules, Tls, TlsError,
    UsageConfig, Welcome,
};

use crate::{
    endpoint::Endpoint,
    log::{Format, Log},
    options::{Settings, Wrong},
    protocol_options::ProtocolOption,
};

/// What a server is started with.
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) listen: Vec<Endpoint>,
    pub(crate) metrics: Vec<Endpoint>,
    /// A unix socket, where one is wanted.
    pub(crate) status: Vec<Endpoint>,
    /// Print the bound addresses as JSON.
    pub(crate) announce_json: bool,
    pub(crate) log: Log,
    /// What the operator should know before the server runs.
    pub(crate) warnings: Vec<String>,
}

impl Plan {
    /// Makes sense of the settings.
    ///
    /// # Errors
    /// [`Wrong`] names the option, where its value came from, and what would be right.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Wrong> {
        let listen = endpoints(settings)?;
        let metrics = metrics(settings)?;
        let status = status(settings)?;
        let mut config = Config {
            database: database(settings)?,
            usage: usage(settings)?,
            wait_for_disk: !settings.flag("unsafe-no-sync")?,
            rules: LiveRules::from(rules(settings)?),
            public_url: public_url(settings)?,
            transit: settings.values::<Relay>("transit-relay")?.into_iter().map(|r| r.0).collect(),
            claim_allocated_only: settings.flag("claim-allocated-only")?,
            hold_down: seconds(settings, "hold-down")?,
            permission: permission(settings)?,
            limits: limits(settings)?,
            address_ids: address_ids(settings)?,
            tls: tls(settings)?,
            expiry: seconds(settings, "expiry")?,
            goodbye: seconds(settings, "drain-seconds")?,
            ..Config::default()
        };
        if let Some(workers) = settings.value("workers", "a number from 1 to 65535")? {
            config.workers = std::num::NonZeroU16::get(workers).into();
        }
        let mut warnings = protocol_options(settings, &mut config)?;
        if file(settings, ADDRESS_IDS).is_some() {
            warnings.push(format!(
                "--{ADDRESS_IDS}: addresses are kept in memory alone, and the file is not used"
            ));
        }
        // Start scripts give it to Python's server for its effect on the log.
        if settings.given("blur-usage").is_some() && config.usage.is_none() {
            warnings.push("--blur-usage changes nothing without --usage-db".to_owned());
        }
        let announce_json = settings.flag("ephemeral")?;
        Ok(Self { config, listen, metrics, status, announce_json, log: log(settings)?, warnings })
    }
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

/// Reads the certificate and its key.
fn tls(settings: &Settings) -> Result<Option<Tls>, Wrong> {
    let (certificate, key) = match (settings.path("tls-cert"), settings.path("tls-key")) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => return Err(settings.contradict("tls-cert", "needs --tls-key too")),
        (None, Some(_)) => return Err(settings.contradict("tls-key", "needs --tls-cert too")),
    };
    let refused = |error: TlsError| {
        let (option, path) = match &error {
            TlsError::Certificate { path, .. } => ("tls-cert", path),
            TlsError::Key { path, .. } => ("tls-key", path),
            _ => ("tls-key", &key),
        };
        settings.refuse(option, &path.to_string_lossy(), error.to_string())
    };
    Tls::read(&certificate, &key).map(Some).map_err(refused)
}

fn endpoints(settings: &Settings) -> Result<Vec<Endpoint>, Wrong> {
    let host: Option<IpAddr> = settings.value("host", "an address such as 127.0.0.1 or ::")?;
    let endpoints: Vec<Endpoint> = settings.values("port")?;
    let named = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Tcp { interface: None, .. });
    if settings.given("host").is_some() && !endpoints.iter().any(named) {
        return Err(settings.contradict("host", "is for a --port without an interface"));
    }
    let complete = |endpoint| match endpoint {
        Endpoint::Tcp { port, interface: None } => Endpoint::Tcp { port, interface: host },
        other => other,
    };
    Ok(endpoints.into_iter().map(complete).collect())
}

/// Figures are for those who host: a port alone means this machine.
fn metrics(settings: &Settings) -> Result<Vec<Endpoint>, Wrong> {
    let local = |endpoint| match endpoint {
        Endpoint::Tcp { port, interface: None } => {
            Endpoint::Tcp { port, interface: Some(Ipv4Addr::LOCALHOST.into()) }
        }
        other => other,
    };
    let endpoints: Vec<Endpoint> = settings.values("metrics-port")?;
    if endpoints.contains(&Endpoint::Systemd) {
        return Err(settings.contradict("metrics-port", "cannot be a socket of systemd"));
    }
    Ok(endpoints.into_iter().map(local).collect())
}

fn status(settings: &Settings) -> Result<Vec<Endpoint>, Wrong> {
    /// Nobody but the server's own user and the administrator asks.
    const MODE: u32 = 0o600;
    let path = settings.path("status-socket");
    Ok(path.map(|path| Endpoint::Unix { path, mode: MODE }).into_iter().collect())
}

fn database(settings: &Settings) -> Result<Database, Wrong> {
    if settings.flag("ephemeral")? {
        if settings.given("channel-db").is_some() {
            return Err(settings.contradict("ephemeral", "does not go with --channel-db"));
        }
        return Ok(Database::Memory);
    }
    Ok(file(settings, "channel-db").map_or(Database::Memory, Database::File))
}

fn usage(settings: &Settings) -> Result<Option<UsageConfig>, Wrong> {
    if settings.text("usage-db").is_none() {
        return Ok(None);
    }
    let blur = settings.text("blur-usage").map(|_| seconds(settings, "blur-usage")).transpose()?;
    let database = file(settings, "usage-db").map_or(Database::Memory, Database::File);
    if settings.path("usage-db") == settings.path("channel-db") && database != Database::Memory {
        return Err(settings.contradict("usage-db", "is the file of --channel-db too"));
    }
    Ok(Some(UsageConfig { database, blur }))
}

/// Gives the path of a database; none where it is in memory.
fn file(settings: &Settings, option: &'static str) -> Option<PathBuf> {
    settings.path(option).filter(|path| path.to_str() != Some(":memory:"))
}

fn public_url(settings: &Settings) -> Result<Option<WebSocketUrl>, Wrong> {
    settings.value("public-url", "an address such as wss://relay.example.org/v1")
}

/// A transit relay, which cannot be none.
struct Relay(DirectHint);

impl FromStr for Relay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(RelayArgument::Relay(hint)) => Ok(Self(hint)),
            Ok(RelayArgument::NoRelay) => Err("expected tcp:HOST:PORT".to_owned()),
            Err(reason) => Err(format!("{reason}, expected tcp:HOST:PORT")),
        }
    }
}

const ADDRESS_IDS: &str = "addrid-db";

fn address_ids(settings: &Settings) -> Result<Option<Duration>, Wrong> {
    let duration = seconds(settings, "generation-duration")?;
    Ok(settings.text(ADDRESS_IDS).map(|_| duration))
}

fn permission(settings: &Settings) -> Result<Permission, Wrong> {
    let expected = "none, hashcash or hashcash:BITS";
    Ok(settings.value("permission", expected)?.unwrap_or_default())
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

fn protocol_options(settings: &Settings, config: &mut Config) -> Result<Vec<String>, Wrong> {
    const OPTION: &str = "websocket-protocol-option";
    let mut warnings = Vec::new();
    for option in settings.values::<ProtocolOption>(OPTION)? {
        if let Some(limit) = option.limit()
            && settings.given(limit.option()).is_some()
        {
            let both = format!("does not go with --{}, which says the same", limit.option());
            return Err(settings.contradict(OPTION, &both));
        }
        if let ProtocolOption::Ignored(name) = option {
            warnings.push(format!("--{OPTION} {name} changes nothing here"));
        }
        option.apply(config);
    }
    Ok(warnings)
}

fn log(settings: &Settings) -> Result<Log, Wrong> {
    let format = settings.value("log-format", "text or json")?.unwrap_or(Format::Text);
    let expected = "error, warn, info, debug or trace";
    let level = settings.value("log-level", expected)?.unwrap_or(tracing::Level::INFO);
    Ok(Log { format, level })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Command;

    use super::*;
    use crate::options::declare;

    fn plan(arguments: &[&str]) -> Result<Plan, String> {
        let command = declare(Command::new("test").no_binary_name(true), false);
        let given = command.try_get_matches_from(arguments).map_err(|error| error.to_string())?;
        let settings = Settings::gather(&given).map_err(|wrong| wrong.to_string())?;
        Plan::of(&settings).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn every_option_reaches_the_server() {
        let plan = plan(&[
            "--host=127.0.0.1",
            "--port=1",
            "--port=unix:/x",
            "--metrics-port=2",
            "--status-socket=/s",
            "--channel-db=c",
            "--usage-db=u",
            "--blur-usage=3",
            "--unsafe-no-sync",
            "--motd=m",
            "--signal-error=e",
            "--advertise-version=v",
            "--disallow-list",
            "--trusted-proxy=unix",
            "--claim-allocated-only",
            "--hold-down=4",
            "--expiry=5",
            "--drain-seconds=6",
            "--workers=7",
            "--addrid-db=:memory:",
            "--generation-duration=8",
            "--public-url=wss://a.example",
            "--transit-relay=tcp:a.example:9",
            "--websocket-protocol-option=autoPingInterval=10",
            "--websocket-protocol-option=openHandshakeTimeout=12",
            "--websocket-protocol-option=closeHandshakeTimeout=13",
            "--max-apps=11",
            "--log-format=json",
            "--log-level=debug",
            "--log-fd=3",
        ])
        .unwrap();
        let shown = |endpoints: &[Endpoint]| -> Vec<String> {
            endpoints.iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown(&plan.listen), ["127.0.0.1:1", "unix:/x"]);
        assert_eq!(shown(&plan.metrics), ["127.0.0.1:2"]);
        assert_eq!(plan.status, [Endpoint::Unix { path: "/s".into(), mode: 0o600 }]);
        assert_eq!((plan.log.format, plan.log.level), (Format::Json, tracing::Level::DEBUG));

        let config = plan.config;
        let seconds = Duration::from_secs;
        assert_eq!(config.database, Database::File("c".into()));
        let usage = UsageConfig { database: Database::File("u".into()), blur: Some(seconds(3)) };
        assert_eq!(config.usage, Some(usage));
        assert!(!config.wait_for_disk && config.claim_allocated_only);
        assert_eq!(config.hold_down, seconds(4));
        assert_eq!((config.expiry, config.goodbye), (seconds(5), seconds(6)));
        assert_eq!((config.workers, config.address_ids), (7, Some(seconds(8))));
        assert_eq!(config.public_url.unwrap().as_str(), "wss://a.example");
        assert_eq!(config.transit[0].hostname, "a.example");
        assert_eq!(config.ping_every, seconds(10));
        assert_eq!((config.handshake, config.linger), (seconds(12), seconds(13)));
        assert_eq!(config.limits.most(Limit::Apps), Some(11));
        let rules = config.rules.now();
        assert_eq!(rules.welcome.motd.as_deref(), Some("m"));
        assert_eq!(rules.welcome.error.as_deref(), Some("e"));
        assert_eq!(rules.welcome.current_cli_version.as_deref(), Some("v"));
        assert!(!rules.listing);
        assert_eq!(rules.trusted_proxies, Proxies::from_iter(["unix".parse().unwrap()]));
    }

    #[test]
    fn what_nobody_says_is_the_library_s_own_default() {
        let Plan { config, .. } = plan(&["--channel-db=:memory:"]).unwrap();
        let ours = Config::default();
        assert_eq!(config.database, ours.database);
        assert_eq!((config.expiry, config.hold_down), (ours.expiry, ours.hold_down));
        assert_eq!((config.goodbye, config.workers), (ours.goodbye, ours.workers));
        assert_eq!(config.permission, ours.permission);
        assert_eq!(*config.rules.now(), *ours.rules.now());
        for limit in Limit::ALL {
            assert_eq!(config.limits.most(limit), ours.limits.most(limit), "{limit:?}");
        }
    }
}
