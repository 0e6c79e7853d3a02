//! One wormhole: a sender, a receiver, and perhaps something that happens to one of them.

use std::{
    fs,
    path::{Path, PathBuf},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use wormhole_tests::{Client, Finished, Peer, Process, Snapshot, Stream};

use crate::{dice::Dice, faults::Fault, stage::Stage, tally::Outcome};

/// The longest that a transfer may take, whatever happens, and that one end may outlast the other.
const LIMIT: Duration = Duration::from_secs(180);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goods {
    Text,
    File,
    Folder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Direct,
    Relay,
}

/// What happens to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hurt {
    Nothing,
    SenderKilled,
    SenderInterrupted,
    ReceiverKilled,
    ReceiverInterrupted,
    SmallDisk,
}

impl Hurt {
    const ALL: [Self; 10] = [
        Self::Nothing,
        Self::Nothing,
        Self::Nothing,
        Self::Nothing,
        Self::Nothing,
        Self::SenderKilled,
        Self::SenderInterrupted,
        Self::ReceiverKilled,
        Self::ReceiverInterrupted,
        Self::SmallDisk,
    ];

    /// Whether nobody can tell the other end.
    fn is_silent(self) -> bool {
        matches!(self, Self::SenderKilled | Self::ReceiverKilled)
    }

    fn is_interrupt(self) -> bool {
        matches!(self, Self::SenderInterrupted | Self::ReceiverInterrupted)
    }

    fn happen(self, sender: &Process, receiver: &Process) {
        let (end, signal) = match self {
            Self::Nothing | Self::SmallDisk => return,
            Self::SenderKilled => (sender, "-KILL"),
            Self::SenderInterrupted => (sender, "-INT"),
            Self::ReceiverKilled => (receiver, "-KILL"),
            Self::ReceiverInterrupted => (receiver, "-INT"),
        };
        if !end.ends_within(Duration::ZERO) {
            end.signal(signal);
        }
    }
}

/// One job before it begins.
struct Job<'a> {
    stage: &'a Stage,
    goods: Goods,
    way: Way,
    hurt: Hurt,
    /// How long the sender waits for its receiver, and both for what happens to one of them.
    waits: Duration,
    until_hurt: Duration,
    from: TempDir,
    to: TempDir,
    began: Instant,
}

pub(crate) fn run(stage: &Stage, dice: &mut Dice) -> Outcome {
    let goods = dice.one_of(&[Goods::Text, Goods::File, Goods::File, Goods::Folder]);
    let hurt = match dice.one_of(&Hurt::ALL) {
        Hurt::SmallDisk if !stage.disks || goods != Goods::File => Hurt::Nothing,
        hurt => hurt,
    };
    let waits = if dice.happens(30) { dice.at_most(15_000) } else { dice.at_most(300) };
    let late = if dice.happens(70) { 400 } else { 1_500 };
    let job = Job {
        stage,
        goods,
        way: dice.one_of(&[Way::Direct, Way::Relay]),
        hurt,
        waits,
        until_hurt: dice.at_most(late),
        from: TempDir::new().unwrap(),
        to: TempDir::new().unwrap(),
        began: Instant::now(),
    };
    make(&job.from.path().join("goods"), goods, hurt, dice);
    job.run()
}

/// Makes what is sent.
fn make(at: &Path, goods: Goods, hurt: Hurt, dice: &mut Dice) {
    match goods {
        Goods::Text => {
            let word = |dice: &mut Dice| format!("{:x}ü✓ ", dice.number());
            let words = dice.below(200) + 1;
            fs::write(at, (0..words).map(|_| word(dice)).collect::<String>().trim()).unwrap();
        }
        Goods::File => {
            let least = if hurt == Hurt::SmallDisk { 4_000_000 } else { 0 };
            let length = least + dice.below(20_000_000);
            fs::write(at, dice.bytes(length as usize)).unwrap();
        }
        Goods::Folder => {
            for number in 0..dice.below(200) + 1 {
                let folder = at.join(format!("{}/{}", number % 3, number % 5));
                fs::create_dir_all(&folder).unwrap();
                let length = dice.below(50_000) as usize;
                fs::write(folder.join(format!("ä {number}")), dice.bytes(length)).unwrap();
            }
        }
    }
}

