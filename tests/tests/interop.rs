//! The matrix: sender × receiver × server × payload, between our programs and Python's.
//!
//! Python to Python is the control: it proves the harness rather than us.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tempfile::TempDir;
use wormhole_tests::{Client, Maker, Missing, PAYLOADS, Payload, Process, Servers, Snapshot};

/// One cell of the matrix.
#[derive(Clone, Copy)]
struct Cell {
    sender: Maker,
    receiver: Maker,
    server: Maker,
    name: &'static str,
    payload: Payload,
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let servers = Arc::new(Servers::default());
    let trial = |cell: Cell| {
        let servers = Arc::clone(&servers);
        let Cell { sender, receiver, server, name, .. } = cell;
        let name = format!("{sender}_to_{receiver}::over_{server}::{name}");
        Trial::ignorable_test(name, move || match cell.transfer(&servers) {
            Ok(outcome) => outcome.map(|()| Completion::Completed),
            Err(missing) => Ok(Completion::ignored_with(missing)),
        })
    };
    libtest_mimic::run(&args, cells().map(trial).collect()).exit_code()
}

fn cells() -> impl Iterator<Item = Cell> {
    use Maker::{Ours, Python};
    let pairs = [(Ours, Ours), (Ours, Python), (Python, Ours), (Python, Python)];
    pairs.into_iter().flat_map(|(sender, receiver)| {
        [Ours, Python].into_iter().flat_map(move |server| {
            let cell = move |&(name, payload)| Cell { sender, receiver, server, name, payload };
            PAYLOADS.iter().map(cell)
        })
    })
}

impl Cell {
    fn transfer(self, servers: &Servers) -> Result<Result<(), Failed>, Missing> {
        let server = servers.by(self.server)?;
        let sender = Client::new(self.sender, server)?;
        let receiver = Client::new(self.receiver, server)?;

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
