//! The `wormhole` programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Gate, Missing, Peer, Process, Relay, Server, Stream, peer_script};

/// Runs one program against one server.
#[derive(Clone, Debug)]
pub struct Client {
    peer: Peer,
    program: PathBuf,
    url: String,
    way: Way,
}

/// How it may reach others.
#[derive(Clone, Debug)]
enum Way {
    Direct,
    Through { hint: String, url: String },
}

impl Client {
    /// Finds the program.
    ///
    /// # Errors
    ///
    /// [`Missing`] when it is not installed.
    pub fn new(peer: impl Into<Peer>, server: &Server) -> Result<Self, Missing> {
        Self::at(peer, server.url())
    }

    /// Finds the program, to be run against any address at all.
    ///
    /// # Errors
    ///
    /// [`Missing`] when it is not installed.
    pub fn at(peer: impl Into<Peer>, url: &str) -> Result<Self, Missing> {
        let peer = peer.into();
        Ok(Self { peer, program: peer.program()?, url: url.to_owned(), way: Way::Direct })
    }

    /// Has it reach others through this relay alone, where it can be told so.
    pub fn through(self, relay: &Relay) -> Self {
        self.through_hint(relay.hint())
    }

    /// The same for a relay at any address, `tcp:HOST:PORT`.
    pub fn through_hint(self, hint: &str) -> Self {
        Self {
            way: Way::Through { hint: hint.to_owned(), url: hint.replacen(':', "://", 1) },
            ..self
        }
    }

    /// Has it reach others through this gate alone.
    pub fn through_gate(self, gate: &Gate) -> Self {
        let hint = gate.hint();
        Self {
            way: Way::Through { hint: hint.to_owned(), url: hint.replacen(':', "://", 1) },
            ..self
        }
    }

    /// Builds `wormhole send ARGS`, to be run in `folder`.
    pub fn send(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = self.command(folder);
        match self.peer {
            Peer::Ours | Peer::Python => {
                command.args(["send", "--hide-progress", "--no-qr"]);
            }
            Peer::Rust => {
                command.args(["send", "--no-qr", "--no-color"]);
            }
            Peer::Go => {
                command.args(["send", "--hide-progress"]);
            }
        }
        command.args(self.rendezvous()).args(self.ways()).args(args);
        command
    }

    /// Builds `wormhole receive ARGS`, to be run in `folder`, which accepts without asking; Go's
    /// asks nevertheless.
    pub fn receive(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = self.command(folder);
        command.arg("receive");
        match self.peer {
            Peer::Ours | Peer::Python => command.args(["--hide-progress", "--accept-file"]),
            Peer::Rust => command.args(["--noconfirm", "--no-color"]),
            Peer::Go => command.arg("--hide-progress"),
        };
        command.args(self.rendezvous()).args(self.ways()).args(args);
        command
    }

    /// Builds `wormhole receive ARGS`, to be run in `folder`, which asks before it accepts; Rust's
    /// has no such thing to say.
    pub fn ask_to_receive(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = self.command(folder);
        command.args(["receive", "--hide-progress"]);
        command.args(self.rendezvous()).args(self.ways()).args(args);
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
        if self.peer == Peer::Python {
            command.arg(peer_script("client.py"));
        }
        command.current_dir(folder).env("HOME", folder).env("LC_ALL", "C.UTF-8");
        for setting in ["APPID", "RELAY_URL", "MAILBOX_URL", "TRANSIT_HELPER", "ACCEPT_FILE", "QR"]
        {
            command.env_remove(format!("WORMHOLE_{setting}"));
        }
        let relay = match &self.way {
            Way::Direct => "",
            Way::Through { hint, .. } => hint,
        };
        if let Peer::Ours | Peer::Python = self.peer {
            command.args(["--relay-url", &self.url, "--transit-helper", relay]);
        }
        command
    }

    /// Where the others meet; ours and Python's take it before the command.
    fn rendezvous(&self) -> Vec<&str> {
        match self.peer {
            Peer::Ours | Peer::Python => Vec::new(),
            Peer::Rust => vec!["--rendezvous-server", &self.url],
            Peer::Go => vec!["--relay-url", &self.url],
        }
    }

    fn ways(&self) -> Vec<&str> {
        match (self.peer, &self.way) {
            (Peer::Ours, Way::Through { .. }) => vec!["--force-relay"],
            (Peer::Python, Way::Through { .. }) => vec!["--no-listen"],
            (Peer::Rust, Way::Direct) => vec!["--force-direct"],
            (Peer::Rust, Way::Through { url, .. }) => vec!["--force-relay", "--relay-server", url],
            (Peer::Ours | Peer::Python, Way::Direct) | (Peer::Go, _) => Vec::new(),
        }
    }
}

/// Builds a peer that misbehaves on purpose, as `peers/scripted.py` tells.
///
/// # Errors
///
/// [`Missing`] when Python's client, on which it stands, is not installed.
pub fn scripted(server: &Server, args: &[&str]) -> Result<Command, Missing> {
    let mut command = Command::new(Peer::Python.program()?);
    command.arg(peer_script("scripted.py")).arg(server.url()).args(args);
    Ok(command)
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
