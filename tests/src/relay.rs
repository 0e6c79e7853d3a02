//! Transit relays on free ports.

use std::process::Command;

use crate::{Maker, Missing, Process, Stream};

/// Is a running transit relay.
pub struct Relay {
    hint: String,
    _process: Process,
}

impl Relay {
    /// Starts a relay on a port of the system's choice and waits until it listens.
    ///
    /// # Errors
    ///
    /// [`Missing`] when the peer's program is not installed.
    pub fn start(maker: Maker) -> Result<Self, Missing> {
        let endpoint = "--port=tcp:0:interface=127.0.0.1";
        let (mut command, marker) = match maker {
            Maker::Ours => {
                let mut command = Command::new(maker.program("wormhole-server")?);
                command.arg("relay");
                (command, "listening on tcp:127.0.0.1:")
            }
            Maker::Python => {
                let mut command = Command::new(maker.program("twist")?);
                command.args(["--log-format=text", "transitrelay"]);
                (command, "ServerFactory starting on ")
            }
        };
        command.arg(endpoint);
        let process = Process::start(command);
        let port = process.line_after(Stream::Out, marker);
        Ok(Self { hint: format!("tcp:127.0.0.1:{port}"), _process: process })
    }

    /// Returns the address for clients, `tcp:127.0.0.1:PORT`.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}
