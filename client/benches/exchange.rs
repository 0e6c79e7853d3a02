//! What a whole exchange costs: two wormholes in one process, over our server on loopback.
//!
//! ```text
//! cargo bench -p wormhole-client --bench exchange [-- time | memory]
//! ```
//!
//! The server is this program once more, as another process, so that time of the processor and
//! memory are those of the two clients. SPAKE2's arithmetic, which is the same in every client, is
//! measured by itself and taken off.

use std::{
    env, fs,
    hint::black_box,
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rustix::time::{ClockId, clock_gettime};
use wormhole_client::{
    Wormhole,
    protocol::{code::Code, key::Pake, name::AppId},
};
use wormhole_server::{Config, Limit, Limits, testing};

const APPID: &str = "example.org/bench";
const WARM_UP: usize = 50;
const ROUNDS: usize = 500;
const PAIRS: usize = 500;

fn main() {
    // Cargo adds an argument of its own.
    if env::args().nth(1).as_deref() == Some("serve") {
        return serve();
    }
    let wanted: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == part);
    let server = Server::start();
    actix::System::new().block_on(async {
        for _ in 0..WARM_UP {
            exchange(&server.url).await;
        }
        if wanted("time") {
            time(&server.url).await;
        }
        if wanted("memory") {
            memory(&server.url).await;
        }
    });
}

async fn time(url: &str) {
    let arithmetic = arithmetic();
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        rounds.push(measured(url).await);
    }
    let wall = median(rounds.iter().map(|(wall, _)| *wall));
    let busy = median(rounds.iter().map(|(_, busy)| *busy / 2));
    line("a whole exchange, both sides", wall, "under 5 ms");
    line("processor time of a side", busy, "");
    line("SPAKE2 arithmetic of a side", arithmetic, "");
    line("a side without it", busy.saturating_sub(arithmetic), "under 0.6 ms");
}

fn line(what: &str, time: Duration, aim: &str) {
    println!("{what:<40}{:>9.3} ms   {aim}", time.as_secs_f64() * 1_000.0);
}

/// Allocates a code, sets it, agrees on a key, sends a message each way, closes.
async fn exchange(url: &str) {
    let [a, b] = [(); 2].map(|()| Wormhole::builder(APPID, url).open());
    a.allocate_code(2).expect("the first code");
    let code = a.code().await.expect("a server that allocates");
    b.set_code(code.as_str()).expect("the first code");
    let (at_a, at_b) = tokio::join!(a.exchange("from a"), b.exchange("from b"));
    assert_eq!(&at_a.expect("a message")[..], b"from b");
    assert_eq!(&at_b.expect("a message")[..], b"from a");
}

async fn measured(url: &str) -> (Duration, Duration) {
    let (begun, worked) = (Instant::now(), processor_time());
    exchange(url).await;
    (begun.elapsed(), processor_time() - worked)
}

/// What one side calculates to agree on a key.
fn arithmetic() -> Duration {
    let half = |random| {
        let code = Code::parse("4-purple-sausages").expect("a code");
        Pake::start(code, AppId::new(APPID), [random; 64].into())
    };
    let (_, theirs) = half(2);
    let calculate = |_| {
        let worked = processor_time();
        let (ours, _) = half(1);
        black_box(ours.finish(&theirs).ok());
        processor_time() - worked
    };
    median((0..ROUNDS).map(calculate))
}

/// What a thousand wormholes take that have found their peers and wait.
async fn memory(url: &str) {
    let before = resident();
    let both = async |number: usize| {
        let both = [(); 2].map(|()| Wormhole::builder(APPID, url).open());
        for wormhole in &both {
            wormhole.set_code(&format!("{number}-x")).expect("the first code");
        }
        for wormhole in &both {
            wormhole.versions().await.expect("a peer");
        }
        both
    };
    let pairs = join_all((1..=PAIRS).map(both)).await;
    let kilobytes = (resident() - before) as f64 / 1_000.0 / (2 * PAIRS) as f64;
    println!("{:<40}{kilobytes:>9.1} kB   under 60 kB", "memory of a wormhole, 1,000 at once");
    let all = pairs.iter().flatten();
    for closed in join_all(all.map(Wormhole::close)).await {
        assert_eq!(closed, Ok(()));
    }
}

fn median(times: impl IntoIterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.into_iter().collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The memory that this process has in use, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
}

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let program = env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let mut url = String::new();
        let said = child.stdout.take().expect("it was asked to be a pipe");
        BufReader::new(said).read_line(&mut url).expect("a server's address");
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Serves until standard input ends, without the limits that are meant for strangers.
fn serve() {
    let limits =
        Limit::ALL.into_iter().fold(Limits::default(), |limits, limit| limits.with(limit, 0));
    let config = Config { limits, hold_down: Duration::ZERO, workers: 1, ..Config::default() };
    let server = testing::Setup::from(config).start();
    println!("{}", server.url());
    let _ = io::stdin().read_to_end(&mut Vec::new());
}
