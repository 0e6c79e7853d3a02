//! What a transit relay is started with.

use std::path::PathBuf;

use wormhole_server::{
    Database,
    relay::{RelayConfig, RelayUsage},
};

use super::{Common, file, seconds};
use crate::{
    endpoint::Endpoint,
    options::{Settings, Wrong},
};

/// Where it listens, and what it does.
pub(crate) struct RelayPlan {
    pub(crate) config: RelayConfig,
    pub(crate) listen: Vec<Endpoint>,
    /// The descriptor of the usage log, which is opened when the relay starts.
    pub(crate) log_fd: Option<u32>,
}

const PORT: &str = "relay-port";

impl RelayPlan {
    pub(super) fn of(settings: &Settings, common: &Common) -> Result<Self, Wrong> {
        let config = RelayConfig {
            limits: common.limits.clone(),
            rules: common.rules.clone(),
            usage: usage(settings)?,
            goodbye: common.goodbye,
            ..RelayConfig::default()
        };
        let log_fd = settings.value("relay-log-fd", "the number of a file descriptor")?;
        Ok(Self { config, listen: endpoints(settings)?, log_fd })
    }
}

const DATABASE: &str = "relay-usage-db";

/// Finds the file of the relay's usage database, where there is one.
pub(crate) fn relay_usage(settings: &Settings) -> Option<PathBuf> {
    file(settings, DATABASE)
}

fn usage(settings: &Settings) -> Result<RelayUsage, Wrong> {
    const BLUR: &str = "relay-blur-usage";
    let database = settings
        .text(DATABASE)
        .map(|_| file(settings, DATABASE).map_or(Database::Memory, Database::File));
    let blur = settings.text(BLUR).map(|_| seconds(settings, BLUR)).transpose()?;
    Ok(RelayUsage { database, log: None, blur })
}

fn endpoints(settings: &Settings) -> Result<Vec<Endpoint>, Wrong> {
    let endpoints: Vec<Endpoint> = settings.values(PORT)?;
    match endpoints.iter().all(|endpoint| matches!(endpoint, Endpoint::Tcp { .. })) {
        true => Ok(endpoints),
        false => Err(settings.contradict(PORT, "takes ports of TCP alone")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use wormhole_server::{Database, Limit};

    use crate::{options::Servers, plan::tests::plan};

    #[test]
    fn the_options_of_python_are_read_with_and_without_the_prefix() {
        for port in ["-p", "--port", "--relay-port"] {
            let arguments = [port, "tcp:4001:interface=127.0.0.1", "--drain-seconds=5"];
            let plan = plan(Servers::Relay, &arguments).unwrap();
            let relay = plan.relay.unwrap();
            assert_eq!(relay.listen[0].to_string(), "127.0.0.1:4001");
            assert_eq!(relay.config.goodbye, Duration::from_secs(5));
            assert!(plan.mailbox.is_none());
        }
        let arguments = ["--port=1", "--relay-port=2", "--relay-max-waiting=3"];
        let both = plan(Servers::Both, &arguments).unwrap();
        assert_eq!(both.mailbox.unwrap().listen[0].to_string(), "[::]:1");
        let relay = both.relay.unwrap();
        assert_eq!(relay.listen[0].to_string(), "port 2");
        assert_eq!(relay.config.limits.most(Limit::RelayWaiting), Some(3));
    }

    #[test]
    fn usage_is_recorded_where_it_is_wanted() {
        let python = ["--usage-db=u.sqlite", "--log-fd=3", "--blur-usage=60"];
        let relay = plan(Servers::Relay, &python).unwrap().relay.unwrap();
        let usage = relay.config.usage;
        assert_eq!(usage.database, Some(Database::File("u.sqlite".into())));
        assert_eq!((relay.log_fd, usage.blur), (Some(3), Some(Duration::from_secs(60))));
        let none = plan(Servers::Relay, &[]).unwrap().relay.unwrap();
        assert_eq!((none.log_fd, none.config.usage.database), (None, None));
    }

    #[test]
    fn what_is_not_the_relays_is_refused() {
        assert!(plan(Servers::Relay, &["--motd=x"]).is_err());
        assert!(plan(Servers::Mailbox, &["--relay-port=4001"]).is_err());
        let unix = plan(Servers::Relay, &["--port=unix:/x"]).err().unwrap();
        assert_eq!(unix, "--relay-port takes ports of TCP alone (from the command line)");
    }
}
