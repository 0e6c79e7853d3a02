//! What a server says of itself while its disk or its operator is in the way.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    io::{BufRead, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
    process::Command,
};

use common::{Caller, Process, address, disk::SmallDisk};
use rusqlite::Connection;
use serde_json::json;

/// Gets the status and the body of a path.
fn get(url: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address(url)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.trim().to_owned())
}

/// Asks how many writes to the database have failed.
fn failures(figures: &Path) -> u64 {
    let mut stream = UnixStream::connect(figures).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, rest) = answer.split_once("\nwormhole_mailbox_database_failures_total ").unwrap();
    rest.lines().next().unwrap().parse::<f64>().unwrap() as u64
}

/// Asks until the answer is this: an answer holds for a second.
fn wait_for(url: &str, status: u16) -> String {
    loop {
        let (now, body) = get(url, "/readyz");
        if now == status {
            return body;
        }
    }
}

#[actix::test]
async fn a_locked_database_is_not_ready_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.sqlite");
    let server = Process::start(&path);
    assert_eq!(get(&server.url, "/readyz"), (200, "ready".to_owned()));

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = wait_for(&server.url, 503);
    assert!(said.contains("the channel database"), "{said}");
    assert_eq!(get(&server.url, "/healthz").0, 200, "the process is well");
    other.execute_batch("ROLLBACK").unwrap();
    wait_for(&server.url, 200);
    let mut caller = Caller::bound(&server.url, "a").await;
    assert_eq!(caller.get(json!({"type": "allocate"})).await["type"], "allocated");
}

/// Reads the log until a line has this in it.
fn wait_for_line(log: &mut impl BufRead, expected: &str) {
    let mut line = String::new();
    while !line.contains(expected) {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ends without {expected:?}");
    }
}

#[test]
fn a_database_that_is_deleted_or_replaced_is_not_ready_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
    command.args(["mailbox", "--host=127.0.0.1", "--port=0", "--channel-db"]);
    command.arg(path("relay.sqlite"));
    let (server, mut log) = Process::run_with_log(command);
    assert_eq!(get(&server.url, "/readyz"), (200, "ready".to_owned()));
    for name in ["relay.sqlite", "relay.sqlite-wal", "relay.sqlite-lock"] {
        fs::rename(path(name), path("away")).unwrap();
        let said = wait_for(&server.url, 503);
        assert_eq!(said, "the channel database was deleted or replaced");
        wait_for_line(&mut log, &format!("{name} was deleted or replaced"));
        fs::rename(path("away"), path(name)).unwrap();
        assert_eq!(wait_for(&server.url, 200), "ready");
        wait_for_line(&mut log, &format!("{name} is back"));
    }
    fs::copy(path("relay.sqlite"), path("another")).unwrap();
    fs::rename(path("another"), path("relay.sqlite")).unwrap();
    wait_for(&server.url, 503);
    wait_for_line(&mut log, "relay.sqlite was deleted or replaced");
    assert_eq!(get(&server.url, "/healthz").0, 200, "the process is well");
}

#[actix::test]
async fn nobody_meets_the_canary() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(&folder.path().join("relay.sqlite"));
    let mut caller = Caller::connect(&server.url).await;
    let bind = json!({"type": "bind", "appid": "canary.wormhole-server.invalid", "side": "a"});
    let refused = caller.get(bind).await;
    assert_eq!(refused["error"], "this appid is the server's own");
    caller.ask(json!({"type": "bind", "appid": "app", "side": "a"})).await;
    assert_eq!(get(&server.url, "/readyz").0, 200);
    let listed = caller.get(json!({"type": "list"})).await;
    assert_eq!(listed["nameplates"], json!([]));
}

