//! Two computers behind two home routers: every combination of the flags that choose ways ends, soon
//! where it is known that nothing can come of it, and with the true reason on both sides.

#![allow(clippy::unwrap_used)]

use std::{
    fmt, fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use wormhole_tests::{Finished, Homes, Maker, Missing, Place, Process, Stream, unless_missing};

/// How a side connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flags {
    Default,
    NoListen,
    ForceDirect,
    ForceDirectNoListen,
    ForceRelay,
    ForceRelayNoListen,
}

use Flags::*;

const ALL: [Flags; 6] =
    [Default, NoListen, ForceDirect, ForceDirectNoListen, ForceRelay, ForceRelayNoListen];

/// What must come of two of them, where no direct connection can stand.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It is there, by the relay.
    Arrives,
    /// Both know at once that they have nothing in common.
    Apart,
    /// Nobody can be dialled, and that is known at once.
    NoWay,
    /// It may take the time that a direct connection has.
    Late,
}

impl Flags {
    fn args(self) -> &'static [&'static str] {
        match self {
            Default => &[],
            NoListen => &["--no-listen"],
            ForceDirect => &["--force-direct"],
            ForceDirectNoListen => &["--force-direct", "--no-listen"],
            ForceRelay => &["--force-relay"],
            ForceRelayNoListen => &["--force-relay", "--no-listen"],
        }
    }

    fn is_direct_only(self) -> bool {
        matches!(self, ForceDirect | ForceDirectNoListen)
    }

    fn is_relay_only(self) -> bool {
        matches!(self, ForceRelay | ForceRelayNoListen)
    }

    fn listens(self) -> bool {
        matches!(self, Default | ForceDirect)
    }

    /// What comes of it with the other end's.
    fn with(self, other: Self) -> End {
        match [self, other] {
            both if !both.iter().any(|flags| flags.is_direct_only()) => End::Arrives,
            both if both.iter().any(|flags| flags.is_relay_only()) => End::Apart,
            both if !both.iter().any(|flags| flags.listens()) => End::NoWay,
            _ => End::Late,
        }
    }
}

/// The network with a mailbox server and a relay in it.
struct Street {
    homes: Homes,
    url: String,
    relay: String,
    _servers: [Process; 2],
}

impl Street {
    fn build() -> Result<Self, Missing> {
        let homes = Homes::build()?;
        let start = |args: &[&str]| {
            let mut command = Command::new(Maker::Ours.program("wormhole-server")?);
            command.args(args);
            Ok(Process::start(homes.enter(Place::Server, &command)))
        };
        let host = Homes::SERVER;
        let mailbox = start(&["mailbox", "--host", host, "--port=0", "--channel-db=:memory:"])?;
        let relay = start(&["relay", &format!("--port=tcp:0:interface={host}")])?;
        let url = mailbox.line_after(Stream::Out, "listening on ");
        let port = relay.line_after(Stream::Out, &format!("listening on tcp:{host}:"));
        let relay_hint = format!("tcp:{host}:{}", port.split_whitespace().next().unwrap());
        Ok(Self { homes, url, relay: relay_hint, _servers: [mailbox, relay] })
    }

    /// Sends a file from one home to the other.
    fn transfer(&self, number: usize, flags: [Flags; 2]) -> Cell {
        let [sends, receives] = flags;
        let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        fs::write(here.path().join("file"), b"some bytes").unwrap();
        let code = format!("{number}-aa-bb");
        let begun = Instant::now();
        let run = |place, folder: &TempDir, verb, flags: Flags, rest: &[&str]| {
            let mut command = Command::new(Maker::Ours.program("wormhole").unwrap());
            command.current_dir(folder.path()).env("HOME", folder.path()).env("LC_ALL", "C.UTF-8");
            command.args(["--relay-url", &self.url, "--transit-helper", &self.relay]);
            command.args([verb, "--hide-progress"]).args(flags.args()).args(rest);
            let finished = Process::start(self.homes.enter(place, &command)).finish();
            Ended { finished, after: begun.elapsed() }
        };
        let ends = thread::scope(|scope| {
            let sending =
                scope.spawn(|| run(Place::Left, &here, "send", sends, &["--code", &code, "file"]));
            let received =
                run(Place::Right, &there, "receive", receives, &["--accept-file", &code]);
            [sending.join().unwrap(), received]
        });
        let arrived = fs::read(there.path().join("file")).is_ok_and(|b| b == b"some bytes");
        Cell { flags, ends, arrived }
    }

    /// Runs all these side by side, and judges them.
    fn transfers(&self, cells: impl IntoIterator<Item = [Flags; 2]>) {
        let cells: Vec<_> = thread::scope(|scope| {
            let begun = (1..).zip(cells);
            let begun = begun.map(|(n, flags)| scope.spawn(move || self.transfer(n, flags)));
            let begun: Vec<_> = begun.collect();
            begun.into_iter().map(|cell| cell.join().unwrap()).collect()
        });
        cells.iter().for_each(|cell| println!("{cell}"));
        cells.iter().for_each(Cell::judge);
    }
}

/// How one side ended.
struct Ended {
    finished: Finished,
    after: Duration,
}

impl Ended {
    /// The last line that it said.
    fn said(&self) -> &str {
        self.finished.err.lines().last().unwrap_or_default()
    }
}

/// What became of one transfer.
struct Cell {
    flags: [Flags; 2],
    ends: [Ended; 2],
    arrived: bool,
}

impl Cell {
    fn judge(&self) {
        let expected = self.flags[0].with(self.flags[1]);
        let told = |reason: &[&str]| {
            for end in &self.ends {
                assert_eq!(end.finished.status.code(), Some(1), "{self}");
                let said = end.said();
                assert!(reason.iter().any(|reason| said.contains(reason)), "{self}");
            }
        };
        match expected {
            End::Arrives => {
                assert!(self.ends.iter().all(|end| end.finished.status.success()), "{self}");
            }
            End::Apart => told(&["directly only"]),
            End::NoWay => told(&["neither side listens", "no direct connection could be made"]),
            End::Late => told(&["relays are switched off", "uses no relay"]),
        }
        assert_eq!(self.arrived, expected == End::Arrives, "{self}");
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flags: [sends, receives], ends: [sent, received], arrived } = self;
        let [sent_after, received_after] = [sent.after, received.after].map(|t| t.as_secs_f64());
        write!(f, "| {sends:?} | {receives:?} | {} ", if *arrived { "arrives" } else { "fails" })?;
        write!(f, "| {sent_after:.1} | {} ", sent.said())?;
        write!(f, "| {received_after:.1} | {} |", received.said())
    }
}

#[test]
fn behind_two_routers_each_kind_of_end_is_told_to_both() {
    let Some(street) = unless_missing(Street::build()) else { return };
    let cells = [
        [Default, Default],
        [ForceDirect, ForceDirect],
        [ForceDirect, ForceRelay],
        [ForceDirectNoListen, ForceDirectNoListen],
    ];
    street.transfers(cells);
}

#[test]
#[ignore = "takes long: tests/long routes"]
fn behind_two_routers_every_combination_of_flags_ends() {
    let Some(street) = unless_missing(Street::build()) else { return };
    let cells = ALL.into_iter().flat_map(|sends| ALL.map(|receives| [sends, receives]));
    street.transfers(cells);
}
