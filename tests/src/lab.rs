//! A network of its own, with nothing in it but what a test starts there.

use std::env;
use std::io::Write;
use std::process::Command;

use tempfile::NamedTempFile;

use crate::{Missing, Process, Stream};

/// An address that is not loopback: the Rust and the Go program offer no other.
const ADDRESS: &str = "192.0.2.55/32";

/// Everybody's public relay, which the Go program cannot be talked out of, is on this machine here.
const HOSTS: &str = "127.0.0.1 localhost\n127.0.0.1 transit.magic-wormhole.io\n";

/// Is a network and a view of `/etc/hosts`, which end with it.
pub struct Lab {
    namespace: Process,
    _hosts: NamedTempFile,
}

impl Lab {
    /// Opens a lab with a loopback interface, one other address, and no way out.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the system does not allow it.
    ///
    /// # Panics
    ///
    /// When a temporary file cannot be written.
    pub fn open() -> Result<Self, Missing> {
        let allowed = Command::new("unshare").args(["--net", "--mount", "true"]).output();
        if !allowed.is_ok_and(|tried| tried.status.success()) {
            return Err(Missing::because("only root can make a network of its own (unshare)"));
        }
        let mut hosts = NamedTempFile::new().expect("a temporary file can be made");
        hosts.write_all(HOSTS.as_bytes()).expect("a temporary file can be written");
        let script = "ip link set lo up && ip address add \"$1\" dev lo && \
            mount --bind \"$2\" /etc/hosts && echo the lab is open && exec cat";
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "sh", "-c", script, "sh", ADDRESS]).arg(hosts.path());
        let namespace = Process::start_typing(command);
        namespace.line_after(Stream::Out, "the lab is open");
        Ok(Self { namespace, _hosts: hosts })
    }

    /// Has a command run in the lab.
    pub fn enter(&self, command: &Command) -> Command {
        let folder = command.get_current_dir().map(ToOwned::to_owned);
        let folder = folder.or_else(|| env::current_dir().ok()).unwrap_or_default();
        let mut entering = Command::new("nsenter");
        entering.arg(format!("--target={}", self.namespace.id())).args(["--net", "--mount"]);
        entering.arg(format!("--wdns={}", folder.display())).arg("--");
        entering.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => entering.env(name, value),
                None => entering.env_remove(name),
            };
        }
        entering
    }
}
