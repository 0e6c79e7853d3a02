//! What a transit relay is started with.

use std::path::PathBuf;

use wormhole_server::{
    Database,
    protocol::uri::WebSocketUrl,
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
    pub(crate) listen: Vec<(Endpoint, Speaks)>,
    /// The address of the websocket for clients, where it is told.
    pub(crate) url: Option<WebSocketUrl>,
    /// The descriptor of the usage log, which is opened when the relay starts.
    pub(crate) log_fd: Option<u32>,
}

/// What a relay speaks at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Tcp,
    WebSocket,
    Both,
}

const PORT: &str = "relay-port";
const WEBSOCKET: &str = "relay-websocket";
const URL: &str = "relay-websocket-url";

impl RelayPlan {
    pub(super) fn of(
        settings: &Settings,
        common: &Common,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Wrong> {
        let config = RelayConfig {
            limits: common.limits.clone(),
            rules: common.rules.clone(),
            usage: usage(settings)?,
            goodbye: common.goodbye,
            ..RelayConfig::default()
        };
        let log_fd = settings.value("relay-log-fd", "the number of a file descriptor")?;
        let mut url = settings.value(URL, "an address such as wss://relay.example.org/")?;
        let listen = endpoints(settings, common)?;
        if url.is_some() && listen.iter().all(|(_, speaks)| *speaks == Speaks::Tcp) {
            warnings.push(format!("--{URL} changes nothing without --{WEBSOCKET}"));
            url = None;
        }
        Ok(Self { config, listen, url, log_fd })
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

/// An endpoint that is named for both takes both; of two free ports each has one.
fn endpoints(settings: &Settings, common: &Common) -> Result<Vec<(Endpoint, Speaks)>, Wrong> {
    let places = |option| -> Result<Vec<Endpoint>, Wrong> {
        let endpoints: Vec<Endpoint> = settings.values(option)?;
        Ok(endpoints.into_iter().map(|endpoint| endpoint.at(common.host)).collect())
    };
    let (plain, frames) = (places(PORT)?, places(WEBSOCKET)?);
    let shared = |endpoint: &Endpoint, others: &[Endpoint]| {
        !matches!(endpoint, Endpoint::Tcp { port: 0, .. }) && others.contains(endpoint)
    };
    let first = plain.iter().map(|endpoint| match shared(endpoint, &frames) {
        true => (endpoint.clone(), Speaks::Both),
        false => (endpoint.clone(), Speaks::Tcp),
    });
    let second = frames.iter().filter(|endpoint| !shared(endpoint, &plain));
    Ok(first.chain(second.map(|endpoint| (endpoint.clone(), Speaks::WebSocket))).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use wormhole_server::{Database, Limit};

    use super::RelayPlan;
    use crate::{options::Servers, plan::tests::plan};

    /// Where a relay listens, and what it speaks there.
    fn listen(relay: &RelayPlan) -> Vec<String> {
        let listen = relay.listen.iter();
        listen.map(|(endpoint, speaks)| format!("{endpoint} {speaks:?}")).collect()
    }

    #[test]
    fn websocket_is_spoken_on_a_port_of_its_own_or_on_the_same() {
        for (arguments, expected) in [
            (&["-w", "tcp:4002"][..], &["[::]:4001 Tcp", "[::]:4002 WebSocket"][..]),
            (&["--websocket=4001", "-u", "wss://a/"], &["[::]:4001 Both"]),
            (&["-p", "unix:/r", "-w", "unix:/r", "-w=1"], &["unix:/r Both", "[::]:1 WebSocket"]),
            (&["--port=0", "--relay-websocket=0"], &["[::]:0 Tcp", "[::]:0 WebSocket"]),
            (&["-p=systemd", "-w=systemd"], &["systemd Both"]),
        ] {
            let relay = plan(Servers::Relay, arguments).unwrap().relay.unwrap();
            assert_eq!(listen(&relay), expected);
        }
    }

    #[test]
    fn the_options_of_python_are_read_with_and_without_the_prefix() {
        for port in ["-p", "--port", "--relay-port"] {
            let arguments = [port, "tcp:4001:interface=127.0.0.1", "--drain-seconds=5"];
            let plan = plan(Servers::Relay, &arguments).unwrap();
            let relay = plan.relay.unwrap();
            assert_eq!(listen(&relay), ["127.0.0.1:4001 Tcp"]);
            assert_eq!(relay.config.goodbye, Duration::from_secs(5));
            assert!(plan.mailbox.is_none());
        }
        let arguments = ["--port=1", "--relay-port=2", "--relay-max-waiting=3"];
        let both = plan(Servers::Both, &arguments).unwrap();
        assert_eq!(both.mailbox.unwrap().listen[0].to_string(), "[::]:1");
        let relay = both.relay.unwrap();
        assert_eq!(listen(&relay), ["[::]:2 Tcp"]);
        assert_eq!(relay.config.limits.most(Limit::RelayWaiting), Some(3));
    }

    #[test]
    fn the_host_is_that_of_every_port_which_names_none() {
        let arguments = ["--host=127.0.0.1", "--relay-port=1", "--relay-websocket=2"];
        let both = plan(Servers::Both, &arguments).unwrap();
        assert_eq!(both.mailbox.unwrap().listen[0].to_string(), "127.0.0.1:4000");
        let expected = ["127.0.0.1:1 Tcp", "127.0.0.1:2 WebSocket"];
        assert_eq!(listen(&both.relay.unwrap()), expected);

        let alone = ["--host=::1", "-p=1", "-w=tcp:2:interface=127.0.0.1", "-w=unix:/r"];
        let alone = plan(Servers::Relay, &alone).unwrap().relay.unwrap();
        let expected = ["[::1]:1 Tcp", "127.0.0.1:2 WebSocket", "unix:/r WebSocket"];
        assert_eq!(listen(&alone), expected);

        let named = ["--host=::1", "--port=unix:/m", "--relay-port=unix:/r"];
        assert!(plan(Servers::Both, &named).err().is_some_and(|wrong| wrong.contains("--host")));
        let websocket = [&named[..], &["--relay-websocket=2"]].concat();
        let relay = plan(Servers::Both, &websocket).unwrap().relay.unwrap();
        assert_eq!(listen(&relay), ["unix:/r Tcp", "[::1]:2 WebSocket"]);
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
        let idle = plan(Servers::Relay, &["-u", "ws://a/"]).unwrap();
        assert_eq!(
            idle.warnings,
            ["--relay-websocket-url changes nothing without --relay-websocket"]
        );
        assert_eq!(idle.relay.unwrap().url, None);
    }
}
