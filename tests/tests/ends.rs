//! Who ends a transfer, how, and when: in every cell the other side knows soon, and knows why.
//!
//! The cells that are of a kind with another are ignored; `tests/long ends` runs them all, and says
//! how long the other side took to know.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tempfile::TempDir;
use wormhole_tests::{
    Client, Each, Finished, Gate, Maker, Missing, Pass, Peer, Process, Server, Side, Stream,
};

/// How far a transfer has come when it is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The sender waits, and the receiver's person is asked.
    Prompt,
    /// Both want it, and there is no connection yet.
    Connecting,
    /// Some bytes have come.
    Moving,
    /// All bytes are sent, as far as the sender knows.
    Confirming,
}

/// What ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, as a service manager does it.
    Terminate,
    /// The terminal goes away.
    HangUp,
    /// `kill -9`.
    Kill,
    /// One side loses the connection, and the other hears nothing of the network.
    LoseLink,
}

#[derive(Clone, Copy)]
struct Cell {
    state: State,
    way: Way,
    ender: Side,
    sender: Peer,
    receiver: Peer,
    /// Whether a folder is sent.
    folder: bool,
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let servers = Arc::new(Each::new(Server::start));
    let mut trials = Vec::new();
    for cell in cells() {
        let servers = Arc::clone(&servers);
        trials.push(trial(cell.name(), !cell.is_for_every_day(), move || cell.run(&servers)));
    }
    type Single = fn(&Each<Server>) -> Result<Result<(), Failed>, Missing>;
    let singles: [(&str, Single); 8] = [
        ("two_senders", two_senders),
        ("two_senders_of_text", two_senders_of_text),
        ("two_receivers", two_receivers),
        ("a_text_for_a_full_disk", full_output),
        ("a_text_for_a_closed_output", closed_output),
        ("a_receiver_that_goes_while_the_verifier_is_compared", while_comparing),
        ("a_file_that_shrinks", shrinking_file),
        ("the_link_is_lost_before_the_last_word", lost_last_word),
    ];
    for (name, single) in singles {
        let servers = Arc::clone(&servers);
        trials.push(trial(name.to_owned(), false, move || single(&servers)));
    }
    libtest_mimic::run(&args, trials).exit_code()
}

fn trial(
    name: String,
    is_ignored: bool,
    test: impl FnOnce() -> Result<Result<(), Failed>, Missing> + Send + 'static,
) -> Trial {
    let test = Trial::ignorable_test(name, move || match test() {
        Ok(outcome) => outcome.map(|()| Completion::Completed),
        Err(missing) => Ok(Completion::ignored_with(missing.to_string())),
    });
    test.with_ignored_flag(is_ignored)
}

fn cells() -> impl Iterator<Item = Cell> {
    use State::{Confirming, Connecting, Moving, Prompt};
    use Way::{HangUp, Interrupt, Kill, LoseLink, Terminate};

    let said = [Interrupt, Terminate, HangUp];
    let ways = move |state| {
        let all = [Prompt, Connecting].contains(&state);
        said.into_iter().chain([Kill, LoseLink].into_iter().filter(move |_| !all))
    };
    let states = [Prompt, Connecting, Moving, Confirming].into_iter();
    let points = states.flat_map(move |state| ways(state).map(move |way| (state, way)));
    let ours = [(Peer::Ours, Peer::Ours, false), (Peer::Ours, Peer::Ours, true)];
    let others = [(Peer::Ours, Peer::Python, false), (Peer::Python, Peer::Ours, false)];
    points
        .flat_map(move |(state, way)| {
            let pairs = ours.into_iter().chain(others);
            pairs.flat_map(move |(sender, receiver, folder)| {
                Side::BOTH.map(|ender| Cell { state, way, ender, sender, receiver, folder })
            })
        })
        .filter(Cell::is_ours_to_see)
}

/// Two programs that have a server, a code and a folder each.
struct Pair<'a> {
    server: &'a Server,
    code: String,
    from: TempDir,
    to: TempDir,
}

impl<'a> Pair<'a> {
    fn at(servers: &'a Each<Server>) -> Result<Self, Missing> {
        let server = servers.by(Maker::Ours)?;
        let [from, to] = [(); 2].map(|()| TempDir::new().expect("room for temporary files"));
        Ok(Self { server, code: fresh_code(), from, to })
    }

