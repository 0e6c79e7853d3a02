//! A relay under load, seen from outside: its processor time and its memory.

use std::{fs, process::Command, thread, time::Duration};

use wormhole_tests::{Maker, Missing, Process, Stream};

use crate::caller::{Caller, Form};

/// A running relay.
pub(crate) struct Subject {
    process: Process,
    tcp: String,
    websocket: String,
}

/// The limits that a load from one address would meet.
const UNLIMITED: [&str; 2] = ["--max-address-connections=0", "--max-address-waiting=0"];

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

impl Subject {
    pub(crate) fn start(maker: Maker) -> Result<Self, Missing> {
        let mut command = match maker {
            Maker::Ours => Command::new(maker.program("wormhole-server")?),
            Maker::Python => Command::new(maker.program("twist")?),
        };
        let ports = [format!("--port={ENDPOINT}"), format!("--websocket={ENDPOINT}")];
        let subject = match maker {
            Maker::Ours => {
                command.arg("relay").args(ports).args(UNLIMITED);
                let process = Process::start(command);
                let line = process.line_after(Stream::Out, "listening on tcp:");
                let (tcp, websocket) = line.split_once(" ws://").expect("both addresses");
                let websocket = websocket.trim_end_matches('/').to_owned();
                Self { process, tcp: tcp.to_owned(), websocket }
            }
            Maker::Python => {
                let url = "--websocket-url=ws://127.0.0.1:1/";
                command.args(["--log-format=text", "transitrelay"]).args(ports).arg(url);
                let process = Process::start(command);
                let address =
                    |marker| format!("127.0.0.1:{}", process.line_after(Stream::Out, marker));
                let tcp = address("[-] ServerFactory starting on ");
                let websocket = address("WebSocketServerFactory starting on ");
                Self { process, tcp, websocket }
            }
        };
        Ok(subject)
    }

    /// Carries so many bytes; gives the seconds of the processor for 10⁹ of them.
    pub(crate) fn carry(&self, form: Form, bytes: u64) -> f64 {
        let (mut from, mut to) = self.pair(form, 0);
        let before = self.cpu();
        let hearing = thread::spawn(move || to.hear(bytes));
        from.say(bytes).expect("a relay that carries");
        hearing.join().expect("a reader that ends");
        (self.cpu() - before) * 1e9 / bytes as f64
    }

    /// Gives the kilobytes of an idle pair.
    pub(crate) fn idle_pairs(&self, form: Form, pairs: usize) -> f64 {
        self.growth(pairs, |number| self.pair(form, number))
    }

    /// Gives the kilobytes of a connection that waits.
    pub(crate) fn waiting(&self, form: Form, connections: usize) -> f64 {
        self.growth(connections, |number| Caller::ask(self.address(form), form, number, 'a'))
    }

    /// Gives the kilobytes of a pair of which one says more than the other hears.
    pub(crate) fn stopped_readers(&self, form: Form, pairs: usize) -> f64 {
        self.growth(pairs, |number| {
            let (mut from, to) = self.pair(form, number);
            let patience = Some(Duration::from_millis(500));
            from.stream().set_write_timeout(patience).expect("a timeout");
            from.say(u64::MAX).expect_err("nobody reads");
            (from, to)
        })
    }

    /// By how many kilobytes the process grows for each of so many.
    fn growth<T>(&self, many: usize, open: impl Fn(usize) -> T) -> f64 {
        // What is there only once does not count.
        let first = open(many);
        calm_down();
        let before = self.resident();
        let all: Vec<T> = (0..many).map(open).collect();
        calm_down();
        let growth = (self.resident() - before) / many as f64;
        drop((first, all));
        growth
    }

    fn pair(&self, form: Form, number: usize) -> (Caller, Caller) {
        let ask = |side| Caller::ask(self.address(form), form, number, side);
        let (one, other) = (ask('a'), ask('b'));
        (one.joined(), other.joined())
    }

    fn address(&self, form: Form) -> &str {
        match form {
            Form::Tcp => &self.tcp,
            Form::WebSocket => &self.websocket,
        }
    }

    /// Seconds that all its threads have used.
    fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("Linux");
        // The name, in parentheses, may hold blanks.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |field: usize| fields[field].parse::<f64>().expect("a number");
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident kilobytes.
    pub(crate) fn resident(&self) -> f64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).expect("a number of kB")
    }
}

/// Nothing tells when an allocator has given back what it will.
#[allow(clippy::disallowed_methods)]
fn calm_down() {
    thread::sleep(Duration::from_secs(2));
}