#[actix::test]
async fn a_full_disk_is_answered_and_survived_and_nothing_that_was_answered_is_lost() {
    let Some(disk) = SmallDisk::mount(2_048) else { return };
    let path = disk.path().join("relay.sqlite");
    let elsewhere = tempfile::tempdir().unwrap();
    let figures = elsewhere.path().join("figures.sock");
    let server = Process::start_with(&path, |command| {
        command.arg(format!("--metrics-port=unix:{}", figures.display()));
    });
    assert_eq!(failures(&figures), 0);
    let mut one = Caller::bound(&server.url, "a").await;
    let claimed = one.get(json!({"type": "claim", "nameplate": "8"})).await;
    let open = json!({"type": "open", "mailbox": claimed["mailbox"]});
    one.ask(open.clone()).await;
    one.get(json!({"type": "add", "phase": "kept", "body": "00"})).await;
    disk.fill();

    // What the log still has room for is taken.
    let mut kept = 1;
    loop {
        let add = json!({"type": "add", "phase": "more", "body": "00".repeat(2_000)});
        one.say(add).await;
        let mut heard = one.hear_or_end().await;
        while heard.as_ref().is_ok_and(|frame| frame["type"] == "ack") {
            heard = one.hear_or_end().await;
        }
        match heard {
            Ok(frame) => assert_eq!(frame["type"], "message", "an error would end the wormhole"),
            Err(code) => {
                assert_eq!(code, Some(1013), "it comes back later");
                break;
            }
        }
        kept += 1;
    }
    wait_for(&server.url, 503);
    assert!(failures(&figures) > 0, "the message");

    disk.empty();
    wait_for(&server.url, 200);
    // The app reads its rows again before it takes orders.
    let mut found = Vec::new();
    while found.is_empty() {
        let mut two = Caller::bound(&server.url, "b").await;
        two.say(open.clone()).await;
        let frame = two.until_pong_or_end().await;
        found = frame.into_iter().filter(|frame| frame["type"] == "message").collect();
    }
    assert_eq!(found.len(), kept, "every message that was echoed, and no other");
    server.kill();
    let again = Process::start(&path);
    let mut two = Caller::bound(&again.url, "b").await;
    assert_eq!(two.ask(open).await.len(), kept);
}

#[test]
fn a_disk_that_is_full_at_the_start_is_said_in_a_line() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    disk.fill();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
    command.args(["mailbox", "--host=127.0.0.1", "--port=0", "--channel-db"]);
    let output = command.arg(disk.path().join("relay.sqlite")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("wormhole-server: ") && last.contains("relay.sqlite"), "{said}");
}

#[actix::test]
async fn the_log_before_the_database_stays_small_and_is_gone_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.sqlite");
    let server = Process::start(&path);
    let log = folder.path().join("relay.sqlite-wal");
    let mut most = 0;
    // Forty megabytes, in ten mailboxes.
    for side in 0..10 {
        let mut caller = Caller::bound(&server.url, &side.to_string()).await;
        caller.ask(json!({"type": "open", "mailbox": side.to_string()})).await;
        for _ in 0..4 {
            let add = json!({"type": "add", "phase": "p", "body": "00".repeat(500_000)});
            caller.get(add).await;
            most = most.max(fs::metadata(&log).unwrap().len());
        }
        caller.get(json!({"type": "close"})).await;
    }
    assert!(most < 8 << 20, "{most} bytes");
    let mut callers = Vec::new();
    let (_, status) = server.terminate(&mut callers).await;
    assert!(status.success());
    assert!(!log.exists(), "everything is in the database");
}

#[actix::test]
async fn who_stays_until_the_end_of_the_drain_hears_that_the_server_goes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start_with(&folder.path().join("relay.sqlite"), |command| {
        command.arg("--drain-seconds=1");
    });
    let mut callers = [Caller::bound(&server.url, "a").await];
    let (codes, status) = server.terminate(&mut callers).await;
    assert_eq!(codes, [Some(1001)]);
    assert!(status.success());
}

#[actix::test]
async fn a_server_that_drains_says_so_and_lets_its_clients_finish() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start_with(&folder.path().join("relay.sqlite"), |command| {
        command.arg("--drain-seconds=3600");
    });
    let mut inside = Caller::bound(&server.url, "a").await;
    server.ask_to_end();
    let said = wait_for(&server.url, 503);
    assert_eq!(said, "the server is about to stop");
    assert_eq!(get(&server.url, "/healthz").0, 200);
    assert!(Caller::try_bound(&server.url, "b").await.is_none(), "nobody is let in");
    assert_eq!(inside.get(json!({"type": "allocate"})).await["type"], "allocated");
    // Nobody is left to wait for.
    drop(inside);
    assert!(server.wait().success());
}
