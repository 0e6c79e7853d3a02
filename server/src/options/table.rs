//! Every option of the server, once: the command line, the environment, the configuration file,
//! the help and the README are made from this table.

use std::{borrow::Cow, sync::LazyLock};

use wormhole_server::Limit;

/// One option.
pub(crate) struct Opt {
    /// Its name, without dashes in front.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What holds where nobody says anything; empty for nothing.
    pub(crate) default: Cow<'static, str>,
    /// The sentence of the help.
    pub(crate) help: Cow<'static, str>,
    pub(crate) group: Group,
}

/// What an option takes, with the name of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: it is on or off.
    Flag,
    /// A whole number.
    Number(&'static str),
    /// A text.
    Text(&'static str),
    /// Any number of texts.
    Texts(&'static str),
}

/// The headings of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Listening,
    Storage,
    Clients,
    Operation,
    Limits,
    Relay,
    RelayLimits,
}

impl Group {
    pub(crate) const ALL: [Self; 7] = [
        Self::Listening,
        Self::Storage,
        Self::Clients,
        Self::Operation,
        Self::Limits,
        Self::Relay,
        Self::RelayLimits,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Listening => "Listening",
            Self::Storage => "Storage",
            Self::Clients => "Clients",
            Self::Operation => "Operation",
            Self::Limits => "Limits (0: none)",
            Self::Relay => "Transit relay",
            Self::RelayLimits => "Limits of the transit relay (0: none)",
        }
    }
}