impl Job<'_> {
    fn run(self) -> Outcome {
        let client = Client::at(Peer::Ours, &self.stage.url()).unwrap();
        let client = match self.way {
            Way::Direct => client,
            Way::Relay => client.through_hint(&self.stage.hint()),
        };
        let text = fs::read_to_string(self.goods()).unwrap_or_default();
        let args = if self.goods == Goods::Text { ["--text", &text] } else { ["--", "goods"] };
        let sender = Process::start(client.send(self.from.path(), &args));
        let Some(code) = sender.line_within(LIMIT, Stream::Err, "Wormhole code is: ") else {
            return self.not_begun(sender);
        };
        sleep(self.waits);
        let receiver = Process::start(client.receive(&self.place(), &[&code]));
        let apart = thread::scope(|scope| {
            scope.spawn(|| {
                sleep(self.until_hurt);
                self.hurt.happen(&sender, &receiver);
            });
            apart(&sender, &receiver)
        });
        let hangs = [&sender, &receiver].map(|end| !end.ends_within(Duration::ZERO));
        for end in [&sender, &receiver] {
            if !end.ends_within(Duration::ZERO) {
                end.signal("-INT");
            }
        }
        self.judge(sender.finish(), receiver.finish(), hangs, apart)
    }

    fn goods(&self) -> PathBuf {
        self.from.path().join("goods")
    }

    /// The folder for what comes.
    fn place(&self) -> PathBuf {
        if self.hurt == Hurt::SmallDisk {
            self.stage.small_disk()
        } else {
            self.to.path().to_owned()
        }
    }

    /// Whether something happened to what this one needs.
    fn is_disturbed(&self, needs: impl Fn(Fault) -> bool) -> bool {
        self.stage.since(self.began).into_iter().any(needs)
    }

    fn not_begun(self, mut sender: Process) -> Outcome {
        sleep(Duration::from_millis(500));
        sender.kill();
        let finished = sender.finish();
        let excused = self.is_disturbed(Fault::is_of_mailbox) && finished.err.contains("server");
        Outcome {
            what: "found no server to begin with".to_owned(),
            bytes: 0,
            apart: None,
            wrong: (!excused).then(|| ("it did not begin".to_owned(), finished.to_string())),
        }
    }

    fn judge(
        self,
        sender: Finished,
        receiver: Finished,
        [sender_hangs, receiver_hangs]: [bool; 2],
        apart: Duration,
    ) -> Outcome {
        let ended = [&sender, &receiver].map(|end| end.status.success());
        let arrived = self.arrived(&receiver);
        // Who finds no server at first gives up, and nobody can tell the other end.
        let late = receiver.err.contains("cannot reach the mailbox server")
            && self.is_disturbed(Fault::is_of_mailbox);
        let by_relay = self.way == Way::Relay && self.goods != Goods::Text;
        let relay_lost = by_relay && self.is_disturbed(|fault| !fault.is_of_mailbox());
        let calm = self.hurt == Hurt::Nothing && !late && !relay_lost;
        // Nor can it be told by who is interrupted before the two have met.
        let unmet = self.hurt.is_interrupt() && !receiver.err.contains("Receiving ");
        let untold = self.hurt.is_silent() || late || unmet;
        let wrong = match (ended, arrived) {
            _ if [&sender, &receiver].iter().any(|end| end.err.contains("panicked")) => {
                "a program panicked"
            }
            _ if (sender_hangs || receiver_hangs) && !untold => "an end did not come",
            ([true, _], Arrived::No | Arrived::LeftOver) => "the sender says that it arrived",
            ([_, true], Arrived::No | Arrived::LeftOver) => "the receiver says that it arrived",
            (_, Arrived::Wrong) => "something else arrived",
            (_, Arrived::LeftOver) if self.hurt != Hurt::ReceiverKilled => "something is left over",
            ([true, true], _) if self.hurt == Hurt::SmallDisk => "it found room",
            ([false, _] | [_, false], _) if calm => "nothing happened, and it failed",
            ([false, _], _)
                if !sender_hangs && self.hurt != Hurt::SenderKilled && silent(&sender) =>
            {
                "the sender failed in silence"
            }
            ([_, false], _)
                if !receiver_hangs && self.hurt != Hurt::ReceiverKilled && silent(&receiver) =>
            {
                "the receiver failed in silence"
            }
            _ => "",
        };
        let word = |ok: bool, hangs| match (ok, hangs) {
            (true, _) => "ok",
            (_, true) => "waits",
            _ => "fails",
        };
        let ends = format!("{}/{}", word(ended[0], sender_hangs), word(ended[1], receiver_hangs));
        let what = format!("{:?} {:?} {:?}: {ends}", self.goods, self.way, self.hurt);
        let bytes = if arrived == Arrived::Whole { size(&self.goods()) } else { 0 };
        let said = || format!("sender: {sender}\nreceiver: {receiver}");
        let wrong = (!wrong.is_empty()).then(|| (wrong.to_owned(), said()));
        Outcome { what, bytes, apart: Some(apart), wrong }
    }

    fn arrived(&self, receiver: &Finished) -> Arrived {
        if self.goods == Goods::Text {
            let text = fs::read_to_string(self.goods()).unwrap();
            return match receiver.out.trim() {
                "" => Arrived::No,
                out if out == text => Arrived::Whole,
                _ => Arrived::Wrong,
            };
        }
        if self.hurt == Hurt::SmallDisk {
            // Others use it too.
            let there = self.place().join("goods").exists();
            return if there { Arrived::Wrong } else { Arrived::No };
        }
        let there = self.to.path().join("goods");
        let others = fs::read_dir(self.to.path()).unwrap().count() - usize::from(there.exists());
        let same = || Snapshot::of(self.to.path()) == Snapshot::of(self.from.path());
        match (others, there.exists()) {
            (1.., _) => Arrived::LeftOver,
            (0, false) => Arrived::No,
            (0, true) if same() => Arrived::Whole,
            (0, true) => Arrived::Wrong,
        }
    }
}

/// What lies where something should have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrived {
    Whole,
    No,
    Wrong,
    LeftOver,
}

/// Whether it failed without a word, which only an interrupted program may.
fn silent(finished: &Finished) -> bool {
    finished.status.code() != Some(130) && finished.err.lines().all(|line| line.trim().is_empty())
}

/// Waits until both have ended, or the limit; tells how long one outlasted the other.
fn apart(one: &Process, other: &Process) -> Duration {
    let begin = Instant::now();
    let step = Duration::from_millis(20);
    while !one.ends_within(step) && !other.ends_within(step) && begin.elapsed() < LIMIT {}
    let first = Instant::now();
    let _ = one.ends_within(LIMIT) && other.ends_within(LIMIT);
    first.elapsed()
}

fn size(path: &Path) -> u64 {
    if !path.is_dir() {
        return fs::metadata(path).unwrap().len();
    }
    let entries = fs::read_dir(path).unwrap();
    entries.map(|entry| size(&entry.unwrap().path())).sum()
}
