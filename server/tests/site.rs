//! The landing page and the discovery document.

#![allow(clippy::unwrap_used)]

mod common;

use awc::{Client, http::Method};
use common::{Embedded, address};
use data_encoding::BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wormhole_server::{
    Config, LiveRules, Rules, Welcome,
    protocol::transit::{DirectHint, RelayArgument},
};

/// What a browser sends.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// An answer, with its headers in lower case.
struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The lines to type and to copy, as a reader sees them.
    fn lines(&self) -> Vec<String> {
        let lines = self.body.split("<code class=\"line\">").skip(1);
        let lines = lines.map(|rest| rest.split_once("</code>").unwrap().0);
        lines.map(|line| line.replace("<span>", "").replace("</span>", "")).collect()
    }
}

/// Asks with exactly these header lines, as no client library would.
async fn ask(server: &Embedded, request: &str, headers: &[&str]) -> Answer {
    let mut stream = TcpStream::connect(address(&server.url)).await.unwrap();
    let headers = headers.join("\r\n");
    let request = format!("{request} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer { head: head.to_owned(), body: body.to_owned() }
}

async fn browse(server: &Embedded, host: &str) -> Answer {
    let (host, accept) = (format!("Host: {host}"), format!("Accept: {BROWSER}"));
    ask(server, "GET /", &[&host, &accept]).await
}

fn relay(text: &str) -> DirectHint {
    match text.parse().unwrap() {
        RelayArgument::Relay(hint) => hint,
        RelayArgument::NoRelay => panic!("no relay"),
    }
}

fn saying(welcome: Welcome) -> LiveRules {
    Rules { welcome, ..Rules::default() }.into()
}

/// A server whose operator has set everything.
fn advertised() -> Config {
    let motd = Some("be kind".to_owned());
    Config {
        public_url: Some("wss://relay.example.org".parse().unwrap()),
        transit: vec![relay("tcp:relay.example.org:4001"), relay("tcp:[2001:db8::1]:4001")],
        rules: saying(Welcome { motd, error: Some("moved".into()), ..Welcome::default() }),
        ..Config::default()
    }
}

#[actix::test]
async fn browsers_get_the_page_and_all_others_the_line() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Embedded::start(Config::default());
    let root = format!("http://{}/", address(&server.url));
    for (accept, html) in [
        (Some(BROWSER), true),
        (Some("text/html"), true),
        (Some("text/plain, Text/HTML;q=0.1"), true),
        (Some("text/html;q=0, */*"), false),
        (Some("*/*"), false),
        (Some("text/*"), false),
        (Some("application/json"), false),
        (Some("\t, ;;;"), false),
        (Some(""), false),
        (None, false),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let request = Client::default().request(method.clone(), &root);
            let request = match accept {
                Some(accept) => request.insert_header(("Accept", accept)),
                None => request,
            };
            let mut answer = request.send().await.unwrap();
            let header = |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap());
            assert_eq!(answer.status(), 200, "{accept:?}");
            assert_eq!(header("vary"), Some("Accept"), "{accept:?}");
            let kind = if html { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
            assert_eq!(header("content-type"), Some(kind), "{accept:?}");
            let length: usize = header("content-length").unwrap().parse().unwrap();
            let body = answer.body().await.unwrap();
            match (method == Method::HEAD, html) {
                (true, _) => assert!(body.is_empty() && length > 0),
                (false, true) => assert!(body.starts_with(b"<!doctype html>")),
                (false, false) => assert_eq!(body, "Wormhole Relay\n"),
            }
        }
    }
    for path in ["", ".well-known/wormhole.json"] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let request = Client::default().request(method, format!("{root}{path}"));
            assert_eq!(request.send().await.unwrap().status(), 405);
        }
    }
    server.stop();
}

