//! How a person names a relay: `tcp:HOST:PORT` or `wss://HOST/PATH` [transit.md: abilities and
//! hints].

use std::{fmt, net::Ipv6Addr, num::NonZeroU16, str::FromStr};

use super::hint::{DirectHint, Endpoint};
use crate::uri::BadWebSocketUrl;

/// A relay as given on a command line or in the environment.
///
/// `tcp:HOST:PORT[:priority=NUMBER]` with IPv6 literals in brackets, or `tcp://HOST:PORT`, or a
/// websocket's address, `ws://HOST:PORT/PATH` or `wss://HOST:PORT/PATH`; the empty text stands for
/// no relay. Further pieces behind the port of `tcp:` are ignored.
#[derive(Clone, Debug, PartialEq)]
pub enum RelayArgument {
    /// The person wants none.
    NoRelay,
    /// This one, reached by TCP or by websocket.
    Relay(Endpoint),
}

/// A relay was to be named and the text does not name one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayArgumentError {
    /// There is no `word:` in front.
    #[error("not a hint: it must begin with `tcp:`, `ws:` or `wss:`")]
    NotAHint,
    /// The word in front is none of these.
    #[error("unknown hint type: only `tcp`, `ws` and `wss` are known")]
    UnknownType,
    /// The address of a websocket is malformed.
    #[error(transparent)]
    WebSocket(#[from] BadWebSocketUrl),
    /// There is no colon between host and port.
    #[error("host and port are not separated: a colon is missing")]
    MoreColons,
    /// The host is empty or has a character that no host name has.
    #[error("the host name is missing or malformed")]
    Host,
    /// What is in brackets is no IPv6 address.
    #[error("the address in brackets is not an IPv6 address")]
    Ipv6,
    /// The port is no number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// The priority is no finite number.
    #[error("the priority is not a number")]
    Priority,
}

impl RelayArgument {
    /// The relay that everybody uses who names none.
    pub const DEFAULT: &str = "tcp:transit.magic-wormhole.io:4001";
}

impl FromStr for RelayArgument {
    type Err = RelayArgumentError;

    fn from_str(text: &str) -> Result<Self, RelayArgumentError> {
        if text.is_empty() {
            return Ok(Self::NoRelay);
        }
        let (kind, address) = text.split_once(':').ok_or(RelayArgumentError::NotAHint)?;
        if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(RelayArgumentError::NotAHint);
        }
        match kind {
            "tcp" => {
                let address = match address.strip_prefix("//") {
                    Some(address) => address.strip_suffix('/').unwrap_or(address),
                    None => address,
                };
                parse_address(address).map(|hint| Self::Relay(Endpoint::Tcp(hint)))
            }
            "ws" | "wss" => Ok(Self::Relay(Endpoint::WebSocket(text.parse()?))),
            _ => Err(RelayArgumentError::UnknownType),
        }
    }
}

fn parse_address(address: &str) -> Result<DirectHint, RelayArgumentError> {
    let (hostname, rest) = split_host(address)?;
    let mut pieces = rest.split(':');
    let port = parse_port(pieces.next().unwrap_or_default())?;
    let mut priority = 0.0;
    for number in pieces.filter_map(|piece| piece.strip_prefix("priority=")) {
        priority = parse_priority(number)?;
    }
    Ok(DirectHint { hostname: hostname.to_owned(), port, priority })
}

/// Cuts at the colon between host and port.
fn split_host(address: &str) -> Result<(&str, &str), RelayArgumentError> {
    if let Some(bracketed) = address.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or(RelayArgumentError::Ipv6)?;
        host.parse::<Ipv6Addr>().map_err(|_| RelayArgumentError::Ipv6)?;
        return Ok((host, rest.strip_prefix(':').ok_or(RelayArgumentError::MoreColons)?));
    }
    let (host, rest) = address.split_once(':').ok_or(RelayArgumentError::MoreColons)?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/@[]".contains(c);
    if host.is_empty() || host.contains(odd) {
        return Err(RelayArgumentError::Host);
    }
    Ok((host, rest))
}

fn parse_port(digits: &str) -> Result<NonZeroU16, RelayArgumentError> {
    // `parse` alone would take a plus sign.
    let port = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok());
    port.flatten().ok_or(RelayArgumentError::Port)
}

fn parse_priority(number: &str) -> Result<f64, RelayArgumentError> {
    let priority = number.parse::<f64>().ok().filter(|priority| priority.is_finite());
    priority.ok_or(RelayArgumentError::Priority)
}

/// Shows the `tcp:` form or the websocket's address, which reads back as the same.
impl fmt::Display for RelayArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRelay => Ok(()),
            Self::Relay(Endpoint::Tcp(hint)) if hint.priority != 0.0 => {
                write!(f, "tcp:{hint}:priority={}", hint.priority)
            }
            Self::Relay(endpoint) => endpoint.fmt(f),
        }
    }
}