    fn start(
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

impl Cell {
    fn name(&self) -> String {
        let Self { state, way, ender, sender, receiver, folder } = self;
        let goods = if *folder { "folder" } else { "file" };
        format!("{sender}_to_{receiver}::{goods}::{state:?}::{ender:?}_{way:?}").to_lowercase()
    }

    /// One of each kind.
    fn is_for_every_day(&self) -> bool {
        let ours = self.sender == Peer::Ours && self.receiver == Peer::Ours;
        ours && !self.folder
            && match self.way {
                Way::Interrupt => true,
                Way::HangUp => self.state == State::Prompt,
                Way::Kill | Way::LoseLink => self.state == State::Moving,
                Way::Terminate => false,
            }
    }

    fn peer(&self, side: Side) -> Peer {
        match side {
            Side::Sender => self.sender,
            Side::Receiver => self.receiver,
        }
    }

    /// Whether the side that has to notice is ours, and has a way to do so: Python's programs say
    /// nothing when they are ended, which shows only where there is a link.
    fn is_ours_to_see(&self) -> bool {
        let linked = matches!(self.state, State::Moving | State::Confirming);
        let ender = self.peer(self.ender);
        let tells = ender == Peer::Ours;
        // What one of Python's has lost it does not tell.
        let is_quiet = self.way == Way::LoseLink && !tells;
        self.peer(self.ender.other()) == Peer::Ours && (tells || linked) && !is_quiet
    }

    fn run(self, servers: &Each<Server>) -> Result<Result<(), Failed>, Missing> {
        let pair = Pair::at(servers)?;
        let size = if self.state == State::Confirming { 300_000 } else { 60_000_000 };
        let what = goods(pair.from.path(), size, self.folder);
        let gate = Gate::open(match self.state {
            State::Connecting => Pass::Nobody,
            _ => Pass::FromSender(100_000),
        });
        let mut sending = pair.start((self.sender, Side::Sender), Some(&gate), &[what])?;
        let accept: &[&str] = if self.state == State::Prompt { &[] } else { &["--accept-file"] };
        let mut receiving = pair.start((self.receiver, Side::Receiver), Some(&gate), accept)?;
        match self.state {
            State::Prompt => drop(receiving.line_after(Stream::Err, "Receiving ")),
            State::Connecting => gate.called(2),
            State::Moving => gate.holds(),
            State::Confirming => {
                sending.line_after(Stream::Err, "ent.. waiting for confirmation");
                gate.holds();
            }
        }
        let ender = match self.ender {
            Side::Sender => &mut sending,
            Side::Receiver => &mut receiving,
        };
        let begun = Instant::now();
        match self.way {
            Way::Interrupt => ender.interrupt(),
            Way::Terminate => ender.signal("-TERM"),
            Way::HangUp => ender.signal("-HUP"),
            Way::Kill => ender.kill(),
            Way::LoseLink => {}
        }
        match (self.way, self.peer(self.ender)) {
            (Way::LoseLink, _) => gate.lose(self.ender),
            // A relay tells the other one; this one keeps the end back, too.
            (Way::Kill, _) | (_, Peer::Python) => gate.lose(self.ender.other()),
            _ => {}
        }
        let other = match self.ender {
            Side::Sender => receiving,
            Side::Receiver => sending,
        };
        let other = other.finish();
        tell(&self.name(), begun, &other);
        Ok(self.judge(&other, pair.to.path()))
    }

    fn judge(&self, other: &Finished, to: &Path) -> Result<(), Failed> {
        let said = other.complaint();
        let expected: &[&str] = match (self.way, self.ender) {
            _ if self.peer(self.ender) == Peer::Python => &HUNG_UP,
            (Way::Kill, _) => &HUNG_UP,
            (Way::LoseLink, _) => &["the connection between the two was lost"],
            (_, Side::Sender) => &["the sender interrupted the transfer"],
            (_, Side::Receiver) => &["the receiver interrupted the transfer"],
        };
        if !expected.iter().any(|reason| said.contains(reason)) {
            return Err(format!("expected one of {expected:?}: {other}").into());
        }
        let left = fs::read_dir(to).expect("the folder can be read").count();
        match (self.way, self.ender) {
            // Who is killed cannot clear up.
            (Way::Kill, Side::Receiver) => Ok(()),
            _ if left == 0 => Ok(()),
            _ => Err("something is left behind".into()),
        }
    }
}

/// What our programs say of a link that has ended without a word.
const HUNG_UP: [&str; 3] = [
    "the peer hung up",
    "the connection to the peer was lost",
    "the connection between the two was",
];

fn two_senders(servers: &Each<Server>) -> Result<Result<(), Failed>, Missing> {
    let pair = Pair::at(servers)?;
    let what = goods(pair.from.path(), 10, false);
    both_give_up(&pair, Side::Sender, &[what], "one of the two has to receive")
}

fn two_senders_of_text(servers: &Each<Server>) -> Result<Result<(), Failed>, Missing> {
    both_give_up(
        &Pair::at(servers)?,
        Side::Sender,
        &["--text", "hi"],
        "one of the two has to receive",
    )
}

fn two_receivers(servers: &Each<Server>) -> Result<Result<(), Failed>, Missing> {
    both_give_up(&Pair::at(servers)?, Side::Receiver, &[], "one of the two has to send")
}

fn both_give_up(
    pair: &Pair<'_>,
    side: Side,
    args: &[&str],
    why: &str,
) -> Result<Result<(), Failed>, Missing> {
    let first = pair.start((Peer::Ours, side), None, args)?;
    let second = pair.start((Peer::Ours, side), None, args)?;
    let begun = Instant::now();
    for process in [first, second] {
        let ended = process.finish();
        tell(&format!("two of one role: {side:?}"), begun, &ended);
        assert!(ended.complaint().contains(why), "{ended}");
    }
    Ok(Ok(()))
}

fn full_output(servers: &Each<Server>) -> Result<Result<(), Failed>, Missing> {
    unwritten_text(servers, "> /dev/full")
}

fn closed_output(servers: &Each<Server>) -> Result<Result<(), Failed>, Missing> {
    unwritten_text(servers, ">&-")
}

fn unwritten_text(servers: &Each<Server>, output: &str) -> Result<Result<(), Failed>, Missing> {
    let pair = Pair::at(servers)?;
    let sending = pair.start((Peer::Ours, Side::Sender), None, &["--text", "hello"])?;
    let client = Client::new(Peer::Ours, pair.server)?;
    let receive = client.receive(pair.to.path(), &[&pair.code]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$@\" {output}"), "sh"]);
    shell.arg(receive.get_program()).args(receive.get_args());
    shell.current_dir(pair.to.path());
    let receiving = Process::start(shell);
    let begun = Instant::now();
    let sent = sending.finish();
    tell(&format!("a text that cannot be written: {output}"), begun, &sent);
    assert!(sent.complaint().contains("the receiver could not write the text"), "{sent}");
    let received = receiving.finish();
    assert!(received.complaint().contains("cannot write to standard output"), "{received}");
    Ok(Ok(()))
}

