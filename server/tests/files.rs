//! What the channel database leaves on the disk, and what a disk without room lets it do.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use common::{Caller, Process, disk::SmallDisk};
use rusqlite::Connection;
use serde_json::{Value, json};

/// How long something may take that happens within a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

/// On a disk that becomes full.
const MAILBOXES: usize = 60;

fn open(mailbox: &str) -> Value {
    json!({"type": "open", "mailbox": mailbox})
}

fn add(phase: &str, body: &str) -> Value {
    json!({"type": "add", "phase": phase, "body": body})
}

/// Bytes of a file of the database.
fn size(database: &Path, suffix: &str) -> u64 {
    let name = format!("{}{suffix}", database.display());
    fs::metadata(name).map_or(0, |file| file.len())
}

/// A session as two clients have it: a nameplate, a mailbox, six messages.
async fn session(url: &str, number: usize) {
    let mut callers = Vec::new();
    for side in ["a", "b"] {
        let mut caller = Caller::bound(url, &format!("{side}{number}")).await;
        let nameplate = (1_000 + number).to_string();
        let claim = json!({"type": "claim", "nameplate": nameplate});
        let claimed = answer(&mut caller, claim, "claimed").await;
        caller.say(json!({"type": "open", "mailbox": claimed["mailbox"]})).await;
        callers.push(caller);
    }
    for (phase, length) in [("pake", 33), ("version", 80), ("0", 300)] {
        for caller in &mut callers {
            answer(caller, add(phase, &"5a".repeat(length)), "message").await;
        }
    }
    for caller in &mut callers {
        answer(caller, json!({"type": "release"}), "released").await;
        answer(caller, json!({"type": "close"}), "closed").await;
    }
}

/// Sends a command, and waits for an answer of that type.
async fn answer(caller: &mut Caller, command: Value, wanted: &str) -> Value {
    caller.say(command).await;
    loop {
        let frame = caller.hear().await;
        assert!(frame["type"] != "error" && frame != Value::Null, "{frame}");
        if frame["type"] == wanted {
            return frame;
        }
    }
}

/// At three times as many as filled it, while the log was cut at sixteen megabytes only.
#[actix::test]
async fn a_small_disk_has_room_for_any_number_of_sessions() {
    let Some(disk) = SmallDisk::mount(12 << 10) else { return };
    let path = disk.path().join("relay.sqlite");
    let server = Process::start_with(&path, |command| {
        command.arg("--hold-down=0");
    });
    let mut most = 0;
    for number in 0..250 {
        session(&server.url, number).await;
        most = most.max(size(&path, "-wal"));
    }
    assert!(most < 3 << 19, "a log of {most} bytes");
    assert!(size(&path, "") < 1 << 18, "a database of {} bytes", size(&path, ""));
}

#[actix::test]
async fn on_a_full_disk_what_ends_is_written_and_the_rest_once_there_is_room() {
    let Some(disk) = SmallDisk::mount(12 << 10) else { return };
    let path = disk.path().join("relay.sqlite");
    let server = Process::start(&path);
    for mailbox in 0..MAILBOXES {
        let mut caller = Caller::bound(&server.url, "a").await;
        caller.ask(open(&mailbox.to_string())).await;
        for phase in ["0", "1"] {
            assert_eq!(caller.get(add(phase, &"5a".repeat(5_000))).await["type"], "message");
        }
    }
    disk.fill();
    refused(&server.url).await;
    for mailbox in 0..MAILBOXES / 2 {
        end(&server.url, &mailbox.to_string()).await;
    }
    server.kill();

    let server = Process::start(&path);
    refused(&server.url).await;
    for mailbox in MAILBOXES / 2..MAILBOXES - 1 {
        end(&server.url, &mailbox.to_string()).await;
    }
    disk.empty();
    let began = Instant::now();
    let mut found = Vec::new();
    while found.is_empty() {
        assert!(began.elapsed() < PATIENCE, "there is room, and nothing is written");
        let mut caller = Caller::bound(&server.url, "a").await;
        caller.say(open(&(MAILBOXES - 1).to_string())).await;
        found = caller.until_pong_or_end().await;
        found.retain(|frame| frame["type"] == "message");
    }
    assert_eq!(found.len(), 2);
    session(&server.url, 1).await;
    let mailboxes = "SELECT count(*) FROM mailboxes WHERE id NOT LIKE '%more%'";
    let left: i64 =
        Connection::open(&path).unwrap().query_row(mailboxes, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
}

/// Closes a mailbox; where the app has yet to read its rows again after a failure, once more.
async fn end(url: &str, mailbox: &str) {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let mut caller = Caller::bound(url, "a").await;
        caller.say(json!({"type": "close", "mailbox": mailbox})).await;
        if caller.until_pong_or_end().await.iter().any(|frame| frame["type"] == "closed") {
            return;
        }
    }
    panic!("{mailbox} cannot be closed");
}

/// Adds messages until the server has no room for one.
async fn refused(url: &str) {
    let mut caller = Caller::bound(url, "a").await;
    caller.say(open("more")).await;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        caller.say(add("p", &"5a".repeat(2_000))).await;
        let mut heard = caller.hear_or_end().await;
        while heard.as_ref().is_ok_and(|frame| frame["type"] == "ack") {
            heard = caller.hear_or_end().await;
        }
        match heard {
            Ok(frame) => assert_eq!(frame["type"], "message", "an error would end the wormhole"),
            Err(code) => return assert_eq!(code, Some(1013), "it comes back later"),
        }
    }
    panic!("the disk is full, and messages are taken");
}

#[actix::test]
async fn of_a_message_nothing_is_left_in_the_files_soon_after_the_close() {
    for is_old in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.sqlite");
        if is_old {
            // As earlier versions made it, and the Python server does.
            drop(Process::start(&path));
            let connection = Connection::open(&path).unwrap();
            connection.execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
        }
        let server = Process::start(&path);
        let mut stays = Caller::bound(&server.url, "a").await;
        stays.ask(open("stays")).await;
        let mut goes = Caller::bound(&server.url, "a").await;
        goes.ask(open("goes")).await;
        // In turns, so that they share pages, and the pages of those that go are in the middle.
        for round in 0..60 {
            for (caller, mark) in [(&mut goes, "60e5"), (&mut stays, "57a7")] {
                let body = mark.repeat([3, 40, 300, 3_000, 60_000][round % 5]);
                assert_eq!(caller.get(add(&round.to_string(), &body)).await["type"], "message");
            }
        }
        // More than the log takes before it is moved to the database.
        assert!(left(&path, "60e560e5").0);
        let before = size(&path, "") + size(&path, "-wal");
        assert_eq!(goes.get(json!({"type": "close"})).await["type"], "closed");

        let began = Instant::now();
        while left(&path, "60e560e5") != (false, false) || size(&path, "-wal") > 0 {
            assert!(began.elapsed() < PATIENCE, "{:?}", left(&path, "60e560e5"));
            stays.until_pong().await;
        }
        assert!(size(&path, "") < before * 2 / 3, "{} bytes of {before}", size(&path, ""));
        let mut again = Caller::bound(&server.url, "a").await;
        assert_eq!(again.ask(open("stays")).await.len(), 60, "the others are there");
    }
}

/// Tells whether a text is in the database and in its log.
fn left(database: &Path, text: &str) -> (bool, bool) {
    let is_in = |suffix: &str| {
        let name = format!("{}{suffix}", database.display());
        let bytes = fs::read(name).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    (is_in(""), is_in("-wal"))
}
