//! The same conversations by websocket with our relay and with Python's: clients hear the same, and
//! the same is recorded.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use serde_json::Value;
use wormhole_tests::{Maker, Missing, Process, Stream, peer_script, unless_missing};

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

/// A relay that has its usage log on its standard output.
struct Relay {
    process: Process,
    tcp: String,
    websocket: String,
}

impl Relay {
    fn start(maker: Maker) -> Result<Self, Missing> {
        let arguments =
            [format!("--port={ENDPOINT}"), format!("--websocket={ENDPOINT}"), "--log-fd=1".into()];
        let mut command = match maker {
            Maker::Ours => Command::new(maker.program("wormhole-server")?),
            Maker::Python => Command::new(maker.program("twist")?),
        };
        if maker == Maker::Ours {
            command.arg("relay").args(arguments);
            let process = Process::start(command);
            let line = process.line_after(Stream::Out, "listening on tcp:");
            let (tcp, websocket) = line.split_once(' ').unwrap();
            return Ok(Self { process, tcp: tcp.to_owned(), websocket: websocket.to_owned() });
        }
        command.args(["--log-format=text", "transitrelay"]).args(arguments);
        // Only for its library, which wants to know it.
        command.arg("--websocket-url=ws://127.0.0.1:1/");
        let process = Process::start(command);
        let port = |marker| process.line_after(Stream::Out, marker);
        let tcp = format!("127.0.0.1:{}", port("[-] ServerFactory starting on "));
        let websocket = format!("ws://127.0.0.1:{}/", port("WebSocketServerFactory starting on "));
        Ok(Self { process, tcp, websocket })
    }

    /// Stops it, and gives what it has recorded, without times.
    fn records(self) -> Vec<String> {
        self.process.interrupt();
        let said = self.process.finish().out;
        let lines = said.lines().filter(|line| line.starts_with('{'));
        let records = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        records
            .map(|one| {
                let waited = if one["waiting_time"].is_null() { "alone" } else { "joined" };
                format!("{} {} {waited}", one["mood"].as_str().unwrap(), one["total_bytes"])
            })
            .collect()
    }
}

/// Has the conversations; gives what clients heard, and what was recorded.
fn converse(maker: Maker) -> Result<(String, Vec<String>), Missing> {
    let relay = Relay::start(maker)?;
    let mut clients = Command::new(Maker::Python.program("python")?);
    clients.arg(peer_script("relay_websocket.py")).args([&relay.websocket, &relay.tcp]);
    let heard = Process::start(clients).finish();
    assert!(heard.out.ends_with("done\n"), "{maker}: {}\n{}", heard.out, heard.err);
    Ok((heard.out, relay.records()))
}

#[test]
fn websockets_are_served_and_recorded_as_by_python() {
    let Some(ours) = unless_missing(converse(Maker::Ours)) else { return };
    let Some(python) = unless_missing(converse(Maker::Python)) else { return };
    assert_eq!(ours.0, python.0);
    let [mut ours, mut python] = [ours.1, python.1];
    assert_eq!(ours.len(), 10, "{ours:?}");
    // When the end of a spare is told is not agreed upon.
    ours.sort_unstable();
    python.sort_unstable();
    assert_eq!(ours, python);
}
