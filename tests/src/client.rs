//! The `wormhole` programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Maker, Missing, Process, Relay, Server, Stream, peer_script};

/// Runs one maker's `wormhole` against one server.
#[derive(Clone, Debug)]
pub struct Client {
    program: PathBuf,
    script: Option<PathBuf>,
    url: String,
    relay: Option<String>,
}

impl Client {
    /// Finds the maker's program.
    ///
    /// # Errors
    ///
    /// [`Missing`] when the peer's program is not installed.
    pub fn new(maker: Maker, server: &Server) -> Result<Self, Missing> {
        Self::at(maker, server.url())
    }

    /// Finds the maker's program, to be run against any address at all.
    ///
    /// # Errors
    ///
    /// [`Missing`] when the peer's program is not installed.
    pub fn at(maker: Maker, url: &str) -> Result<Self, Missing> {
        let (program, script) = match maker {
            Maker::Ours => (maker.program("wormhole")?, None),
            Maker::Python => (maker.program("python")?, Some(peer_script("client.py"))),
        };
        Ok(Self { program, script, url: url.to_owned(), relay: None })
    }

    /// Has it reach others through this relay alone.
    pub fn through(self, relay: &Relay) -> Self {
        Self { relay: Some(relay.hint().to_owned()), ..self }
    }

    /// Builds `wormhole send ARGS`, to be run in `folder`.
    pub fn send(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = self.command(folder);
        command.args(["send", "--hide-progress", "--no-qr"]).args(self.listening()).args(args);
        command
    }

    /// Builds `wormhole receive ARGS`, to be run in `folder`, which accepts without asking.
    pub fn receive(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = self.command(folder);
        command
            .args(["receive", "--hide-progress", "--accept-file"])
            .args(self.listening())
            .args(args);
        command
    }

    /// Builds `wormhole ARGS`, to be run in `folder`.
    pub fn run(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = self.command(folder);
        command.args(args);
        command
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.script);
        command.current_dir(folder).env("HOME", folder).env("LC_ALL", "C.UTF-8");
        for setting in ["APPID", "RELAY_URL", "TRANSIT_HELPER", "ACCEPT_FILE", "QR"] {
            command.env_remove(format!("WORMHOLE_{setting}"));
        }
        let relay = self.relay.as_deref().unwrap_or_default();
        command.args(["--relay-url", &self.url, "--transit-helper", relay]);
        command
    }

    fn listening(&self) -> Option<&'static str> {
        self.relay.as_ref().map(|_| "--no-listen")
    }
}

impl Process {
    /// Waits until a sender shows its code.
    ///
    /// # Panics
    ///
    /// When the program ends without showing one.
    pub fn code(&self) -> String {
        self.line_after(Stream::Err, "Wormhole code is: ")
    }
}
