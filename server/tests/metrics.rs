//! The figures: their form, and that each moves when its event happens.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use common::{Caller, Process, address};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server whose figures are asked over a unix socket.
struct Stage {
    folder: TempDir,
    server: Process,
}

impl Stage {
    fn set(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Process::start_with(&folder.path().join("relay.sqlite"), |command| {
            let socket = folder.path().join("metrics.sock");
            command.arg(format!("--metrics-port=unix:{}", socket.display())).args(arguments);
        });
        Self { folder, server }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("metrics.sock")
    }

    fn metrics(&self) -> Metrics {
        let (head, body) = get(&self.socket(), "/metrics");
        assert!(head.contains("200 OK"), "{head}");
        assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
        Metrics::parse(&body)
    }
}

fn get(socket: &Path, path: &str) -> (String, String) {
    exchange(UnixStream::connect(socket).unwrap(), path)
}

fn exchange(mut stream: impl Read + Write, path: &str) -> (String, String) {
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Every sample, by its name with its labels as they are written.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Reads the text, and insists on its form: each family is announced once, before its samples,
    /// which stand together; a counter's end in `_total`; the last line is `# EOF`.
    fn parse(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n").expect("the end is marked");
        let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::new());
        let mut current = (String::new(), String::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, sentence) = help.split_once(' ').unwrap();
                assert!(!sentence.is_empty() && name.starts_with("wormhole_mailbox_"), "{line}");
            } else if let Some(family) = line.strip_prefix("# TYPE ") {
                let (name, kind) = family.split_once(' ').unwrap();
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                assert_eq!(families.insert(name.to_owned(), kind.to_owned()), None, "{line}");
                current = (name.to_owned(), kind.to_owned());
            } else {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                let name = sample.split('{').next().unwrap();
                let suffix = if current.1 == "counter" { "_total" } else { "" };
                assert_eq!(name, format!("{}{suffix}", current.0), "{line}");
                let value: f64 = value.parse().unwrap();
                assert_eq!(samples.insert(sample.to_owned(), value), None, "{line}");
            }
        }
        assert!(families.len() > 15);
        Self(samples)
    }

    fn of(&self, sample: &str) -> f64 {
        let name = format!("wormhole_mailbox_{sample}");
        *self.0.get(&name).unwrap_or_else(|| panic!("no {name} in {:?}", self.0.keys()))
    }
}

/// What each event has to move, by so much; everything is asked before and after.
async fn moves(stage: &Stage, expected: &[(&str, f64)], event: impl AsyncFnOnce()) {
    let before = stage.metrics();
    event().await;
    let after = stage.metrics();
    for (sample, by) in expected {
        let moved = after.of(sample) - before.of(sample);
        assert!((moved - by).abs() < f64::EPSILON, "{sample} moved by {moved}, not {by}");
    }
}

#[actix::test]
async fn every_figure_moves_when_its_event_happens() {
    let stage = Stage::set(&[]);
    let url = stage.server.url.as_str();
    let mut caller = None;
    moves(&stage, &[("websockets_opened_total", 1.0), ("websockets", 1.0)], async || {
        caller = Some(Caller::connect(url).await);
    })
    .await;
    let mut a = caller.unwrap();
    let command = |name: &str| format!("commands_total{{type=\"{name}\"}}");
    let mut claimed = Value::Null;
    for (verb, sent, others) in [
        (
            "bind",
            json!({"type": "bind", "appid": "app", "side": "a", "client_version": ["python", "1"]}),
            &[("binds_total{client=\"python\"}", 1.0), ("apps", 1.0)][..],
        ),
        ("ping", json!({"type": "ping", "ping": 1}), &[]),
        ("list", json!({"type": "list"}), &[]),
        ("allocate", json!({"type": "allocate"}), &[("nameplates", 1.0), ("mailboxes", 1.0)]),
        ("claim", json!({"type": "claim", "nameplate": "77"}), &[("nameplates", 1.0)]),
        ("unknown", json!({"type": "nonsense"}), &[("refusals_total", 1.0)]),
        (
            "release",
            json!({"type": "release"}),
            &[("nameplates", -1.0), ("nameplates_ended_total{result=\"lonely\"}", 1.0)],
        ),
    ] {
        let name = command(verb);
        let mut expected = vec![(name.as_str(), 1.0)];
        expected.extend(others);
        // Each is followed by a ping, to know that it was answered.
        if verb == "ping" {
            expected[0].1 = 2.0;
        }
        moves(&stage, &expected, async || {
            let answers = a.ask(sent).await;
            if verb == "claim" {
                claimed = answers[0]["mailbox"].clone();
            }
        })
        .await;
    }
    moves(&stage, &[(&command("open"), 1.0), ("subscriptions", 1.0)], async || {
        a.ask(json!({"type": "open", "mailbox": claimed})).await;
    })
    .await;
    let added = [("messages", 1.0), (&command("add"), 1.0), ("commits_total", 1.0)];
    let stored = stage.metrics().of("stored_bytes");
    moves(&stage, &added, async || {
        a.ask(json!({"type": "add", "phase": "p", "body": "00"})).await;
    })
    .await;
    let metrics = stage.metrics();
    assert!(metrics.of("stored_bytes") > stored + 2.0, "names and rows count too");
    assert!((metrics.of("stored_bytes") - metrics.of("stored_bytes_heaviest")).abs() < 0.1);
    let closed = [
        (&*command("close"), 1.0),
        ("mailboxes", -1.0),
        ("messages", -1.0),
        ("subscriptions", -1.0),
        ("mailboxes_ended_total{result=\"happy\"}", 0.0),
        ("mailboxes_ended_total{result=\"scary\"}", 1.0),
    ];
    moves(&stage, &closed, async || {
        a.ask(json!({"type": "close", "mood": "scary"})).await;
    })
    .await;
    let metrics = stage.metrics();
    assert!(metrics.of("database_bytes{file=\"channel\"}") > 0.0);
    assert!(metrics.of("database_bytes{file=\"channel-wal\"}") >= 0.0);
    assert!(metrics.of("disk_full") < 1.0);
    assert!((metrics.of("ready") - 1.0).abs() < f64::EPSILON);
    drop(a);
    while stage.metrics().of("websockets") > 0.0 {}
}

