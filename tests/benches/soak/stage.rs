//! Both servers, the disk of one of them, and what has happened to them.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::Instant,
};

use rusqlite::Connection;
use tempfile::TempDir;
use wormhole_tests::{Maker, Process, Stream};

use crate::{faults::Fault, forwarder::Forwarder, tally::Tally};

/// The servers and where their clients find them.
pub(crate) struct Stage {
    folder: TempDir,
    /// Whether disks can be mounted, to be filled up.
    pub(crate) disks: bool,
    pub(crate) mailbox: Forwarder,
    pub(crate) relay: Forwarder,
    mailbox_server: Mutex<Process>,
    relay_server: Mutex<Process>,
    happened: Mutex<Vec<Happened>>,
    /// What servers have said that had to go.
    said: Mutex<Vec<String>>,
}

/// Something that has happened, or still does.
pub(crate) struct Happened {
    fault: Fault,
    end: Option<Instant>,
}

/// Megabytes of the mailbox server's disk, and of a receiver's that is too small.
const SERVER_DISK: u32 = 64;
const SMALL_DISK: u32 = 3;

impl Stage {
    pub(crate) fn set() -> Self {
        let folder = TempDir::new().unwrap();
        let disks = [("server", SERVER_DISK), ("small", SMALL_DISK)].map(|(name, megabytes)| {
            fs::create_dir(folder.path().join(name)).unwrap();
            mount(&folder.path().join(name), megabytes)
        });
        if disks != [true; 2] {
            println!("no disk can be mounted here: none will be full");
        }
        let (mailbox, relay) = (Forwarder::start(), Forwarder::start());
        let mailbox_server = start_mailbox(folder.path(), &mailbox);
        let relay_server = start_relay(&relay);
        Self {
            folder,
            disks: disks == [true; 2],
            mailbox,
            relay,
            mailbox_server: Mutex::new(mailbox_server),
            relay_server: Mutex::new(relay_server),
            happened: Mutex::default(),
            said: Mutex::default(),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/v1", self.mailbox.port())
    }

    pub(crate) fn hint(&self) -> String {
        format!("tcp:127.0.0.1:{}", self.relay.port())
    }

    /// A folder on a disk on which little has room.
    pub(crate) fn small_disk(&self) -> PathBuf {
        self.folder.path().join("small")
    }

    /// Ends the mailbox server by a signal, and starts it again after a while.
    pub(crate) fn restart_mailbox(&self, signal: &str, pause: impl FnOnce()) {
        let mut server = self.mailbox_server.lock().unwrap();
        server.signal(signal);
        pause();
        *server = self.again(&mut server, || start_mailbox(self.folder.path(), &self.mailbox));
    }

    /// The same for the relay.
    pub(crate) fn restart_relay(&self, signal: &str, pause: impl FnOnce()) {
        let mut server = self.relay_server.lock().unwrap();
        server.signal(signal);
        pause();
        *server = self.again(&mut server, || start_relay(&self.relay));
    }

    /// Takes what the old one has said, and starts a new one.
    fn again(&self, old: &mut Process, start: impl FnOnce() -> Process) -> Process {
        if !old.ends_within(wormhole_tests::PATIENCE) {
            self.said.lock().unwrap().push("a server did not end: panicked".to_owned());
        }
        old.kill();
        self.said.lock().unwrap().push(old.said());
        start()
    }

    /// Stops the mailbox server in the midst of everything, for a while.
    pub(crate) fn freeze_mailbox(&self, pause: impl FnOnce()) {
        let server = self.mailbox_server.lock().unwrap();
        server.signal("-STOP");
        pause();
        server.signal("-CONT");
    }

    /// Fills up the mailbox server's disk, for a while.
    pub(crate) fn fill_disk(&self, pause: impl FnOnce()) {
        let ballast = self.folder.path().join("server/ballast");
        let mut file = File::create(&ballast).unwrap();
        for length in [1 << 16, 512] {
            while file.write_all(&vec![0; length]).is_ok() {}
        }
        pause();
        fs::remove_file(ballast).unwrap();
    }

    /// Writes down what happens while it does.
    pub(crate) fn during(&self, fault: Fault, happen: impl FnOnce()) {
        let place = {
            let mut happened = self.happened.lock().unwrap();
            happened.push(Happened { fault, end: None });
            happened.len() - 1
        };
        happen();
        self.happened.lock().unwrap()[place].end = Some(Instant::now());
    }

    /// What happened at some time since `begin`.
    pub(crate) fn since(&self, begin: Instant) -> Vec<Fault> {
        let happened = self.happened.lock().unwrap();
        let late = happened.iter().filter(|one| one.end.is_none_or(|end| end >= begin));
        late.map(|one| one.fault).collect()
    }

    /// Ends both servers and looks at what they leave.
    pub(crate) fn judge(&self, tally: &Tally) {
        for server in [&self.mailbox_server, &self.relay_server] {
            let mut server = server.lock().unwrap();
            server.signal("-TERM");
            if !server.ends_within(wormhole_tests::PATIENCE) {
                tally.blame("a server does not end", &server.said());
            }
            server.kill();
            self.said.lock().unwrap().push(server.said());
        }
        for said in self.said.lock().unwrap().iter().filter(|said| said.contains("panicked")) {
            tally.blame("a server panicked", said);
        }
        let database = self.folder.path().join("server/relay.sqlite");
        let checked: String = Connection::open(database)
            .and_then(|open| open.query_row("PRAGMA integrity_check", [], |row| row.get(0)))
            .unwrap_or_else(|error| error.to_string());
        if checked != "ok" {
            tally.blame("the database is broken", &checked);
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts = BTreeMap::new();
        for one in self.happened.lock().unwrap().iter() {
            *counts.entry(format!("{:?}", one.fault)).or_insert(0) += 1;
        }
        write!(f, "what happened: {counts:?}")
    }
}

fn mount(folder: &Path, megabytes: u32) -> bool {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(folder);
    mount.output().is_ok_and(|done| done.status.success())
}

fn start_mailbox(folder: &Path, forwarder: &Forwarder) -> Process {
    let mut command = Command::new(Maker::Ours.program("wormhole-server").unwrap());
    command.args(["mailbox", "--host=127.0.0.1", "--port=0", "--hold-down=0", "--channel-db"]);
    command.arg(folder.join("server/relay.sqlite"));
    // All clients come from one address here.
    command.args(["--max-address-nameplates=0", "--max-address-mailboxes=0"]);
    let server = Process::start(command);
    let url = server.line_after(Stream::Out, "listening on ws://127.0.0.1:");
    forwarder.lead_to(url.trim_end_matches("/v1").parse().unwrap());
    server
}

fn start_relay(forwarder: &Forwarder) -> Process {
    let mut command = Command::new(Maker::Ours.program("wormhole-server").unwrap());
    command.args(["relay", "--port=tcp:0:interface=127.0.0.1"]);
    let server = Process::start(command);
    forwarder
        .lead_to(server.line_after(Stream::Out, "listening on tcp:127.0.0.1:").parse().unwrap());
    server
}