impl Opt {
    /// The environment variable of the same meaning.
    pub(crate) fn variable(&self) -> String {
        format!("WORMHOLE_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// The name of the value.
    pub(crate) fn value(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Flag => None,
            Kind::Number(value) | Kind::Text(value) | Kind::Texts(value) => Some(value),
        }
    }
}

/// All options, in the order in which the help tells them.
pub(crate) static OPTIONS: LazyLock<Vec<Opt>> = LazyLock::new(|| {
    let own = OWN.iter().map(|(group, name, kind, default, help)| Opt {
        name,
        kind: *kind,
        default: (*default).into(),
        help: (*help).into(),
        group: *group,
    });
    own.chain(Limit::ALL.map(limit)).collect()
});

fn limit(limit: Limit) -> Opt {
    Opt {
        name: limit.option(),
        kind: Kind::Number("N"),
        default: limit.default().to_string().into(),
        help: format!("At most so many {}", limit.what()).into(),
        group: if limit.is_of_relay() { Group::RelayLimits } else { Group::Limits },
    }
}

type Row = (Group, &'static str, Kind, &'static str, &'static str);

const OWN: &[Row] = &[
    (
        Group::Listening,
        "port",
        Kind::Texts("ENDPOINT"),
        "4000",
        "Where to listen: a port (0 picks a free one), tcp:4000:interface=127.0.0.1, \
         unix:/run/wormhole.sock, or systemd for the sockets that systemd passes; may be repeated",
    ),
    (
        Group::Listening,
        "host",
        Kind::Text("ADDRESS"),
        "::",
        "Address for ports that name no interface, the relay's too; :: is every one, IPv4 included",
    ),
    (
        Group::Listening,
        "tls-cert",
        Kind::Text("FILE"),
        "",
        "Speak TLS on every TCP port of the mailbox server, with this certificate and those that \
         vouch for it (PEM)",
    ),
    (Group::Listening, "tls-key", Kind::Text("FILE"), "", "The certificate's private key (PEM)"),
    (
        Group::Listening,
        "trusted-proxy",
        Kind::Texts("CIDR"),
        "",
        "Believe X-Real-IP, X-Forwarded-For and Forwarded from this address or network, or from \
         unix sockets (unix); to the relay its connections count for no address; may be repeated",
    ),
    (
        Group::Listening,
        "public-url",
        Kind::Text("URL"),
        "",
        "The address that clients type, such as wss://relay.example.org/v1, for the landing page; \
         by default the one by which the browser came",
    ),
    (
        Group::Listening,
        "transit-relay",
        Kind::Texts("tcp:HOST:PORT"),
        "",
        "Transit relay that the landing page and /.well-known/wormhole.json tell; may be repeated",
    ),
    (
        Group::Storage,
        "channel-db",
        Kind::Text("FILE"),
        "relay.sqlite",
        "SQLite file that keeps mailboxes over restarts, or :memory:",
    ),
    (
        Group::Storage,
        "usage-db",
        Kind::Text("FILE"),
        "",
        "SQLite file that records how nameplates and mailboxes ended, and the clients' versions",
    ),
    (
        Group::Storage,
        "blur-usage",
        Kind::Number("SECONDS"),
        "",
        "Round the times in there down to multiples of this",
    ),
    (
        Group::Storage,
        "unsafe-no-sync",
        Kind::Flag,
        "",
        "Answer before the disk holds the answer: a power cut loses what clients were told",
    ),
    (Group::Clients, "motd", Kind::Text("TEXT"), "", "Message that clients show to their users"),
    (
        Group::Clients,
        "signal-error",
        Kind::Text("TEXT"),
        "",
        "Turn every client away with this message",
    ),
    (
        Group::Clients,
        "advertise-version",
        Kind::Text("VERSION"),
        "",
        "Version of the Python client that older ones advise their users to install",
    ),
    (
        Group::Clients,
        "disallow-list",
        Kind::Flag,
        "",
        "Answer every request for the nameplates in use with none",
    ),
    (
        Group::Clients,
        "claim-allocated-only",
        Kind::Flag,
        "",
        "Refuse to claim nameplates that were not allocated: nobody can make up codes then",
    ),
    (
        Group::Clients,
        "hold-down",
        Kind::Number("SECONDS"),
        "60",
        "How long a nameplate is not handed out again after it was freed",
    ),
    (
        Group::Clients,
        "expiry",
        Kind::Number("SECONDS"),
        "660",
        "How long a mailbox stays that nobody touches",
    ),
    (
        Group::Clients,
        "permission",
        Kind::Text("METHOD"),
        "",
        "Tell clients what to show before they bind: none, or a stamp that takes work (hashcash, \
         hashcash:BITS), which the Python and Go clients do not make",
    ),
    (
        Group::Clients,
        "websocket-protocol-option",
        Kind::Texts("NAME=JSON"),
        "",
        "An option of Python's server: the sizes (maxFramePayloadSize, \
         maxMessagePayloadSize), times (autoPingInterval, autoPingTimeout, openHandshakeTimeout, \
         closeHandshakeTimeout) and maxConnections hold here too, others are ignored; may be \
         repeated",
    ),
    (
        Group::Operation,
        "ephemeral",
        Kind::Flag,
        "",
        "Keep everything in memory, and print the bound addresses as one line of JSON",
    ),
    (
        Group::Operation,
        "metrics-port",
        Kind::Texts("ENDPOINT"),
        "",
        "Serve /metrics (OpenMetrics), /status, /healthz and /readyz here, in the forms of --port; a \
         port alone means 127.0.0.1",
    ),
    (
        Group::Operation,
        "status-socket",
        Kind::Text("PATH"),
        "",
        "Unix socket by which wormhole-server status asks the server",
    ),
    (
        Group::Operation,
        "drain-seconds",
        Kind::Number("SECONDS"),
        "0",
        "How long clients have at a stop to finish; meanwhile new ones are refused, and /readyz \
         says so",
    ),
    (
        Group::Operation,
        "workers",
        Kind::Number("N"),
        "",
        "Threads that serve connections; half of the processors by default",
    ),
    (
        Group::Operation,
        "addrid-db",
        Kind::Text("FILE"),
        "",
        "Tell clients apart in the log of level debug by numbers for their addresses; :memory:, as \
         which address has which number is never written to disk",
    ),
    (
        Group::Operation,
        "generation-duration",
        Kind::Number("SECONDS"),
        "86400",
        "How long an address keeps such a number",
    ),
    (Group::Operation, "log-format", Kind::Text("FORMAT"), "text", "Log as text or as json"),
    (
        Group::Operation,
        "log-level",
        Kind::Text("LEVEL"),
        "info",
        "The least that is logged: error, warn, info, debug or trace",
    ),
    (
        Group::Operation,
        "log-fd",
        Kind::Number("N"),
        "",
        "Ignored, as by Python's server, whose start scripts may give it",
    ),
    (
        Group::Relay,
        "relay-port",
        Kind::Texts("ENDPOINT"),
        "4001",
        "Where the transit relay listens: a port (0 picks a free one), \
         tcp:4001:interface=127.0.0.1, unix:/run/relay.sock, or systemd; may be repeated",
    ),
    (
        Group::Relay,
        "relay-websocket",
        Kind::Texts("ENDPOINT"),
        "",
        "Where it speaks websocket, in the same forms; the same endpoint as above takes both; may \
         be repeated",
    ),
    (
        Group::Relay,
        "relay-websocket-url",
        Kind::Text("URL"),
        "",
        "The address of the websocket that clients type, such as wss://relay.example.org/; it is \
         told at the start",
    ),
    (
        Group::Relay,
        "relay-usage-db",
        Kind::Text("FILE"),
        "",
        "SQLite file that records how connections to the relay ended, in the form of Python's",
    ),
    (
        Group::Relay,
        "relay-log-fd",
        Kind::Number("N"),
        "",
        "Write the same as lines of JSON to this file descriptor",
    ),
    (
        Group::Relay,
        "relay-blur-usage",
        Kind::Number("SECONDS"),
        "",
        "Round the times in both down to multiples of this, and numbers of bytes up",
    ),
];
