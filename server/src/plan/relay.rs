//! What a transit relay is started with.

use wormhole_server::relay::RelayConfig;

use super::Common;
use crate::{
    endpoint::Endpoint,
    options::{Settings, Wrong},
};

/// Where it listens, and what it does.
pub(crate) struct RelayPlan {
    pub(crate) config: RelayConfig,
    pub(crate) listen: Vec<Endpoint>,
}

const PORT: &str = "relay-port";

impl RelayPlan {
    pub(super) fn of(settings: &Settings, common: &Common) -> Result<Self, Wrong> {
        let config = RelayConfig {
            limits: common.limits.clone(),
            rules: common.rules.clone(),
            goodbye: common.goodbye,
            ..RelayConfig::default()
        };
        Ok(Self { config, listen: endpoints(settings)? })
    }
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

    use wormhole_server::Limit;

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
    fn what_is_not_the_relays_is_refused() {
        assert!(plan(Servers::Relay, &["--motd=x"]).is_err());
        assert!(plan(Servers::Mailbox, &["--relay-port=4001"]).is_err());
        let unix = plan(Servers::Relay, &["--port=unix:/x"]).err().unwrap();
        assert_eq!(unix, "--relay-port takes ports of TCP alone (from the command line)");
    }
}
