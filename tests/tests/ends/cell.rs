//! The table: how far it has come, what ends it, and on which side.

use std::fs;
use std::path::Path;
use std::time::Instant;

use libtest_mimic::Failed;
use wormhole_tests::{Each, Finished, Gate, Pass, Peer, Server, Side, Stream};

use crate::Outcome;
use crate::pair::{Pair, goods, tell};

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
pub(crate) struct Cell {
    state: State,
    way: Way,
    ender: Side,
    sender: Peer,
    receiver: Peer,
    /// Whether a folder is sent.
    folder: bool,
}

pub(crate) fn all() -> impl Iterator<Item = Cell> {
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

impl Cell {
    pub(crate) fn name(&self) -> String {
        let Self { state, way, ender, sender, receiver, folder } = self;
        let goods = if *folder { "folder" } else { "file" };
        format!("{sender}_to_{receiver}::{goods}::{state:?}::{ender:?}_{way:?}").to_lowercase()
    }

    /// One of each kind.
    pub(crate) fn is_for_every_day(&self) -> bool {
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

    pub(crate) fn run(self, servers: &Each<Server>) -> Outcome {
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
            // Who is killed cannot clear up, and Python's does not.
            (Way::Kill, Side::Receiver) => Ok(()),
            _ if self.receiver == Peer::Python => Ok(()),
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
