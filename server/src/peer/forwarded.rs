//! What a proxy says of its client: `X-Real-IP`, `X-Forwarded-For`, and `Forwarded` [RFC 7239].

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::HeaderMap;

use super::Proxies;

/// What the headers come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Client(SocketAddr),
    /// At least one of them was passed on from a client that made it up, and nobody knows which.
    Contradiction,
}

const HEADERS: [&str; 3] = ["x-real-ip", "x-forwarded-for", "forwarded"];

impl Said {
    /// Tells whether any of the headers is there.
    pub(super) fn something(headers: &HeaderMap) -> bool {
        HEADERS.iter().any(|name| headers.contains_key(*name))
    }
}

/// Reads all three. A list is read from its end, where the trusted proxies have written, up to the
/// first that is none of them.
pub(super) fn client(headers: &HeaderMap, trusted: &Proxies) -> Said {
    let real_port = text(headers, "x-real-port").and_then(|port| port.trim().parse().ok());
    let real = text(headers, "x-real-ip").and_then(address).map(|real| {
        let port = real_port.unwrap_or(real.port());
        SocketAddr::new(real.ip(), port)
    });
    let listed = last_stranger(list(headers, "x-forwarded-for").map(address), trusted);
    let forwarded = last_stranger(list(headers, "forwarded").map(forwarded_for), trusted);
    let said = [real, listed, forwarded].into_iter().flatten();
    let clients: Vec<SocketAddr> = said.clone().filter(|a| !trusted.trust(Some(a.ip()))).collect();
    // Where all are proxies, a machine behind them asks for itself.
    let mut candidates = if clients.is_empty() { said.collect() } else { clients }.into_iter();
    let Some(first) = candidates.next() else { return Said::Nothing };
    candidates.fold(Said::Client(first), |so_far, other| match so_far {
        Said::Client(one) if one.ip() != other.ip() => Said::Contradiction,
        Said::Client(one) if one.port() == 0 => Said::Client(other),
        same => same,
    })
}

/// Reads by which scheme the nearest proxy was asked.
pub(super) fn scheme(headers: &HeaderMap) -> Option<&str> {
    let forwarded = list(headers, "forwarded").next_back().and_then(|hop| part(hop, "proto"));
    forwarded.or_else(|| list(headers, "x-forwarded-proto").next_back().map(str::trim))
}

/// Gives the last address that is no trusted proxy's, or the first of all; what is unreadable ends
/// the list.
fn last_stranger(
    hops: impl DoubleEndedIterator<Item = Option<SocketAddr>>,
    trusted: &Proxies,
) -> Option<SocketAddr> {
    let mut nearest = None;
    for hop in hops.rev() {
        let Some(hop) = hop else { break };
        nearest = Some(hop);
        if !trusted.trust(Some(hop.ip())) {
            break;
        }
    }
    nearest
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Gives the elements of a list, which may be spread over several headers of one name.
fn list<'a>(headers: &'a HeaderMap, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
    let lines: Vec<&str> =
        headers.get_all(name).map(|value| value.to_str().unwrap_or("")).collect();
    lines.into_iter().flat_map(|line| line.split(','))
}

/// Reads `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<SocketAddr> {
    part(element, "for").and_then(address)
}

/// Reads one part of an element of `Forwarded`.
fn part<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// Reads an address with or without a port, and with or without brackets.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let read = match bare.parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, 0),
        Err(_) => text.parse().ok()?,
    };
    Some(SocketAddr::new(read.ip().to_canonical(), read.port()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn said(pairs: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let trusted = ["10.0.0.0/8", "2001:db8:1::/48"].map(|proxy| proxy.parse().unwrap());
        match client(&headers, &trusted.into_iter().collect()) {
            Said::Client(client) => client.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_header_is_read() {
        assert_eq!(said(&[]), "Nothing");
        assert_eq!(said(&[("x-real-ip", "192.0.2.7"), ("x-real-port", "9")]), "192.0.2.7:9");
        assert_eq!(said(&[("x-forwarded-for", " 192.0.2.7 ")]), "192.0.2.7:0");
        assert_eq!(said(&[("x-forwarded-for", "192.0.2.7:99")]), "192.0.2.7:99");
        assert_eq!(said(&[("forwarded", "proto=https;For=192.0.2.7")]), "192.0.2.7:0");
        assert_eq!(said(&[("forwarded", "for=\"[2001:db8::7]:99\"")]), "[2001:db8::7]:99");
        assert_eq!(said(&[("x-forwarded-for", "::ffff:192.0.2.7")]), "192.0.2.7:0");
    }

    #[test]
    fn a_list_counts_from_the_last_that_is_no_proxy() {
        let made_up = "198.51.100.1, 192.0.2.7, 10.1.1.1,10.2.2.2";
        assert_eq!(said(&[("x-forwarded-for", made_up)]), "192.0.2.7:0");
        let two = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "192.0.2.7, 10.1.1.1")];
        assert_eq!(said(&two), "192.0.2.7:0");
        assert_eq!(said(&[("x-forwarded-for", "10.1.1.1, 10.2.2.2")]), "10.1.1.1:0");
        assert_eq!(said(&[("x-forwarded-for", "192.0.2.7, unknown, 10.1.1.1")]), "10.1.1.1:0");
        assert_eq!(said(&[("forwarded", "for=192.0.2.7, for=\"[2001:db8:1::5]\"")]), "192.0.2.7:0");
    }

    #[test]
    fn nobody_is_believed_where_two_clients_are_told() {
        let contradiction = [("x-real-ip", "198.51.100.1"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(said(&contradiction), "Contradiction");
        let one_and_the_same = [("x-real-ip", "192.0.2.7"), ("forwarded", "for=\"192.0.2.7:9\"")];
        assert_eq!(said(&one_and_the_same), "192.0.2.7:9");
        let over_two_proxies = [("x-real-ip", "10.1.1.1"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(said(&over_two_proxies), "192.0.2.7:0");
    }

    #[test]
    fn what_is_no_address_says_nothing() {
        for garbage in ["garbage", "", "1.2.3", "[::1", "for=1.2.3.4", "unix:"] {
            assert_eq!(said(&[("x-real-ip", garbage), ("x-forwarded-for", garbage)]), "Nothing");
        }
        assert_eq!(said(&[("forwarded", "for=_hidden;proto=http, for=unknown")]), "Nothing");
    }
}
