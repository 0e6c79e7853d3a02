//! Who is calling, as the welcome's `your-address` tells it [mailbox-server.md: client address].

use std::{
    net::{IpAddr, SocketAddr},
    sync::Once,
};

use actix_web::http::header::HeaderMap;
use serde_json::{Value, json};

/// Gives the client's address: the connection's own, or what a trusted proxy says in `X-Real-IP`
/// and `X-Real-Port`. A proxy that does not tell the port leaves it 0.
pub(crate) fn address(
    connection: SocketAddr,
    headers: &HeaderMap,
    trusted: &[IpAddr],
) -> SocketAddr {
    let connection = SocketAddr::new(connection.ip().to_canonical(), connection.port());
    let Some(ip) = header::<IpAddr>(headers, "x-real-ip") else { return connection };
    if !trusted.contains(&connection.ip()) {
        warn();
        return connection;
    }
    SocketAddr::new(ip.to_canonical(), header(headers, "x-real-port").unwrap_or(0))
}

/// Tells the operator, once, why all clients may seem to be one.
fn warn() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "a client sends X-Real-IP: where that is your proxy, name it with --trust-proxy, or \
             all clients behind it count as one address"
        );
    });
}

fn header<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
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

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let proxy: SocketAddr = "[::ffff:127.0.0.1]:5000".parse().unwrap();
        let real = headers(&[("x-real-ip", "2001:db8::7"), ("x-real-port", "1234")]);
        assert_eq!(show(address(proxy, &real, &[])), json!({"ipv4": "127.0.0.1", "port": 5000}));
        let trusted = ["127.0.0.1".parse().unwrap()];
        let believed = show(address(proxy, &real, &trusted));
        assert_eq!(believed, json!({"ipv6": "2001:db8::7", "port": 1234}));
        let portless = headers(&[("x-real-ip", "192.0.2.7")]);
        let believed = show(address(proxy, &portless, &trusted));
        assert_eq!(believed, json!({"ipv4": "192.0.2.7", "port": 0}));
        let garbage = headers(&[("x-real-ip", "garbage")]);
        assert_eq!(address(proxy, &garbage, &trusted).port(), 5000);
    }
}
