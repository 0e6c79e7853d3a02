//! The matrix: sender × receiver × server × payload, between our programs and Python's; and
//! sender × receiver × relay.
//!
//! Python to Python is the control: it proves the harness rather than us.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tempfile::TempDir;
use wormhole_tests::{
    Client, Each, Maker, Missing, PAYLOADS, Payload, Process, Relay, Server, Snapshot,
};

/// One cell of the matrix.
#[derive(Clone, Copy)]
struct Cell {
    sender: Maker,
    receiver: Maker,
    server: Maker,
    /// Whose relay the two meet at; otherwise they connect directly.
    relay: Option<Maker>,
    name: &'static str,
    payload: Payload,
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let stage =
        Arc::new(Stage { servers: Each::new(Server::start), relays: Each::new(Relay::start) });
    let trial = |cell: Cell| {
        let stage = Arc::clone(&stage);
        Trial::ignorable_test(cell.name(), move || match cell.transfer(&stage) {
            Ok(outcome) => outcome.map(|()| Completion::Completed),
            Err(missing) => Ok(Completion::ignored_with(missing)),
        })
    };
    libtest_mimic::run(&args, cells().map(trial).collect()).exit_code()
}

/// What is sent through relays.
const THROUGH_RELAYS: [&str; 2] = ["five_megabytes", "empty_file"];

struct Stage {
    servers: Each<Server>,
    relays: Each<Relay>,
}

fn cells() -> impl Iterator<Item = Cell> {
    use Maker::{Ours, Python};
    let pairs = [(Ours, Ours), (Ours, Python), (Python, Ours), (Python, Python)];
    pairs.into_iter().flat_map(|(sender, receiver)| {
        let cell = move |server, relay, &(name, payload): &(&'static str, Payload)| Cell {
            sender,
            receiver,
            server,
            relay,
            name,
            payload,
        };
        let direct = [Ours, Python].into_iter().flat_map(move |server| {
            PAYLOADS.iter().map(move |payload| cell(server, None, payload))
        });
        // To a relay all payloads are bytes.
        let relayed = [Ours, Python].into_iter().flat_map(move |relay| {
            let some = PAYLOADS.iter().filter(|(name, _)| THROUGH_RELAYS.contains(name));
            some.map(move |payload| cell(Ours, Some(relay), payload))
        });
        direct.chain(relayed)
    })
}

impl Cell {
    fn name(&self) -> String {
        let Self { sender, receiver, server, relay, name, .. } = self;
        let way = match relay {
            None => format!("over_{server}"),
            Some(relay) => format!("through_{relay}"),
        };
        format!("{sender}_to_{receiver}::{way}::{name}")
    }

    fn transfer(self, stage: &Stage) -> Result<Result<(), Failed>, Missing> {
        let server = stage.servers.by(self.server)?;
        let relay = self.relay.map(|maker| stage.relays.by(maker)).transpose()?;
        let client = |maker| {
            let client = Client::new(maker, server)?;
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

        let args = self.payload.make(&from);
        let before = Snapshot::of(&from);
        let sending = Process::start(sender.send(&from, &args));
        let receiving = Process::start(receiver.receive(&to, &[&sending.code()]));
        let received = receiving.finish().succeeded();
        sending.finish().succeeded();

        let after = Snapshot::of(&to);
        if after != before {
            return Ok(Err(format!("sent {before:#?}, received {after:#?}").into()));
        }
        match self.payload {
            Payload::Text(text) if received.out.trim_end_matches('\n') != text => {
                Ok(Err(format!("sent {text:?}, received {:?}", received.out).into()))
            }
            _ => Ok(Ok(())),
        }
    }
}
