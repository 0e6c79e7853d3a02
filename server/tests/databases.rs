//! Files that another server made, and copies of our own.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use common::{Caller, Process};
use rusqlite::Connection;
use serde_json::{Value, json};

/// The channel database's tables as section 9 of the specification lists them: version 1.
const VERSION_1: &str = "
CREATE TABLE version (version INTEGER);
CREATE TABLE mailboxes (
    app_id VARCHAR, id VARCHAR PRIMARY KEY, updated INTEGER, for_nameplate BOOLEAN);
CREATE TABLE mailbox_sides (
    mailbox_id REFERENCES mailboxes(id), opened BOOLEAN, side VARCHAR, added INTEGER, mood VARCHAR);
CREATE TABLE nameplates (
    id INTEGER PRIMARY KEY AUTOINCREMENT, app_id VARCHAR, name VARCHAR,
    mailbox_id VARCHAR REFERENCES mailboxes(id), request_id VARCHAR);
CREATE TABLE nameplate_sides (
    nameplates_id REFERENCES nameplates(id), claimed BOOLEAN, side VARCHAR, added INTEGER);
CREATE TABLE messages (
    app_id VARCHAR, mailbox_id VARCHAR, side VARCHAR, phase VARCHAR, body VARCHAR,
    server_rx INTEGER, msg_id VARCHAR);
CREATE INDEX nameplates_idx ON nameplates (app_id, name);
CREATE INDEX nameplates_mailbox_idx ON nameplates (app_id, mailbox_id);
CREATE INDEX nameplates_request_idx ON nameplates (app_id, request_id);
CREATE INDEX mailboxes_idx ON mailboxes (app_id, id);
CREATE INDEX messages_idx ON messages (app_id, mailbox_id);";

/// What version 2 adds.
const VERSION_2: &str = "
CREATE TABLE connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT, addrid_generation INTEGER, addrid_counter INTEGER,
    connected INTEGER, side VARCHAR, implementation VARCHAR, version VARCHAR, active INTEGER);
CREATE TABLE connection_messages (
    id INTEGER REFERENCES connections(id), \"when\" INTEGER, name VARCHAR);
INSERT INTO connections VALUES (1, 3, 7, 5.0, 'a', 'python', '0.24.0', 6.0);
INSERT INTO connection_messages VALUES (1, 5.5, 'bind');";

/// A nameplate with its mailbox and two messages, and what only an old server leaves behind.
const ROWS: &str = "
INSERT INTO mailboxes VALUES ('app', 'abcdefghijklm', NOW, 1), ('app', 'crowd', NOW, 0);
INSERT INTO mailbox_sides VALUES ('abcdefghijklm', 1, 'a', NOW, NULL), ('crowd', 1, 'a', NOW, NULL),
    ('crowd', 1, 'b', NOW, 5), ('crowd', 1, 'c', NOW, NULL);
INSERT INTO nameplates (id, app_id, name, mailbox_id) VALUES (5, 'app', '8', 'abcdefghijklm'),
    (6, 'app', '9', 'crowd');
INSERT INTO nameplate_sides VALUES (5, 1, 'a', NOW);
INSERT INTO messages VALUES ('app', 'abcdefghijklm', 'a', 'pake', '00', 1000.25, '0001'),
    ('app', 'abcdefghijklm', 'a', 'version', NULL, 1000.5, NULL),
    ('app', 'gone', 'a', 'pake', '00', 1000.0, NULL);";

fn make(path: &Path, version: i64, upgraded: bool) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(VERSION_1).unwrap();
    if version == 2 {
        connection.execute_batch(VERSION_2).unwrap();
        // A file that was upgraded has a column more.
        let ends = if upgraded { ", ends INTEGER" } else { "" };
        let table = format!(
            "CREATE TABLE addrid_generation (generation INTEGER, started INTEGER{ends});
             INSERT INTO addrid_generation (generation, started) VALUES (3, 1000);"
        );
        connection.execute_batch(&table).unwrap();
    }
    connection.execute("INSERT INTO version VALUES (?1)", [version]).unwrap();
    let now = "CAST(strftime('%s') AS INTEGER)";
    connection.execute_batch(&ROWS.replace("NOW", now)).unwrap();
}

