//! Addresses of servers that speak websocket.

use std::{fmt, net::Ipv6Addr, num::NonZeroU16, str::FromStr};

/// The address of a server or relay that speaks websocket: `ws://HOST[:PORT][/PATH][?QUERY]`.
///
/// Its text is kept as it was given. There is a host, the port is from 1 to 65535, there are no
/// blanks or control characters, no user name and no fragment; so any URL parser takes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebSocketUrl(String);

/// A websocket address was expected and something else came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a websocket address has the form ws://HOST:PORT/PATH or wss://HOST:PORT/PATH")]
pub struct BadWebSocketUrl;

impl WebSocketUrl {
    /// Shows the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        let (_, after_scheme) = self.0.split_once("://").unwrap_or_default();
        let (authority, _) = split_authority(after_scheme);
        let (host, _) = split_port(authority);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Gives the port: 80 or 443 where it names none.
    pub fn port(&self) -> u16 {
        let (scheme, after_scheme) = self.0.split_once("://").unwrap_or_default();
        let (authority, _) = split_authority(after_scheme);
        let (_, port) = split_port(authority);
        let usual = if scheme.eq_ignore_ascii_case("wss") { 443 } else { 80 };
        port.strip_prefix(':').and_then(|port| port.parse().ok()).unwrap_or(usual)
    }

    /// Gives the path, with the query behind it; empty where there is neither.
    pub fn path_and_query(&self) -> &str {
        let (_, after_scheme) = self.0.split_once("://").unwrap_or_default();
        split_authority(after_scheme).1
    }

    /// Completes an address that has neither path nor query (or the path `/` only) with `path`.
    #[must_use]
    pub fn or_path(self, path: &str) -> Self {
        let (_, after_scheme) = self.0.split_once("://").unwrap_or_default();
        let (_, rest) = split_authority(after_scheme);
        match rest {
            "" => Self(self.0 + path),
            "/" => Self(self.0.trim_end_matches('/').to_owned() + path),
            _ => self,
        }
    }
}

impl FromStr for WebSocketUrl {
    type Err = BadWebSocketUrl;

    fn from_str(text: &str) -> Result<Self, BadWebSocketUrl> {
        let (scheme, after_scheme) = text.split_once("://").ok_or(BadWebSocketUrl)?;
        let (authority, rest) = split_authority(after_scheme);
        let known = ["ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let odd = |c: char| !c.is_ascii_graphic() || "\"#<>\\^`{|}".contains(c);
        if !known || !is_authority(authority) || rest.contains(odd) {
            return Err(BadWebSocketUrl);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Cuts `HOST[:PORT]` from the path and query behind it.
fn split_authority(after_scheme: &str) -> (&str, &str) {
    let end = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
    after_scheme.split_at(end)
}

/// Cuts the host from the port and its colon.
fn split_port(authority: &str) -> (&str, &str) {
    match authority.rfind(']') {
        Some(bracket) => authority.split_at(bracket + 1),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    }
}

fn is_authority(authority: &str) -> bool {
    let (host, port) = split_port(authority);
    let port_fits = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<NonZeroU16>().is_ok()
        }
        None => port.is_empty(),
    };
    port_fits && is_host(host)
}

fn is_host(host: &str) -> bool {
    if let Some(literal) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return literal.parse::<Ipv6Addr>().is_ok();
    }
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

impl fmt::Display for WebSocketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let cases = [
            ("ws://relay.example", ("relay.example", 80, "")),
            ("WSS://relay.example/a/b?c=d", ("relay.example", 443, "/a/b?c=d")),
            ("wss://[2001:db8::1]:4002?x", ("2001:db8::1", 4002, "?x")),
        ];
        for (text, parts) in cases {
            let url: WebSocketUrl = text.parse().unwrap();
            assert_eq!((url.host(), url.port(), url.path_and_query()), parts, "{text}");
        }
    }
}
