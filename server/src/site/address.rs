//! Where clients reach the mailbox server.

use std::net::Ipv4Addr;

use actix_web::{
    HttpRequest,
    http::header::{HOST, HeaderValue},
};
use wormhole_protocol::uri::WebSocketUrl;

use crate::{config::Config, door::Connection, peer, rules::Rules};

/// The path of the websocket.
const PATH: &str = "/v1";

/// Gives the mailbox server's address: the operator's, or the one by which the browser came. None
/// where that is not the address of a host.
pub(super) fn mailbox(request: &HttpRequest, config: &Config) -> Option<WebSocketUrl> {
    if let Some(url) = &config.public_url {
        return Some(url.clone().or_path(PATH));
    }
    let scheme = if encrypted(request, &config.rules.now()) { "wss" } else { "ws" };
    here(scheme, host(request)?)
}

/// Whether the client's way to this server is encrypted, as far as we know ourselves or a trusted
/// proxy says.
fn encrypted(request: &HttpRequest, rules: &Rules) -> bool {
    let proxies = &rules.trusted_proxies;
    request.app_config().secure()
        || request.conn_data::<Connection>().is_some_and(|connection| connection.is_encrypted)
        || peer::is_encrypted(request.peer_addr(), request.headers(), proxies)
}

/// Gives what the client calls this server, unchecked; none where it does not say, or twice.
fn host(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(HOST).map(HeaderValue::to_str);
    match (headers.next(), headers.next()) {
        (Some(host), None) => host.ok(),
        // In HTTP/2 it stands in the request's target.
        (None, _) => request.uri().authority().map(|authority| authority.as_str()),
        (Some(_), Some(_)) => None,
    }
}

/// Makes the address from `HOST[:PORT]`, where it is nothing else.
fn here(scheme: &str, host: &str) -> Option<WebSocketUrl> {
    let literal = host.starts_with('[');
    let name = host.split(':').next()?;
    if host.contains(['/', '?', '#']) || !(literal || is_name(name)) {
        return None;
    }
    format!("{scheme}://{host}{PATH}").parse().ok()
}

/// Whether it is an IPv4 address, or a host name [RFC 1123], in which underscores are forgiven.
fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        let known = label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let edges = label.starts_with('-') || label.ends_with('-');
        known && !edges && (1..=63).contains(&label.len())
    };
    // Browsers take a name that ends in a number for an IPv4 address.
    let numeric =
        name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if numeric {
        return name.parse::<Ipv4Addr>().is_ok();
    }
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_hosts_become_addresses() {
        for good in [
            "relay.example.org",
            "relay.example.org.",
            "relay.example.org:4000",
            "mailbox_server",
            "xn--bcher-kva.example",
            "4000.example",
            "192.0.2.7:80",
            "[2001:db8::1]",
            "[::1]:4000",
        ] {
            let url = here("ws", good).unwrap_or_else(|| panic!("{good} is refused"));
            assert_eq!(url.as_str(), format!("ws://{good}/v1"));
        }
        let (label, long) = ("a".repeat(64), ["a".repeat(50).as_str(); 6].join("."));
        for bad in [
            "",
            ".",
            ":4000",
            "a b",
            "a..b",
            "-a",
            "a-.b",
            "a/b",
            "a?b",
            "a#b",
            "a:1/b",
            "a:1?b",
            "[::1]/b",
            "a@b",
            "user:password@b",
            "a:0",
            "a:65536",
            "a:+1",
            "a:1:2",
            "a:",
            "a%2e",
            "a;b",
            "a'b",
            "a\"b",
            "<script>alert(1)</script>",
            "192.0.2.999",
            "192.0.2",
            "1",
            "a.99999999999999999999999",
            "[::1",
            "::1",
            "[::1]x",
            "[192.0.2.7]",
            "[fe80::1%eth0]",
            "b\u{fc}cher.example",
            label.as_str(),
            long.as_str(),
        ] {
            assert_eq!(here("ws", bad), None, "{bad}");
        }
    }

    #[test]
    fn the_operator_knows_better_than_the_request() {
        let request = TestRequest::get().insert_header((HOST, "inside:4000")).to_http_request();
        let public = |url: &str| {
            let public_url = Some(url.parse().unwrap());
            mailbox(&request, &Config { public_url, ..Config::default() }).unwrap()
        };
        assert_eq!(public("wss://relay.example.org").as_str(), "wss://relay.example.org/v1");
        assert_eq!(public("wss://example.org/relay/v1").as_str(), "wss://example.org/relay/v1");
        assert_eq!(mailbox(&request, &Config::default()).unwrap().as_str(), "ws://inside:4000/v1");
    }

    #[test]
    fn what_strangers_forward_is_not_believed() {
        let request = TestRequest::get()
            .insert_header((HOST, "inside"))
            .insert_header(("X-Forwarded-Proto", "https"))
            .insert_header(("X-Forwarded-Host", "evil.example"))
            .insert_header(("Forwarded", "proto=https;host=evil.example"))
            .to_http_request();
        assert_eq!(mailbox(&request, &Config::default()).unwrap().as_str(), "ws://inside/v1");
    }

    #[test]
    fn a_trusted_proxy_says_whether_it_was_asked_over_tls() {
        let proxy = ["192.0.2.1".parse().unwrap()];
        let rules = Rules { trusted_proxies: proxy.into_iter().collect(), ..Rules::default() };
        let config = Config { rules: rules.into(), ..Config::default() };
        for (headers, from, scheme) in [
            ([("X-Forwarded-Proto", "https")], "192.0.2.1:9", "wss"),
            ([("X-Forwarded-Proto", "https")], "192.0.2.2:9", "ws"),
            ([("X-Forwarded-Proto", "https, http")], "192.0.2.1:9", "ws"),
            ([("Forwarded", "for=1.2.3.4;proto=\"https\"")], "192.0.2.1:9", "wss"),
        ] {
            let request = TestRequest::get().insert_header((HOST, "a"));
            let request = request.peer_addr(from.parse().unwrap()).insert_header(headers[0]);
            let url = mailbox(&request.to_http_request(), &config).unwrap();
            assert_eq!(url.as_str(), format!("{scheme}://a/v1"), "{headers:?} from {from}");
        }
    }

    #[test]
    fn two_hosts_are_none() {
        let request = TestRequest::get().append_header((HOST, "a")).append_header((HOST, "b"));
        assert_eq!(mailbox(&request.to_http_request(), &Config::default()), None);
    }
}