#[actix::test]
async fn the_page_loads_nothing_and_allows_its_own_style_alone() {
    let server = Embedded::start(advertised());
    let page = browse(&server, "inside").await;
    let style = page.body.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = BASE64.encode(&Sha256::digest(style));
    assert_eq!(
        page.header("content-security-policy").unwrap(),
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let body = page.body.to_lowercase();
    for absent in ["<script", "<link", "<img", "<iframe", " src=", "style=", "url(", "@import"] {
        assert!(!body.contains(absent), "{absent}");
    }
    let elsewhere: Vec<_> = body.match_indices("http").map(|(at, _)| &body[..at]).collect();
    let link = "<a href=\"";
    assert!(!elsewhere.is_empty() && elsewhere.iter().all(|before| before.ends_with(link)));
    server.stop();
}

#[actix::test]
async fn the_page_tells_what_to_type() {
    let server = Embedded::start(Config::default());
    let page = browse(&server, "192.0.2.7:4000").await;
    assert_eq!(
        page.lines(),
        [
            "wormhole --relay-url ws://192.0.2.7:4000/v1 send FILE",
            "wormhole --relay-url ws://192.0.2.7:4000/v1 receive",
            "export WORMHOLE_RELAY_URL=ws://192.0.2.7:4000/v1",
            "ws://192.0.2.7:4000/v1",
        ]
    );
    assert!(page.body.contains("aria-label=\"QR code: ws://192.0.2.7:4000/v1\""));
    assert!(!page.body.contains("<aside"));
    server.stop();

    let server = Embedded::start(advertised());
    let page = browse(&server, "inside").await;
    let command = "wormhole --relay-url wss://relay.example.org/v1 \
                   --transit-helper tcp:relay.example.org:4001";
    assert_eq!(
        page.lines(),
        [
            format!("{command} send FILE").as_str(),
            format!("{command} receive").as_str(),
            "export WORMHOLE_RELAY_URL=wss://relay.example.org/v1",
            "export WORMHOLE_TRANSIT_HELPER=tcp:relay.example.org:4001",
            "wss://relay.example.org/v1",
            "tcp:relay.example.org:4001",
            "tcp:[2001:db8::1]:4001",
        ]
    );
    assert!(page.body.contains(">be kind</p>") && page.body.contains(">moved</p>"));
    assert!(!page.body.contains("inside"));
    server.stop();
}

#[actix::test]
async fn what_is_no_host_is_not_shown() {
    let server = Embedded::start(Config::default());
    let accept = format!("Accept: {BROWSER}");
    let long = format!("Host: {}", "a.".repeat(2000));
    for headers in [
        &["Host:"][..],
        &["Host: <script>alert(1)</script>"],
        &["Host: \"><svg onload=alert(1)>"],
        &["Host: evil.example/?x="],
        &["Host: evil.example';rm -rf ~'"],
        &["Host: user@evil.example"],
        &["Host: \u{202e}evil.example"],
        &[long.as_str()],
    ] {
        let page = ask(&server, "GET /", &[&[accept.as_str()], headers].concat()).await;
        assert!(page.head.starts_with("HTTP/1.1 200 "), "{headers:?}: {}", page.head);
        assert!(page.body.contains("can set the public URL"), "{headers:?}");
        assert!(page.lines().is_empty() && !page.body.contains("<svg"), "{headers:?}");
        for absent in ["alert", "evil", "rm -rf"] {
            assert!(!page.body.contains(absent), "{headers:?}");
        }
        let document = ask(&server, "GET /.well-known/wormhole.json", headers).await;
        let document: Value = serde_json::from_str(&document.body).unwrap();
        assert_eq!(document["mailbox"], Value::Null, "{headers:?}");
    }
    let forwarded =
        ["Host: inside", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", &accept];
    let page = ask(&server, "GET /", &forwarded).await;
    assert_eq!(page.lines().last().unwrap(), "ws://inside/v1");
    server.stop();
}

#[actix::test]
async fn what_the_operator_writes_stays_text() {
    let hostile = "</p><script>alert('1')</script>\n<b title=\"&amp;\">\0\u{1b}[31m";
    let welcome =
        Welcome { motd: Some(hostile.into()), error: Some(hostile.into()), ..Welcome::default() };
    let public_url = Some("wss://a.example/v1?x='&amp;$(touch)".parse().unwrap());
    let transit = vec![relay("tcp:<b>&amp;'\"`:4001")];
    let config = Config { public_url, transit, rules: saying(welcome), ..Config::default() };
    let server = Embedded::start(config);
    let page = browse(&server, "inside").await;
    let text = "&lt;/p&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;\n\
                &lt;b title=&quot;&amp;amp;&quot;&gt;\u{fffd}\u{fffd}[31m";
    assert_eq!(page.body.matches(text).count(), 2);
    assert!(
        !page.body.contains("<script") && !page.body.contains("<b>") && !page.body.contains("<b ")
    );
    let url = "wss://a.example/v1?x=&#39;&amp;amp;$(touch)";
    assert!(page.body.contains(&format!("aria-label=\"QR code: {url}\"")));
    assert_eq!(page.lines()[4], url);
    assert_eq!(
        page.lines()[2],
        "export WORMHOLE_RELAY_URL=&#39;wss://a.example/v1?x=&#39;\\&#39;&#39;&amp;amp;$(touch)&#39;"
    );
    server.stop();
}

#[actix::test]
async fn programs_discover_what_is_set() {
    let version = env!("CARGO_PKG_VERSION");
    for (config, expected) in [
        (Config::default(), json!({"mailbox": "ws://inside:4000/v1", "version": version})),
        (
            advertised(),
            json!({
                "mailbox": "wss://relay.example.org/v1",
                "transit": ["tcp:relay.example.org:4001", "tcp:[2001:db8::1]:4001"],
                "motd": "be kind",
                "error": "moved",
                "version": version,
            }),
        ),
    ] {
        let server = Embedded::start(config);
        let answer = ask(&server, "GET /.well-known/wormhole.json", &["Host: inside:4000"]).await;
        assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), expected);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        server.stop();
    }
}

#[actix::test]
async fn a_relay_beside_the_server_is_told_where_the_operator_tells_none() {
    let transit_port = Some(4001.try_into().unwrap());
    let server = Embedded::start(Config { transit_port, ..Config::default() });
    let told = async |host: &str| {
        let host = format!("Host: {host}");
        let answer = ask(&server, "GET /.well-known/wormhole.json", &[&host]).await;
        let document: Value = serde_json::from_str(&answer.body).unwrap();
        document["transit"].clone()
    };
    assert_eq!(told("relay.example.org:4000").await, json!(["tcp:relay.example.org:4001"]));
    assert_eq!(told("[::1]:4000").await, json!(["tcp:[::1]:4001"]));
    let line = &browse(&server, "a.example").await.lines()[0];
    assert!(line.contains("--transit-helper tcp:a.example:4001 "), "{line}");
    let server = Embedded::start(Config { transit_port, ..advertised() });
    let lines = browse(&server, "a.example").await.lines();
    assert!(!lines.concat().contains("a.example:4001"), "{lines:?}");
}
