//! A part of the server panics while wormholes are open: nobody's is lost, with our client and
//! Python's.

#![allow(clippy::unwrap_used)]

use serde_json::json;
use tempfile::TempDir;
use wormhole_server::{Config, Database, testing::Setup};
use wormhole_tests::{Client, Event, Maker, Missing, PATIENCE, Process, Socket, unless_missing};

/// The application of the clients, and the nameplate at which its part of the server panics.
const APP: &str = "lothar.com/wormhole/text-or-file-xfer";
const TRAP: u32 = 4_711;

/// Sends a text while the server panics under the waiting sender.
fn over_a_fall(sender: Maker, receiver: Maker) -> Result<(), Missing> {
    let [here, there, state] = [(); 3].map(|()| TempDir::new().unwrap());
    let database = Database::File(state.path().join("relay.sqlite"));
    let config = Config { database, ..Config::default() };
    let server = Setup::from(config).panic_at(TRAP).start();
    let [sender, receiver] =
        [Client::at(sender, server.url())?, Client::at(receiver, server.url())?];
    let sending = Process::start(sender.send(here.path(), &["--text", "after all"]));
    let code = sending.code();

    let address = server.url().strip_prefix("ws://").unwrap().strip_suffix("/v1").unwrap();
    let mut socket = Socket::open(address, "/v1", &[], PATIENCE).unwrap();
    for command in [
        json!({"type": "bind", "appid": APP, "side": "a stranger"}),
        json!({"type": "claim", "nameplate": TRAP.to_string()}),
    ] {
        socket.text(command.to_string()).unwrap();
    }
    loop {
        match socket.hear().unwrap() {
            Event::Closed(code) => break assert_eq!(code, Some(1013)),
            Event::Text(text) => assert!(!text.contains("error"), "{text}"),
            other => panic!("unexpected {other:?}"),
        }
    }

    let received = Process::start(receiver.receive(there.path(), &[&code])).finish();
    assert!(received.out.contains("after all"), "{received:?}");
    let sent = sending.finish();
    assert!(sent.status.success(), "{sent:?}");
    Ok(())
}

#[test]
fn under_ours() {
    unless_missing(over_a_fall(Maker::Ours, Maker::Ours));
}

#[test]
fn under_python_s() {
    unless_missing(over_a_fall(Maker::Python, Maker::Ours));
}

#[test]
fn under_both_with_python_receiving() {
    unless_missing(over_a_fall(Maker::Ours, Maker::Python));
}
