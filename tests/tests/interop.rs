//! The matrix: sender × receiver × way × payload, between our programs and those of Python, Rust
//! and Go, compared by hash, tree and mode.
//!
//! Python to Python is the control: it proves the harness rather than us.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tempfile::TempDir;
use wormhole_tests::{
    Client, Each, Lab, Maker, Missing, PAYLOADS, Payload, Peer, Process, Relay, Server, Snapshot,
};
use zip::ZipArchive;

/// One cell of the matrix.
#[derive(Clone, Copy)]
struct Cell {
    sender: Peer,
    receiver: Peer,
    server: Maker,
    /// Whose relay the two meet at; otherwise they connect directly.
    relay: Option<Maker>,
    name: &'static str,
    payload: Payload,
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let stage = Arc::new(Stage {
        servers: Each::new(Server::start),
        relays: Each::new(Relay::start),
        laboratories: Each::new(Laboratory::open),
    });
    let trial = |cell: Cell| {
        let stage = Arc::clone(&stage);
        Trial::ignorable_test(cell.name(), move || match cell.run(&stage) {
            Ok(outcome) => outcome.map(|()| Completion::Completed),
            Err(missing) => Ok(Completion::ignored_with(missing)),
        })
    };
    libtest_mimic::run(&args, cells().map(trial).collect()).exit_code()
}

struct Stage {
    servers: Each<Server>,
    relays: Each<Relay>,
    /// By the maker of the relay in it.
    laboratories: Each<Laboratory>,
}

/// Where the programs of Rust and Go run, with our server and one relay.
struct Laboratory {
    server: Server,
    relay: Relay,
    lab: Lab,
}

impl Laboratory {
    fn open(relay: Maker) -> Result<Self, Missing> {
        let lab = Lab::open()?;
        let server = Server::start_in(&lab, Maker::Ours)?;
        Ok(Self { server, relay: Relay::start_in(&lab, relay)?, lab })
    }
}

/// What is sent through relays, to which all payloads are bytes, and to the programs that need a
/// laboratory.
const FEW: [&str; 6] =
    ["five_megabytes", "empty_file", "nested_files", "executable", "many_files", "several_paths"];

fn cells() -> impl Iterator<Item = Cell> {
    use Maker::{Ours, Python};
    const US: Peer = Peer::Ours;
    const PY: Peer = Peer::Python;

    let everything = PAYLOADS.iter();
    let few = everything.clone().filter(|(name, _)| FEW.contains(name));
    let near = [(US, US), (US, PY), (PY, US), (PY, PY)];
    let far = [(US, Peer::Rust), (Peer::Rust, US), (US, Peer::Go), (Peer::Go, US)];

    let cell = |(sender, receiver), server, relay, &(name, payload): &(&'static str, Payload)| {
        Cell { sender, receiver, server, relay, name, payload }
    };
    let direct = near.into_iter().flat_map(move |pair| {
        let everything = everything.clone();
        [Ours, Python].into_iter().flat_map(move |server| {
            everything.clone().map(move |payload| cell(pair, server, None, payload))
        })
    });
    let in_lab = far.into_iter().map(|pair| (pair, None));
    let relayed = near.into_iter().chain(far);
    let relayed = relayed.flat_map(|pair| [Ours, Python].map(|relay| (pair, Some(relay))));
    let rest = in_lab.chain(relayed).flat_map(move |(pair, relay)| {
        few.clone().map(move |payload| cell(pair, Ours, relay, payload))
    });
    direct.chain(rest)
}

impl Cell {
    fn name(&self) -> String {
        let Self { sender, receiver, server, relay, name, .. } = self;
        let way = match relay {
            None if self.needs_laboratory() => "directly".to_owned(),
            None => format!("over_{server}"),
            Some(relay) => format!("through_{relay}"),
        };
        format!("{sender}_to_{receiver}::{way}::{name}")
    }

    fn run(self, stage: &Stage) -> Result<Result<(), Failed>, String> {
        if let Some(limit) = self.limit() {
            return Err(limit.to_owned());
        }
        self.transfer(stage).map_err(|missing| missing.to_string())
    }

