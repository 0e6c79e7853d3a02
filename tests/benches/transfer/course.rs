//! One transfer between two programs of one maker, measured from outside.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use tempfile::TempDir;
use wormhole_tests::{Client, Lab, Maker, Missing, Peer, Process, Relay, Server, Spent};

/// Where the programs run, and what they send there.
pub(crate) struct Course {
    lab: Lab,
    server: Server,
    // The Go program does without it no more than without a mailbox server.
    _relay: Relay,
    goods: TempDir,
}

/// What a transfer took.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// Seconds of the processor, both programs together.
    pub(crate) cpu: f64,
    /// Seconds, from the receiver's start to the end of both.
    pub(crate) wall: f64,
    /// The larger of the two programs' peaks of resident memory, in megabytes.
    pub(crate) peak: f64,
}

impl Course {
    pub(crate) fn open() -> Result<Self, Missing> {
        let lab = Lab::open()?;
        let server = Server::start_in(&lab, Maker::Ours)?;
        let relay = Relay::start_in(&lab, Maker::Ours)?;
        Ok(Self { lab, server, _relay: relay, goods: folder() })
    }

    /// Makes what is sent, and returns its name.
    pub(crate) fn make(&self, name: &'static str, make: impl FnOnce(&Path)) -> &'static str {
        make(&self.goods.path().join(name));
        name
    }

    /// Sends it from one program of the maker's to another, and returns where it arrived too.
    pub(crate) fn run(&self, peer: Peer, name: &str) -> Result<(Run, TempDir), Missing> {
        let client = Client::new(peer, &self.server)?;
        let code = fresh_code();
        let to = folder();
        let send = client.send(self.goods.path(), &["--code", &code, name]);
        let mut receive =
            Process::start_typing(self.lab.enter(&client.receive(to.path(), &[&code])));
        if peer == Peer::Go {
            receive.type_line("y");
        }
        let begin = Instant::now();
        let send = Process::start(self.lab.enter(&send));
        let ends = thread::scope(|scope| {
            let sent = scope.spawn(|| send.spent());
            let received = receive.spent();
            [sent.join().expect("a running system"), received]
        });
        let wall = begin.elapsed().as_secs_f64();
        send.finish().succeeded();
        receive.finish().succeeded();
        Ok((Run::of(ends, wall), to))
    }

    /// Moves a file as the ideal program does.
    pub(crate) fn ideal(&self, name: &str) -> Run {
        let to = folder();
        let mut command = Command::new(env::current_exe().expect("a running program has a path"));
        command.arg("ideal").arg(self.goods.path().join(name)).arg(to.path().join(name));
        let begin = Instant::now();
        let ideal = Process::start(command);
        let spent = ideal.spent();
        let wall = begin.elapsed().as_secs_f64();
        ideal.finish().succeeded();
        Run::of([spent], wall)
    }
}

impl Run {
    fn of<const N: usize>(ends: [Spent; N], wall: f64) -> Self {
        let cpu = ends.iter().map(|end| end.cpu).sum();
        let peak = ends.iter().map(|end| end.peak).fold(0.0, f64::max);
        Self { cpu, wall, peak }
    }

    /// The median of each figure.
    pub(crate) fn median(runs: &[Self]) -> Self {
        let median = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<f64> = runs.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        Self {
            cpu: median(|run| run.cpu),
            wall: median(|run| run.wall),
            peak: median(|run| run.peak),
        }
    }
}

/// On the disk, rather than in /tmp, which may be in memory.
fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder that can be written to")
}

fn fresh_code() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{}-bench-course", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Makes a file of so many bytes that no program can make smaller.
pub(crate) fn noise(at: &Path, bytes: usize) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let content: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| next()).collect();
    fs::write(at, &content[..bytes]).expect("a folder that can be written to");
}

/// Makes a folder of so many files of 4 KiB, a hundred in each folder.
pub(crate) fn files(at: &Path, count: usize) {
    for number in 0..count {
        let folder: PathBuf = at.join((number / 100).to_string());
        fs::create_dir_all(&folder).expect("a folder that can be written to");
        noise(&folder.join(format!("{number}.bin")), 4096);
    }
}