#[actix::test]
async fn every_limit_that_is_reached_is_counted() {
    let stage = Stage::set(&[
        "--max-body-bytes=4",
        "--max-identifier-bytes=8",
        "--max-json-depth=3",
        "--max-connection-mailboxes=1",
        "--max-apps=1",
        "--max-connections=2",
        "--max-frame-bytes=1000",
        "--max-mailbox-bytes=5",
    ]);
    let url = stage.server.url.as_str();
    let mut a = Caller::bound(url, "a").await;
    a.ask(json!({"type": "open", "mailbox": "m"})).await;
    let mut b = Caller::connect(url).await;
    let refused = async |caller: &mut Caller, limit: &str, command: Value| {
        let sample = format!("limit_reached_total{{limit=\"{limit}\"}}");
        moves(&stage, &[(&sample, 1.0), ("refusals_total", 1.0)], async || {
            caller.say(command).await;
            let mut frame = caller.hear().await;
            while frame["type"] != "error" {
                frame = caller.hear().await;
            }
            assert!(frame["error"].as_str().unwrap().starts_with("limit reached: "), "{frame}");
        })
        .await;
    };
    let add = |body: &str| json!({"type": "add", "phase": "p", "body": body});
    refused(&mut a, "max-body-bytes", add("00112")).await;
    a.ask(add("00")).await;
    refused(&mut a, "max-mailbox-bytes", add("00")).await;
    refused(&mut a, "max-identifier-bytes", json!({"type": "release", "nameplate": "123456789"}))
        .await;
    refused(&mut a, "max-json-depth", json!({"type": "ping", "ping": [[[[1]]]]})).await;
    refused(&mut a, "max-connection-mailboxes", json!({"type": "claim", "nameplate": "8"})).await;
    refused(&mut b, "max-apps", json!({"type": "bind", "appid": "other", "side": "b"})).await;
    let reached =
        |limit: &str| stage.metrics().of(&format!("limit_reached_total{{limit=\"{limit}\"}}"));
    let mut third = Caller::connect(url).await;
    assert!(third.hear().await["error"].as_str().unwrap().contains("at most 2 connections"));
    assert!((reached("max-connections") - 1.0).abs() < f64::EPSILON);
    b.say(json!({"type": "ping", "ping": "x".repeat(2_000)})).await;
    assert_eq!(b.hear_end().await, Some(1009));
    assert!((reached("max-frame-bytes") - 1.0).abs() < f64::EPSILON);
    assert!((stage.metrics().of("limit{limit=\"max-frame-bytes\"}") - 1_000.0).abs() < 0.1);
}

#[actix::test]
async fn clients_do_not_reach_the_figures() {
    let stage = Stage::set(&[]);
    for path in ["/metrics", "/status"] {
        let public = std::net::TcpStream::connect(address(&stage.server.url)).unwrap();
        assert!(exchange(public, path).0.contains("404"), "{path}");
        assert!(get(&stage.socket(), path).0.contains("200"), "{path}");
    }
    assert!(get(&stage.socket(), "/healthz").0.contains("200"));
    assert!(get(&stage.socket(), "/readyz").0.contains("200"));
    assert!(get(&stage.socket(), "/v1").0.contains("404"));
}