fn while_comparing(servers: &Each<Server>) -> Result<Result<(), Failed>, Missing> {
    let pair = Pair::at(servers)?;
    let what = goods(pair.from.path(), 10, false);
    let sending = pair.start((Peer::Ours, Side::Sender), None, &["--verify", what])?;
    let receiving = pair.start((Peer::Ours, Side::Receiver), None, &["--verify"])?;
    receiving.line_after(Stream::Err, "Verifier ");
    let begun = Instant::now();
    receiving.interrupt();
    let sent = sending.finish();
    tell("the receiver goes while the verifier is compared", begun, &sent);
    assert!(sent.complaint().contains("the receiver interrupted the transfer"), "{sent}");
    Ok(Ok(()))
}

fn shrinking_file(servers: &Each<Server>) -> Result<Result<(), Failed>, Missing> {
    let pair = Pair::at(servers)?;
    let what = goods(pair.from.path(), 60_000_000, false);
    let gate = Gate::open(Pass::FromSender(50_000_000));
    let sending = pair.start((Peer::Ours, Side::Sender), Some(&gate), &[what])?;
    let receiving = pair.start((Peer::Ours, Side::Receiver), Some(&gate), &[])?;
    receiving.line_after(Stream::Err, "Receiving ");
    // Shorter than what was offered, before the answer lets it be opened.
    let file = OpenOptions::new().write(true).open(pair.from.path().join(what));
    file.and_then(|file| file.set_len(1_000)).expect("the file is ours");
    let mut receiving = receiving;
    receiving.type_line("y");
    let begun = Instant::now();
    let received = receiving.finish();
    tell("a file that shrinks", begun, &received);
    assert!(
        received.complaint().contains("the sender could not read what it offered"),
        "{received}"
    );
    sending.finish().complaint();
    Ok(Ok(()))
}

/// The receiver's last record does not get through, and then the link is gone.
fn lost_last_word(servers: &Each<Server>) -> Result<Result<(), Failed>, Missing> {
    let pair = Pair::at(servers)?;
    let what = goods(pair.from.path(), 300_000, false);
    let gate = Gate::open(Pass::AllButTheLastWord);
    let sending = pair.start((Peer::Ours, Side::Sender), Some(&gate), &[what])?;
    let receiving = pair.start((Peer::Ours, Side::Receiver), Some(&gate), &["--accept-file"])?;
    gate.holds();
    gate.lose(Side::Sender);
    let begun = Instant::now();
    let sent = sending.finish().succeeded();
    tell("the last word by the mailbox", begun, &sent);
    receiving.finish().succeeded();
    let there = fs::read(pair.to.path().join(what)).expect("it arrived");
    assert!(there == fs::read(pair.from.path().join(what)).expect("it is there"));
    Ok(Ok(()))
}

/// Makes something to send, and gives its name.
fn goods(folder: &Path, size: usize, is_folder: bool) -> &'static str {
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
fn tell(name: &str, begun: Instant, other: &Finished) {
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
