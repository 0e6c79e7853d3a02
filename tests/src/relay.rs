//! Transit relays on free ports.

use std::process::Command;

use crate::{Lab, Maker, Missing, Process, Stream};

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
        Self::start_as(maker, 0, Process::start)
    }

    /// Starts one inside a lab, on the port at which everybody's relay is.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_in(lab: &Lab, maker: Maker) -> Result<Self, Missing> {
        Self::start_as(maker, 4001, |command| Process::start(lab.enter(&command)))
    }

    fn start_as(
        maker: Maker,
        port: u16,
        start: impl Fn(Command) -> Process,
    ) -> Result<Self, Missing> {
        let endpoint = format!("--port=tcp:{port}:interface=127.0.0.1");
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
        let process = start(command);
        let port = process.line_after(Stream::Out, marker);
        Ok(Self { hint: format!("tcp:127.0.0.1:{port}"), _process: process })
    }

    /// Returns the address for clients, `tcp:127.0.0.1:PORT`.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}
