//! A server under load, seen from outside: its processor time and its memory.

use std::{
    fs,
    process::Command,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::{runtime, task::LocalSet};
use wormhole_tests::{Maker, Missing, Process, Stream};

use crate::session;

/// Where a server keeps its state.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Memory,
    Disk,
}

/// A running server.
pub(crate) struct Subject {
    process: Process,
    /// `HOST:PORT`
    address: String,
    _folder: TempDir,
}

/// What a load came to.
pub(crate) struct Load {
    /// The server's processor time in seconds for a thousand sessions.
    pub(crate) cpu: f64,
    /// Sessions a second.
    pub(crate) rate: f64,
    /// The median time from an `add` to the other side, in milliseconds.
    pub(crate) delivery: f64,
}

/// What idle connections cost.
pub(crate) struct Idle {
    /// Kilobytes for each.
    pub(crate) each: f64,
    /// Megabytes with all of them.
    pub(crate) peak: f64,
    /// Megabytes some seconds after all have closed.
    pub(crate) kept: f64,
}

impl Subject {
    pub(crate) fn start(maker: Maker, kind: Kind) -> Result<Self, Missing> {
        // Not in /tmp, which may be in memory.
        let folder =
            TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder that can be written to");
        let path = folder.path().join("relay.sqlite").to_string_lossy().into_owned();
        let database = match kind {
            Kind::Memory => ":memory:",
            Kind::Disk => &path,
        };
        let (program, arguments, marker): (_, Vec<String>, _) = match maker {
            Maker::Ours => {
                let mut arguments: Vec<String> =
                    ["mailbox", "--host=127.0.0.1", "--port=0"].map(Into::into).into();
                arguments.push(format!("--channel-db={database}"));
                arguments.extend(UNLIMITED.iter().map(|limit| format!("--max-{limit}=0")));
                ("wormhole-server", arguments, "listening on ")
            }
            Maker::Python => {
                let arguments = [
                    "--log-format=text",
                    "wormhole-mailbox",
                    "--port=tcp:0:interface=127.0.0.1",
                    &format!("--channel-db={database}"),
                ];
                ("twist", arguments.map(Into::into).into(), "Site starting on ")
            }
        };
        let mut command = Command::new(maker.program(program)?);
        command.args(arguments);
        let mut subject = Self::of(command, marker, |line| match maker {
            Maker::Ours => line.clone(),
            Maker::Python => format!("ws://127.0.0.1:{line}/v1"),
        });
        subject._folder = folder;
        Ok(subject)
    }

    /// Starts a program that tells its address in the line with `marker`.
    pub(crate) fn of(command: Command, marker: &str, url: impl Fn(&String) -> String) -> Self {
        let process = Process::start(command);
        let url = url(&process.line_after(Stream::Out, marker));
        let address = url.strip_prefix("ws://").and_then(|rest| rest.strip_suffix("/v1"));
        let address = address.expect("ws://HOST:PORT/v1").to_owned();
        Self { process, address, _folder: TempDir::new().expect("a folder") }
    }

    /// Runs so many sessions, so many of them at a time.
    pub(crate) fn load(&self, sessions: usize, at_once: usize) -> Load {
        let (cpu, start) = (self.process.cpu(), Instant::now());
        let address: Rc<str> = self.address.as_str().into();
        let runners = (0..at_once).map(|_| {
            let address = Rc::clone(&address);
            async move {
                let mut deliveries = Vec::new();
                for _ in 0..sessions / at_once {
                    deliveries.extend(session::run(&address).await);
                }
                deliveries
            }
        });
        let mut deliveries: Vec<Duration> = block_on(join_all(runners)).concat();
        deliveries.sort_unstable();
        Load {
            cpu: (self.process.cpu() - cpu) * 1e3 / sessions as f64,
            rate: sessions as f64 / start.elapsed().as_secs_f64(),
            delivery: deliveries[deliveries.len() / 2].as_secs_f64() * 1e3,
        }
    }

    /// Opens and binds so many connections, and closes them again.
    pub(crate) fn idle(&self, connections: usize) -> Idle {
        block_on(async {
            session::bound(&self.address, "first").await.close().await;
            let before = self.resident();
            let mut lines = Vec::new();
            for number in 0..connections {
                lines.push(session::bound(&self.address, &number.to_string()).await);
            }
            calm_down();
            let peak = self.resident();
            join_all(lines.into_iter().map(|line| line.close())).await;
            calm_down();
            Idle {
                each: (peak - before) / connections as f64,
                peak: peak / 1e3,
                kept: self.resident() / 1e3,
            }
        })
    }

    /// Resident kilobytes.
    fn resident(&self) -> f64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).expect("a number of kB")
    }
}

/// The limits that a load from one address would meet.
const UNLIMITED: &[&str] = &[
    "connection-commands",
    "address-commands",
    "address-connections",
    "address-nameplates",
    "address-mailboxes",
];

/// Nothing tells when an allocator has given back what it will.
#[allow(clippy::disallowed_methods)]
fn calm_down() {
    thread::sleep(Duration::from_secs(5));
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), future)
}
