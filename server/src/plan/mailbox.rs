//! What a mailbox server is started with.

use std::{str::FromStr, time::Duration};

use wormhole_server::{
    Config, Database, Permission, Tls, TlsError, UsageConfig,
    protocol::{
        transit::{self, DirectHint, RelayArgument},
        uri::WebSocketUrl,
    },
};

use super::{Common, file, seconds};
use crate::{
    endpoint::Endpoint,
    options::{Servers, Settings, Wrong},
    protocol_options::ProtocolOption,
};

/// Where it listens, and what it does.
pub(crate) struct MailboxPlan {
    pub(crate) config: Config,
    pub(crate) listen: Vec<Endpoint>,
}

impl MailboxPlan {
    /// Reads the settings without those that other servers have too.
    ///
    /// # Errors
    /// [`Wrong`] as [`Plan::of`](super::Plan::of).
    pub(crate) fn alone(settings: &Settings) -> Result<Self, Wrong> {
        Self::of(settings, &Common::of(settings, Servers::Both)?, &mut Vec::new())
    }

    pub(super) fn of(
        settings: &Settings,
        common: &Common,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Wrong> {
        let listen = endpoints(settings, common)?;
        let mut config = Config {
            database: database(settings)?,
            usage: usage(settings)?,
            wait_for_disk: !settings.flag("unsafe-no-sync")?,
            rules: common.rules.clone(),
            public_url: public_url(settings)?,
            transit: settings.values::<Relay>("transit-relay")?.into_iter().map(|r| r.0).collect(),
            claim_allocated_only: settings.flag("claim-allocated-only")?,
            hold_down: seconds(settings, "hold-down")?,
            permission: permission(settings)?,
            limits: common.limits.clone(),
            address_ids: address_ids(settings)?,
            tls: tls(settings)?,
            expiry: seconds(settings, "expiry")?,
            goodbye: common.goodbye,
            ..Config::default()
        };
        if let Some(workers) = settings.value("workers", "a number from 1 to 65535")? {
            config.workers = std::num::NonZeroU16::get(workers).into();
        }
        warnings.extend(protocol_options(settings, &mut config)?);
        if file(settings, ADDRESS_IDS).is_some() {
            warnings.push(format!(
                "--{ADDRESS_IDS}: addresses are kept in memory alone, and the file is not used"
            ));
        }
        // Start scripts give it to Python's server for its effect on the log.
        if settings.given("blur-usage").is_some() && config.usage.is_none() {
            warnings.push("--blur-usage changes nothing without --usage-db".to_owned());
        }
        Ok(Self { config, listen })
    }
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

fn endpoints(settings: &Settings, common: &Common) -> Result<Vec<Endpoint>, Wrong> {
    let endpoints: Vec<Endpoint> = settings.values("port")?;
    Ok(endpoints.into_iter().map(|endpoint| endpoint.at(common.host)).collect())
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

fn public_url(settings: &Settings) -> Result<Option<WebSocketUrl>, Wrong> {
    settings.value("public-url", "an address such as wss://relay.example.org/v1")
}

/// A transit relay by TCP, which cannot be none.
struct Relay(DirectHint);

impl FromStr for Relay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(RelayArgument::Relay(transit::Endpoint::Tcp(hint))) => Ok(Self(hint)),
            Ok(_) => Err("expected tcp:HOST:PORT".to_owned()),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_server::{Limit, Proxies};

    use super::*;
    use crate::{log::Format, plan::tests::plan};

    #[test]
    fn every_option_reaches_the_server() {
        let plan = plan(
            Servers::Mailbox,
            &[
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
            ],
        )
        .unwrap();
        let shown = |endpoints: &[Endpoint]| -> Vec<String> {
            endpoints.iter().map(ToString::to_string).collect()
        };
        let mailbox = plan.mailbox.unwrap();
        assert_eq!(shown(&mailbox.listen), ["127.0.0.1:1", "unix:/x"]);
        assert_eq!(shown(&plan.metrics), ["127.0.0.1:2"]);
        assert_eq!(plan.status, [Endpoint::Unix { path: "/s".into(), mode: 0o600 }]);
        assert_eq!((plan.log.format, plan.log.level), (Format::Json, tracing::Level::DEBUG));

        let config = mailbox.config;
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
        let plan = plan(Servers::Mailbox, &["--channel-db=:memory:"]).unwrap();
        let config = plan.mailbox.unwrap().config;
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
