//! One place at which a program can be reached [transit.md: abilities and hints].

use std::{fmt, num::NonZeroU16};

use serde_json::{Value, json};

use crate::uri::WebSocketUrl;

const DIRECT: &str = "direct-tcp-v1";
const TOR: &str = "tor-tcp-v1";
const RELAY: &str = "relay-v1";
const WEBSOCKET: &str = "websocket";

/// A TCP address: a name or a literal of either family (without brackets), and a port.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectHint {
    /// Any text but the empty one; an IPv6 literal has no brackets.
    pub hostname: String,
    /// From 1 to 65535.
    pub port: NonZeroU16,
    /// Relays with a higher one are dialled earlier; it means nothing elsewhere. 0.0 unless told.
    pub priority: f64,
}

/// Something that can be dialled.
#[derive(Clone, Debug, PartialEq)]
pub enum Endpoint {
    /// By TCP.
    Tcp(DirectHint),
    /// By TCP within Tor, and in no other way.
    Tor(DirectHint),
    /// By websocket; the stream is in its binary messages.
    WebSocket(WebSocketUrl),
}

/// One relay, with its equivalent addresses, of which there is at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct RelayHint {
    /// What its owner calls it.
    pub name: Option<String>,
    /// Where it can be reached.
    pub endpoints: Vec<Endpoint>,
}

/// How a connection was dialled; `Display` gives the words for a person, such as
/// `->relay:tcp:relay.example:4001`. A peer made the names up: escape them for a terminal.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// What was dialled.
    pub endpoint: Endpoint,
    /// Whether it is a relay rather than the peer.
    pub relayed: bool,
    /// Whether our own Tor proxy is on the way.
    pub over_tor: bool,
}

impl DirectHint {
    fn read(item: &Value) -> Option<Self> {
        let hostname = item.get("hostname")?.as_str().filter(|name| !name.is_empty())?;
        let port = u16::try_from(item.get("port")?.as_u64()?).ok()?;
        let priority = item.get("priority").and_then(Value::as_f64).unwrap_or_default();
        Some(Self { hostname: hostname.to_owned(), port: NonZeroU16::new(port)?, priority })
    }

    fn write(&self, kind: &str) -> Value {
        json!({
            "type": kind,
            "priority": self.priority,
            "hostname": self.hostname,
            "port": self.port,
        })
    }
}

impl Endpoint {
    /// Reads one object of a list of hints; `None` where it is of no use to us.
    pub(super) fn read(item: &Value) -> Option<Self> {
        match item.get("type")?.as_str()? {
            DIRECT => DirectHint::read(item).map(Self::Tcp),
            TOR => DirectHint::read(item).map(Self::Tor),
            // The protocol's document has the version in the name, the programs have not.
            WEBSOCKET | "websocket-v1" => {
                item.get("url")?.as_str()?.parse().ok().map(Self::WebSocket)
            }
            _ => None,
        }
    }

    pub(super) fn write(&self) -> Value {
        match self {
            Self::Tcp(hint) => hint.write(DIRECT),
            Self::Tor(hint) => hint.write(TOR),
            Self::WebSocket(url) => json!({ "type": WEBSOCKET, "url": url.as_str() }),
        }
    }
}

impl RelayHint {
    /// The most addresses of one relay that are read.
    pub const MAX_ENDPOINTS: usize = 4;

    /// Reads one object of a list of hints; `None` where it is no relay or has no usable address.
    pub(super) fn read(item: &Value) -> Option<Self> {
        if item.get("type")?.as_str()? != RELAY {
            return None;
        }
        let usable = item.get("hints")?.as_array()?.iter().filter_map(Endpoint::read);
        let endpoints: Vec<_> = usable.take(Self::MAX_ENDPOINTS).collect();
        let name = item.get("name").and_then(Value::as_str).map(str::to_owned);
        (!endpoints.is_empty()).then_some(Self { name, endpoints })
    }

    pub(super) fn write(&self) -> Value {
        let endpoints: Vec<_> = self.endpoints.iter().map(Endpoint::write).collect();
        match &self.name {
            Some(name) => json!({ "type": RELAY, "name": name, "hints": endpoints }),
            None => json!({ "type": RELAY, "hints": endpoints }),
        }
    }
}

/// Makes a relay of one address and without a name.
impl From<Endpoint> for RelayHint {
    fn from(endpoint: Endpoint) -> Self {
        Self { name: None, endpoints: vec![endpoint] }
    }
}

/// Makes a relay of one address and without a name.
impl From<DirectHint> for RelayHint {
    fn from(hint: DirectHint) -> Self {
        Endpoint::Tcp(hint).into()
    }
}

/// Shows `HOST:PORT`, IPv6 literals in brackets.
impl fmt::Display for DirectHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hostname, port, .. } = self;
        if hostname.contains(':') {
            return write!(f, "[{hostname}]:{port}");
        }
        write!(f, "{hostname}:{port}")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(hint) => write!(f, "tcp:{hint}"),
            Self::Tor(hint) => write!(f, "tor:{hint}"),
            Self::WebSocket(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tor = if self.over_tor { "tor" } else { "" };
        let relay = if self.relayed { "relay:" } else { "" };
        write!(f, "{tor}->{relay}{}", self.endpoint)
    }
}
