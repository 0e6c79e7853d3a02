//! Whose word counts for a client's address, and that no address is written down.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    process::{Command, Stdio},
};

use common::{Caller, Process};
use serde_json::json;

const FORGED: [&str; 3] = ["X-Real-IP", "X-Forwarded-For", "Forwarded"];

fn value(header: &str, address: &str) -> String {
    if header == "Forwarded" { format!("for={address}") } else { address.to_owned() }
}

#[actix::test]
async fn forged_headers_give_no_other_address_and_no_other_budget() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start_with(&folder.path().join("relay.sqlite"), |command| {
        command.args(["--trusted-proxy=10.0.0.0/8", "--max-address-connections=3"]);
    });
    let mut inside = Vec::new();
    for (number, header) in FORGED.into_iter().enumerate() {
        let forged = value(header, &format!("192.0.2.{number}"));
        let caller = Caller::connect_saying(&server.url, &[(header, &forged)]).await;
        assert_eq!(caller.welcome["welcome"]["your-address"]["ipv4"], "127.0.0.1", "{header}");
        inside.push(caller);
    }
    let mut fourth = Caller::connect_saying(&server.url, &[("X-Real-IP", "192.0.2.99")]).await;
    let refused = fourth.hear().await;
    assert_eq!(refused["error"], "limit reached: at most 3 connections from an address");
}

/// Upgrades over a unix socket, and gives what comes with the welcome.
fn welcome(socket: &std::path::Path) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    let upgrade = "GET /v1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
                   Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Real-IP: 192.0.2.7\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"}") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        heard.extend(byte);
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[actix::test]
async fn over_a_unix_socket_an_address_is_told_by_trusted_proxies_alone() {
    for (arguments, told) in [(&[][..], false), (&["--trusted-proxy=unix"][..], true)] {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("http.sock");
        let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
        command.args(["mailbox", "--channel-db=:memory:"]).stderr(Stdio::null());
        command.arg(format!("--port=unix:{}", socket.display())).args(arguments);
        let server = Process::run(command);
        assert_eq!(server.url, format!("unix:{}", socket.display()));
        let heard = welcome(&socket);
        assert!(heard.contains("\"welcome\""), "{heard}");
        assert_eq!(heard.contains("192.0.2.7"), told, "{heard}");
    }
}

/// What the log and the files of a server hold after a busy minute.
#[actix::test]
async fn no_address_is_in_the_log_or_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
    command.current_dir(folder.path()).args(["mailbox", "--host=::1", "--port=0"]);
    command.args(["--usage-db=usage.sqlite", "--trusted-proxy=::1", "--log-level=trace"]);
    command.args(["--log-format=json", "--addrid-db=:memory:", "--max-body-bytes=4"]);
    command.arg("--max-address-connections=2");
    let (server, mut said) = Process::run_with_log(command);
    let url = server.url.clone();

    let address = "2001:db8:77:66::5";
    let mut callers = Vec::new();
    for side in ["a", "b"] {
        let mut caller = Caller::connect_as(&url, address).await;
        assert_eq!(caller.welcome["welcome"]["your-address"]["ipv6"], address);
        caller.ask(json!({"type": "bind", "appid": "app", "side": side})).await;
        callers.push(caller);
    }
    let mut third = Caller::connect_as(&url, address).await;
    assert!(third.hear().await["error"].as_str().unwrap().starts_with("limit reached"));
    let two = [("X-Real-IP", address), ("X-Forwarded-For", "2001:db8:55::1")];
    Caller::connect_saying(&url, &two).await;
    callers[0].ask(json!({"type": "open", "mailbox": "m"})).await;
    callers[0].ask(json!({"type": "add", "phase": "p", "body": "00112233"})).await;
    callers[0].ask(json!({"type": "add", "phase": "p", "body": "00"})).await;
    callers[1].ask(json!({"type": "nonsense"})).await;
    server.ask_to_end();
    let mut log = Vec::new();
    said.read_to_end(&mut log).unwrap();
    assert!(server.wait().success());

    let mut written = vec![("the log".to_owned(), log)];
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        written.push((path.display().to_string(), fs::read(&path).unwrap()));
    }
    assert!(written.len() >= 4, "the log, two databases and a lock");
    let log = String::from_utf8(written[0].1.clone()).unwrap();
    assert!(log.contains("\"client\":\"addr-"), "clients are told apart: {log}");
    for (place, bytes) in written {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("2001:db8"), "{place} holds an address: {text}");
        assert!(!bytes.windows(8).any(|w| w == [0x20, 1, 0x0d, 0xb8, 0, 0x77, 0, 0x66]), "{place}");
    }
}
