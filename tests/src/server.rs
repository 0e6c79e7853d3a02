//! Mailbox servers on free ports.

use std::process::Command;

use crate::{Lab, Maker, Missing, Process, Stream, process};

/// Is a running mailbox server with an empty database in memory.
pub struct Server {
    url: String,
    process: Process,
}

impl Server {
    /// Starts a server on a port of the system's choice and waits until it listens.
    ///
    /// # Errors
    ///
    /// [`Missing`] when the peer's program is not installed.
    pub fn start(maker: Maker) -> Result<Self, Missing> {
        Self::start_as(maker, Process::start)
    }

    /// Starts one inside a lab.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_in(lab: &Lab, maker: Maker) -> Result<Self, Missing> {
        Self::start_as(maker, |command| Process::start(lab.enter(&command)))
    }

    fn start_as(maker: Maker, start: impl Fn(Command) -> Process) -> Result<Self, Missing> {
        match maker {
            Maker::Ours => {
                let mut command = Command::new(maker.program("wormhole-server")?);
                command.args(["mailbox", "--host", "127.0.0.1", "--port", "0"]);
                // Transcripts speak as a reverse proxy of this machine would.
                command.args(["--channel-db", ":memory:", "--trusted-proxy", "127.0.0.1"]);
                let process = start(command);
                let url = process.line_after(Stream::Out, "listening on ");
                Ok(Self { url, process })
            }
            Maker::Python => {
                let mut command = Command::new(maker.program("twist")?);
                command.args(["--log-format=text", "wormhole-mailbox", "--channel-db=:memory:"]);
                // The recorded server kept usage records too: some of its refusals come from there.
                command.args(["--usage-db=:memory:", "--port=tcp:0:interface=127.0.0.1"]);
                let process = start(command);
                let port = process.line_after(Stream::Out, "Site starting on ");
                Ok(Self { url: format!("ws://127.0.0.1:{port}/v1"), process })
            }
        }
    }

    /// Returns the address for clients, `ws://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks the server to stop.
    ///
    /// # Panics
    ///
    /// When the signal cannot be sent.
    pub fn interrupt(&self) {
        self.process.interrupt();
    }

    /// Stops the server in the midst of everything: whoever is connected stays so, and hears
    /// nothing.
    ///
    /// # Panics
    ///
    /// When the signal cannot be sent.
    pub fn silence(&self) {
        process::signal("-STOP", self.process.id());
    }
}
