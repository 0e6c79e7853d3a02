//! Two programs, what they send, and how long they take to know.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tempfile::TempDir;
use wormhole_tests::{Client, Each, Finished, Gate, Maker, Missing, Peer, Process, Server, Side};

/// Two programs that have a server, a code and a folder each.
pub(crate) struct Pair<'a> {
    pub(crate) server: &'a Server,
    pub(crate) code: String,
    pub(crate) from: TempDir,
    pub(crate) to: TempDir,
}

impl<'a> Pair<'a> {
    pub(crate) fn at(servers: &'a Each<Server>) -> Result<Self, Missing> {
        let server = servers.by(Maker::Ours)?;
        let [from, to] = [(); 2].map(|()| TempDir::new().expect("room for temporary files"));
        Ok(Self { server, code: fresh_code(), from, to })
    }

    pub(crate) fn start(
        &self,
        (peer, side): (Peer, Side),
        gate: Option<&Gate>,
        args: &[&str],
    ) -> Result<Process, Missing> {
        let mut client = Client::new(peer, self.server)?;
        if let Some(gate) = gate {
            client = client.through_gate(gate);
        }
        let command = match side {
            Side::Sender => {
                client.send(self.from.path(), &[&["--code", &self.code], args].concat())
            }
            Side::Receiver => {
                client.ask_to_receive(self.to.path(), &[args, &[&self.code]].concat())
            }
        };
        Ok(Process::start_typing(command))
    }
}

/// Makes something to send, and gives its name.
pub(crate) fn goods(folder: &Path, size: usize, is_folder: bool) -> &'static str {
    let (name, path) = match is_folder {
        true => ("album", folder.join("album/picture")),
        false => ("picture", folder.join("picture")),
    };
    if is_folder {
        fs::create_dir(folder.join(name)).expect("a fresh folder");
    }
    // No two blocks of it are the same.
    let content: Vec<u8> = (0..size / 4 + 1).flat_map(|at| (at as u32).to_be_bytes()).collect();
    File::create(path).and_then(|mut file| file.write_all(&content[..size])).expect("room");
    name
}

/// Says how long the other side took to know, where that is asked for.
pub(crate) fn tell(name: &str, begun: Instant, other: &Finished) {
    if env::var_os("WORMHOLE_FIGURES").is_some() {
        let why = other.err.lines().last().unwrap_or_default();
        eprintln!("{:6.1} s  {name}: {why}", begun.elapsed().as_secs_f64());
    }
}

/// A code that no other cell has.
fn fresh_code() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{}-ends-{}", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id())
}