    /// What one of the two cannot do, whatever we do.
    fn limit(&self) -> Option<&'static str> {
        match (self.sender, self.receiver, self.name) {
            (_, Peer::Go, "empty_file") => {
                Some("the Go program 1.0.6 cannot receive an empty file")
            }
            (Peer::Python | Peer::Go, _, "several_paths") => Some("it sends one thing at a time"),
            _ => None,
        }
    }

    /// Whether mode bits get lost, which is not ours to prevent.
    fn loses_modes(&self) -> bool {
        // Go's receiver leaves a file as private as its temporary file was.
        self.sender == Peer::Rust || self.receiver == Peer::Go
    }

    /// Whether our program says that the connection is of the kind that was wanted.
    fn tells_the_way(&self, said: &str) -> bool {
        match (self.payload, self.relay) {
            (Payload::Text(_), _) => true,
            (_, Some(_)) => said.contains("ing (relay "),
            (_, None) => said.contains("ing (direct "),
        }
    }

    fn needs_laboratory(&self) -> bool {
        [self.sender, self.receiver].iter().any(|peer| matches!(peer, Peer::Rust | Peer::Go))
    }

    fn transfer(self, stage: &Stage) -> Result<Result<(), Failed>, Missing> {
        if !self.needs_laboratory() {
            let server = stage.servers.by(self.server)?;
            let relay = self.relay.map(|maker| stage.relays.by(maker)).transpose()?;
            return self.between(server, relay, |command| command);
        }
        let laboratory = stage.laboratories.by(self.relay.unwrap_or(Maker::Ours))?;
        let Laboratory { server, relay, lab } = laboratory;
        self.between(server, self.relay.map(|_| relay), |command| lab.enter(&command))
    }

    fn between(
        self,
        server: &Server,
        relay: Option<&Relay>,
        enter: impl Fn(Command) -> Command,
    ) -> Result<Result<(), Failed>, Missing> {
        let client = |peer| {
            let client = Client::new(peer, server)?;
            Ok(match relay {
                Some(relay) => client.through(relay),
                None => client,
            })
        };
        let (sender, receiver) = (client(self.sender)?, client(self.receiver)?);

        let sandbox = TempDir::new().expect("the system has room for temporary files");
        let (from, to) = (sandbox.path().join("from"), sandbox.path().join("to"));
        fs::create_dir(&from).expect("a temporary folder can be written");
        fs::create_dir(&to).expect("a temporary folder can be written");

        let code = fresh_code();
        let args = [&["--code", &code], &self.payload.make(&from)[..]].concat();
        let before = match (self.payload, self.sender) {
            (Payload::Several(_), Peer::Rust) => Snapshot::of(&from).inside("<unnamed folder>"),
            (Payload::Several(_), _) => Snapshot::of(&from).inside("from"),
            _ => Snapshot::of(&from),
        };
        let sending = Process::start(enter(sender.send(&from, &args)));
        let mut receiving = Process::start_typing(enter(receiver.receive(&to, &[&code])));
        if self.receiver == Peer::Go {
            receiving.type_line("y");
        }
        let received = receiving.finish().succeeded();
        let sent = sending.finish().succeeded();
        for (peer, said) in [(self.sender, &sent.err), (self.receiver, &received.err)] {
            if peer == Peer::Ours && !self.tells_the_way(said) {
                return Ok(Err(format!("it went another way: {said}").into()));
            }
        }

        if [self.sender, self.receiver].contains(&Peer::Rust) {
            unpack(&to);
        }
        let mut snapshots = [before, Snapshot::of(&to)];
        if self.loses_modes() {
            snapshots = snapshots.map(Snapshot::without_modes);
        }
        let [before, after] = snapshots;
        let differences = before.differences(&after);
        if !differences.is_empty() {
            return Ok(Err(differences.join("\n").into()));
        }
        match self.payload {
            Payload::Text(text) if received.out.trim_end_matches('\n') != text => {
                Ok(Err(format!("sent {text:?}, received {:?}", received.out).into()))
            }
            _ => Ok(Ok(())),
        }
    }
}

/// A code that no other cell has: not all programs print theirs in the same way.
fn fresh_code() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{}-interop-{}", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id())
}

/// Makes a folder of an archive: the Rust program sends folders as tar archives, and stores the zip
/// archives that it receives.
fn unpack(folder: &Path) {
    for item in fs::read_dir(folder).expect("the folder can be read") {
        let path = item.expect("the folder can be read").path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("tar") => {
                let tar = Command::new("tar").arg("xf").arg(&path).current_dir(folder).status();
                assert!(tar.is_ok_and(|status| status.success()), "tar");
            }
            Some("zip") => {
                unzip(&path, &path.with_extension(""));
            }
            _ => continue,
        }
        fs::remove_file(path).expect("the file is ours");
    }
}

/// The crate's own way keeps what has no entry of its own to its owner.
fn unzip(path: &Path, into: &Path) {
    let archive = File::open(path).expect("the file can be read");
    let mut archive = ZipArchive::new(archive).expect("a zip archive");
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("an entry");
        let at = into.join(&*entry.name().expect("a name in UTF-8"));
        fs::create_dir_all(at.parent().expect("a folder above")).expect("a fresh folder");
        let mut file = File::create(&at).expect("a fresh folder");
        io::copy(&mut entry, &mut file).expect("a whole entry");
        let mode = entry.unix_mode().expect("a mode");
        file.set_permissions(Permissions::from_mode(mode & 0o7777)).expect("the file is ours");
    }
}
