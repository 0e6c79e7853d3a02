//! The figures of the server, read by the reference parser of their form.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;
use wormhole_tests::{Maker, Process, Stream, peer_script, unless_missing};

#[test]
fn the_reference_parser_reads_every_figure() {
    let Some(python) = unless_missing(Maker::Python.program("python")) else { return };
    let mut command = Command::new(Maker::Ours.program("wormhole-server").unwrap());
    command.args(["serve", "--ephemeral", "--host=127.0.0.1", "--port=0", "--metrics-port=0"]);
    command.arg("--relay-port=tcp:0:interface=127.0.0.1");
    let server = Process::start(command);
    let line = server.line_after(Stream::Out, "{\"mailbox\":");
    let listening: Value = serde_json::from_str(&format!("{{\"mailbox\":{line}")).unwrap();
    let url = listening["metrics"][0].as_str().unwrap();
    let address = url.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, text) = answer.split_once("\r\n\r\n").unwrap();

    let mut parser = Command::new(python);
    parser.arg(peer_script("openmetrics.py"));
    let mut parser = Process::start_typing(parser);
    parser.type_all(text);
    let parsed = parser.finish();
    assert!(parsed.status.success(), "{}\n{text}", parsed.err);
    let samples: Vec<Value> =
        parsed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(samples.len(), lines.count(), "every sample is read");
    let counters = ["mailbox", "relay"].map(|of| format!("wormhole_{of}_limit_reached_total"));
    let limits = samples.iter().filter(|s| counters.iter().any(|counter| s[0] == **counter));
    let mut names: Vec<&str> = limits.map(|sample| sample[1]["limit"].as_str().unwrap()).collect();
    names.sort_unstable();
    let mut all = wormhole_server::Limit::ALL.map(wormhole_server::Limit::option);
    all.sort_unstable();
    assert_eq!(names, all, "every limit has its counter");
}
