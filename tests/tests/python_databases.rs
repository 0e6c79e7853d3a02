//! Files of the Python server: ours goes on where that one stopped, and gives them back.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use wormhole_tests::{Maker, Missing, Process, Stream, Talker, unless_missing};

/// Starts a server on a file; gives the `HOST:PORT` at which it listens.
fn start(maker: Maker, database: &Path) -> Result<(Process, String), Missing> {
    let database = format!("--channel-db={}", database.display());
    match maker {
        Maker::Ours => {
            let mut command = Command::new(maker.program("wormhole-server")?);
            command.args(["mailbox", "--host=127.0.0.1", "--port=0", &database]);
            let server = Process::start(command);
            let url = server.line_after(Stream::Out, "listening on ws://");
            let address = url.strip_suffix("/v1").unwrap().to_owned();
            Ok((server, address))
        }
        Maker::Python => {
            let mut command = Command::new(maker.program("twist")?);
            command.args(["--log-format=text", "wormhole-mailbox", &database]);
            command.arg("--port=tcp:0:interface=127.0.0.1");
            let server = Process::start(command);
            let port = server.line_after(Stream::Out, "Site starting on ");
            Ok((server, format!("127.0.0.1:{port}")))
        }
    }
}

fn stop(server: Process) {
    server.interrupt();
    server.finish();
}

/// One side leaves a message; gives the mailbox and the echo.
fn leave_a_message(address: &str) -> (Value, Value) {
    let mut a = Talker::bound(address, "a", &Value::Null);
    let claimed = a.ask(json!({"type": "claim", "nameplate": "8"}));
    let mailbox = claimed[0]["mailbox"].clone();
    a.ask(json!({"type": "open", "mailbox": mailbox}));
    let echo = a.ask(json!({"type": "add", "phase": "pake", "body": "00", "id": "0001"}));
    (mailbox, echo[0].clone())
}

/// The other side finds it, and both are done.
fn find_and_finish(address: &str, mailbox: &Value, echo: &Value) {
    let mut b = Talker::bound(address, "b", &Value::Null);
    let listed = b.ask(json!({"type": "list"}));
    assert_eq!(listed[0]["nameplates"], json!([{"id": "8"}]));
    let claimed = b.ask(json!({"type": "claim", "nameplate": "8"}));
    assert_eq!(claimed[0]["mailbox"], *mailbox);
    let found = b.ask(json!({"type": "open", "mailbox": mailbox}));
    assert_eq!(found.len(), 1);
    for key in ["side", "phase", "body", "server_rx", "id"] {
        assert_eq!(found[0][key], echo[key], "{key}");
    }
    b.leave("happy");
    let mut a = Talker::bound(address, "a", &Value::Null);
    a.ask(json!({"type": "release", "nameplate": "8"}));
    a.ask(json!({"type": "close", "mailbox": mailbox, "mood": "happy"}));
    assert_eq!(a.ask(json!({"type": "list"}))[0]["nameplates"], json!([]));
}

/// From one server to the other, on one file.
fn hand_over(from: Maker, to: Maker) -> Result<(), Missing> {
    let folder = TempDir::new().unwrap();
    let database = folder.path().join("relay.sqlite");
    let (first, address) = start(from, &database)?;
    let (mailbox, echo) = leave_a_message(&address);
    stop(first);
    let (second, address) = start(to, &database)?;
    find_and_finish(&address, &mailbox, &echo);
    stop(second);
    Ok(())
}

#[test]
fn ours_goes_on_where_python_stopped() {
    unless_missing(hand_over(Maker::Python, Maker::Ours));
}

#[test]
fn python_goes_on_where_ours_stopped() {
    unless_missing(hand_over(Maker::Ours, Maker::Python));
}

#[test]
fn what_python_has_is_imported() {
    let take_over = || -> Result<(), Missing> {
        let folder = TempDir::new().unwrap();
        let [old, new] = ["old.sqlite", "new.sqlite"].map(|name| folder.path().join(name));
        let (python, address) = start(Maker::Python, &old)?;
        let (mailbox, echo) = leave_a_message(&address);
        // A consistent moment of it is taken, also while it runs.
        let mut import = Command::new(Maker::Ours.program("wormhole-server")?);
        import.arg("import").arg(&old).arg("--channel-db").arg(&new);
        let imported = Process::start(import).finish();
        assert!(imported.status.success(), "{imported:?}");
        assert!(imported.out.contains("1 mailbox, 1 nameplate and 1 message"), "{imported:?}");
        stop(python);
        let (ours, address) = start(Maker::Ours, &new)?;
        find_and_finish(&address, &mailbox, &echo);
        stop(ours);
        Ok(())
    };
    unless_missing(take_over());
}
