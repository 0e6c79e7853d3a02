//! Who is calling, as the welcome's `your-address` tells it [mailbox-server.md: client address].

mod forwarded;

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Once,
};

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;
use serde_json::{Value, json};

use forwarded::Said;

/// A peer that is believed when it says for whom it connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Whoever connects from this network.
    Network(IpNet),
    /// Whoever connects over a unix socket.
    Unix,
}

/// A text is neither an address, nor a network, nor `unix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address, a network such as 10.0.0.0/8, or unix")]
pub struct BadProxy;

impl FromStr for Proxy {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, BadProxy> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self::Network(address.to_canonical().into())),
            Err(_) => text.parse().map(Self::Network).map_err(|_| BadProxy),
        }
    }
}

/// The peers that are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Proxy>);

impl FromIterator<Proxy> for Proxies {
    fn from_iter<T: IntoIterator<Item = Proxy>>(proxies: T) -> Self {
        Self(proxies.into_iter().collect())
    }
}

impl Proxies {
    /// Tells whether whoever connects from there is believed; `None` is a unix socket.
    pub(crate) fn trust(&self, peer: Option<IpAddr>) -> bool {
        self.0.iter().any(|proxy| match (proxy, peer) {
            (Proxy::Network(network), Some(address)) => network.contains(&address.to_canonical()),
            (Proxy::Unix, None) => true,
            _ => false,
        })
    }
}

/// Gives the client's address: the connection's own, or what a trusted proxy says; `None` where a
/// unix socket tells neither. A proxy that does not tell the port leaves it 0.
pub(crate) fn address(
    connection: Option<SocketAddr>,
    headers: &HeaderMap,
    trusted: &Proxies,
) -> Option<SocketAddr> {
    let connection =
        connection.map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()));
    if !trusted.trust(connection.map(|address| address.ip())) {
        if Said::something(headers) {
            warn_of_a_stranger();
        }
        return connection;
    }
    match forwarded::client(headers, trusted) {
        Said::Nothing => connection,
        Said::Client(client) => Some(client),
        Said::Contradiction => {
            warn_of_a_contradiction();
            connection
        }
    }
}

/// Tells whether a trusted proxy says that it was asked over TLS, in `X-Forwarded-Proto` or
/// `Forwarded`.
pub(crate) fn is_encrypted(
    connection: Option<SocketAddr>,
    headers: &HeaderMap,
    trusted: &Proxies,
) -> bool {
    trusted.trust(connection.map(|address| address.ip()))
        && forwarded::scheme(headers).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// Tells the operator, once, why all clients may seem to be one.
fn warn_of_a_stranger() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "a client says for whom it connects: where that is your proxy, name it with \
             --trusted-proxy, or all clients behind it count as one address"
        );
    });
}

fn warn_of_a_contradiction() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "X-Real-IP, X-Forwarded-For and Forwarded contradict each other, and none is \
             believed: have the proxy remove those that it does not set"
        );
    });
}

/// Writes an address as the welcome does.
pub(crate) fn show(address: SocketAddr) -> Value {
    let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
    json!({ family: address.ip().to_string(), "port": address.port() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn trusted(proxies: &[&str]) -> Proxies {
        proxies.iter().map(|proxy| proxy.parse().unwrap()).collect()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let proxy: SocketAddr = "[::ffff:127.0.0.1]:5000".parse().unwrap();
        let seen = |headers: &HeaderMap, proxies: &[&str]| {
            show(address(Some(proxy), headers, &trusted(proxies)).unwrap())
        };
        let real = headers(&[("x-real-ip", "2001:db8::7"), ("x-real-port", "1234")]);
        let own = json!({"ipv4": "127.0.0.1", "port": 5000});
        assert_eq!(seen(&real, &[]), own);
        assert_eq!(seen(&real, &["10.0.0.0/8", "::1", "unix"]), own);
        let believed = json!({"ipv6": "2001:db8::7", "port": 1234});
        assert_eq!(seen(&real, &["127.0.0.1"]), believed);
        assert_eq!(seen(&real, &["::1", "127.0.0.0/8"]), believed);
        let portless = headers(&[("x-real-ip", "192.0.2.7")]);
        assert_eq!(seen(&portless, &["127.0.0.1"]), json!({"ipv4": "192.0.2.7", "port": 0}));
        let garbage = headers(&[("x-real-ip", "garbage")]);
        assert_eq!(seen(&garbage, &["127.0.0.1"]), own);
    }

    #[test]
    fn a_unix_socket_is_trusted_by_name_alone() {
        let real = headers(&[("x-real-ip", "192.0.2.7")]);
        assert_eq!(address(None, &real, &trusted(&["0.0.0.0/0", "::/0"])), None);
        let believed = address(None, &real, &trusted(&["unix"])).unwrap();
        assert_eq!(believed.ip().to_string(), "192.0.2.7");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "proxy", "10.0.0.0/33", "10.0.0.0/", "1.2.3", "unix:/x"] {
            assert_eq!(text.parse::<Proxy>(), Err(BadProxy), "{text}");
        }
    }
}
