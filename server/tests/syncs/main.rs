//! No answer leaves before the disk has what it tells: `kill -9` cannot show that, since the
//! system keeps what a killed process has written.
//!
//! The server runs with a library before the C library that writes down the order of its writes,
//! syncs and sends. Every answer that tells of a change must come after a sync, of the same file,
//! that came after the write which holds the change.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

use std::{fs, path::Path, process::Command};

use common::{Caller, Process};
use futures_util::future::join_all;
use serde_json::{Value, json};

const CALLERS: usize = 4;
const MESSAGES: usize = 25;

/// One thing that the server did.
struct Record {
    kind: u8,
    file: i32,
    bytes: Vec<u8>,
}

/// Runs a load on a server that is watched, and gives what it did.
async fn record(options: &[&str]) -> Vec<Record> {
    let folder = tempfile::tempdir().unwrap();
    let [library, log, database] =
        ["order.so", "log", "relay.sqlite"].map(|name| folder.path().join(name));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syncs/order.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
    assert!(compiler.status().unwrap().success(), "a C compiler, as SQLite needs");

    let server = Process::start_with(&database, |command| {
        command.args(options).env("LD_PRELOAD", &library).env("ORDER_LOG", &log);
    });
    let url = server.url.as_str();
    join_all((0..CALLERS).map(|number| load(url, number))).await;
    server.kill();
    parse(&fs::read(log).unwrap())
}

/// Messages that are sent without waiting, so that many share a commit.
async fn load(url: &str, number: usize) {
    let mut caller = Caller::bound(url, &format!("side-{number}")).await;
    let claim = json!({"type": "claim", "nameplate": (7_000_000 + number).to_string()});
    let mailbox = caller.get(claim).await["mailbox"].clone();
    caller.ask(json!({"type": "open", "mailbox": mailbox})).await;
    for message in 0..MESSAGES {
        let phase = format!("mark-{number}-{message}-");
        caller.say(json!({"type": "add", "phase": phase, "body": "00"})).await;
    }
    let mut echoes = 0;
    while echoes < MESSAGES {
        echoes += usize::from(caller.hear().await["type"] == "message");
    }
}

fn parse(mut log: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let [kind, rest @ ..] = log {
        let (file, rest) = rest.split_first_chunk().unwrap();
        let (length, rest) = rest.split_first_chunk().unwrap();
        let (bytes, rest) = rest.split_at(i32::from_ne_bytes(*length) as usize);
        let (file, bytes) = (i32::from_ne_bytes(*file), bytes.to_vec());
        records.push(Record { kind: *kind, file, bytes });
        log = rest;
    }
    records
}

/// What an answer tells of a change, as it stands in the database.
fn told(frame: &Value) -> Option<String> {
    let text = |key: &str| frame[key].as_str().map(str::to_owned);
    match frame["type"].as_str()? {
        "message" => text("phase"),
        "claimed" => text("mailbox"),
        _ => None,
    }
}

/// The answers in what was sent at once: several frames of a server, which are not masked.
fn frames(mut sent: &[u8]) -> Vec<Value> {
    let mut frames = Vec::new();
    while let [0x81, length, rest @ ..] = sent {
        let (length, rest) = match length {
            126 => (u16::from_be_bytes([rest[0], rest[1]]).into(), &rest[2..]),
            short => (usize::from(*short), rest),
        };
        let (text, rest) = rest.split_at(length);
        frames.push(serde_json::from_slice(text).unwrap());
        sent = rest;
    }
    frames
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Whether what is told was on disk at the end of `before`.
fn is_synced(before: &[Record], told: &str) -> bool {
    let written = before.iter().position(|r| r.kind == b'w' && contains(&r.bytes, told));
    let Some(written) = written else { return false };
    before[written..].iter().any(|r| r.kind == b's' && r.file == before[written].file)
}

/// The answers that told of a change, and those of them that were too early.
fn judge(records: &[Record]) -> (usize, Vec<String>) {
    let (mut count, mut early) = (0, Vec::new());
    for (place, record) in records.iter().enumerate().filter(|(_, r)| r.kind == b'o') {
        for told in frames(&record.bytes).iter().filter_map(told) {
            count += 1;
            if !is_synced(&records[..place], &told) {
                early.push(told);
            }
        }
    }
    (count, early)
}

#[actix::test]
async fn no_answer_leaves_before_the_disk_has_it() {
    let records = record(&[]).await;
    let (count, early) = judge(&records);
    assert_eq!(early, [""; 0], "told before the sync");
    assert_eq!(count, CALLERS * (1 + MESSAGES));
    let syncs = records.iter().filter(|r| r.kind == b's').count();
    assert!((1..count).contains(&syncs), "{syncs} syncs: some answers shared one");
}

/// The same without waiting for the disk, to show that the test can fail.
#[actix::test]
async fn without_syncs_every_answer_is_too_early() {
    let (count, early) = judge(&record(&["--unsafe-no-sync"]).await);
    assert_eq!((count, early.len()), (CALLERS * (1 + MESSAGES), count));
}