/// The second side finds the nameplate and the messages, and both sides end it.
async fn find_and_finish(url: &str) {
    let mut b = Caller::bound(url, "b").await;
    let listed = b.get(json!({"type": "list"})).await;
    assert_eq!(listed["nameplates"], json!([{"id": "8"}, {"id": "9"}]));
    let claimed = b.get(json!({"type": "claim", "nameplate": "8"})).await;
    assert_eq!(claimed["mailbox"], "abcdefghijklm");
    let messages = b.ask(json!({"type": "open", "mailbox": "abcdefghijklm"})).await;
    let times: Vec<&Value> = messages.iter().map(|message| &message["server_rx"]).collect();
    assert_eq!(times, [&json!(1000.25), &json!(1000.5)]);
    assert_eq!((&messages[0]["body"], &messages[0]["id"]), (&json!("00"), &json!("0001")));
    assert_eq!(b.get(json!({"type": "release"})).await["type"], "released");
    assert_eq!(b.get(json!({"type": "close", "mood": "happy"})).await["type"], "closed");
    let mut a = Caller::bound(url, "a").await;
    let close = json!({"type": "close", "mailbox": "abcdefghijklm", "mood": "happy"});
    assert_eq!(a.get(close).await["type"], "closed");
    let listed = a.get(json!({"type": "list"})).await;
    assert_eq!(listed["nameplates"], json!([{"id": "9"}]));
}

fn count(path: &Path, table: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[actix::test]
async fn files_of_both_versions_are_used_in_place() {
    for (version, upgraded) in [(1, false), (2, false), (2, true)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.sqlite");
        make(&path, version, upgraded);
        let server = Process::start(&path);
        find_and_finish(&server.url).await;
        server.kill();
        let found: i64 = Connection::open(&path)
            .unwrap()
            .query_row("SELECT version FROM version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(found, version, "the old server can have it back");
        assert_eq!(count(&path, "messages"), 0);
        if version == 2 {
            assert_eq!((count(&path, "connections"), count(&path, "addrid_generation")), (1, 1));
        }
    }
}

fn run(arguments: &[&str], database: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
    command.args(arguments).arg("--channel-db").arg(database).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

#[actix::test]
async fn what_is_imported_is_found_and_what_was_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old.sqlite", "new.sqlite"].map(|name| folder.path().join(name));
    make(&old, 2, true);
    let before = fs::read(&old).unwrap();
    let imported = run(&["import", old.to_str().unwrap()], &new);
    assert!(imported.status.success(), "{}", said(&imported));
    assert!(
        said(&imported).contains("2 mailboxes, 2 nameplates and 2 messages"),
        "{}",
        said(&imported)
    );
    assert_eq!(fs::read(&old).unwrap(), before);
    let again = run(&["import", old.to_str().unwrap()], &new);
    assert!(again.status.success(), "{}", said(&again));
    assert!(said(&again).contains("4 were there already"), "{}", said(&again));
    assert_eq!(count(&folder.path().join("new.sqlite-backup-1"), "nameplates"), 2);
    assert_eq!(count(&new, "messages"), 2);

    let server = Process::start(&new);
    find_and_finish(&server.url).await;
    let refused = run(&["import", old.to_str().unwrap()], &new);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("another server uses"), "{}", said(&refused));
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("import") || name.contains("part"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[actix::test]
async fn a_backup_of_a_running_server_is_whole_and_can_be_served() {
    let folder = tempfile::tempdir().unwrap();
    let [path, copy] = ["relay.sqlite", "copy.sqlite"].map(|name| folder.path().join(name));
    let server = Process::start(&path);
    let mut a = Caller::bound(&server.url, "a").await;
    let claimed = a.get(json!({"type": "claim", "nameplate": "8"})).await;
    a.ask(json!({"type": "open", "mailbox": claimed["mailbox"]})).await;
    let echo = a.get(json!({"type": "add", "phase": "pake", "body": "00"})).await;

    let arguments = ["backup", copy.to_str().unwrap()];
    let made = run(&arguments, &path);
    assert!(made.status.success(), "{}", said(&made));
    let again = run(&arguments, &path);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("is there already"), "{}", said(&again));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    a.get(json!({"type": "add", "phase": "later", "body": "00"})).await;

    let restored = Process::start(&copy);
    let mut b = Caller::bound(&restored.url, "b").await;
    let open = json!({"type": "open", "mailbox": claimed["mailbox"]});
    let found = b.get(open).await;
    assert_eq!((&found["phase"], &found["server_rx"]), (&json!("pake"), &echo["server_rx"]));
}

#[test]
fn what_is_no_database_is_neither_copied_nor_imported() {
    let folder = tempfile::tempdir().unwrap();
    let [text, foreign, copy] = ["text", "foreign", "copy"].map(|name| folder.path().join(name));
    fs::write(&text, "x".repeat(5_000)).unwrap();
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    for (database, expected) in [
        (&text, "not a database"),
        (&foreign, "expected a"),
        (&folder.path().join("missing"), "cannot open"),
    ] {
        let refused = run(&["backup", copy.to_str().unwrap()], database);
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains(expected), "{}", said(&refused));
        let refused = run(&["import", database.to_str().unwrap()], &copy);
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains(expected), "{}", said(&refused));
        assert!(!copy.exists());
    }
}
