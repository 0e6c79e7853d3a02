//! Allocator: asks the server for a free nameplate and makes a code of it.
//!
//! in:  [`Allocate`] (from Code), `Line`, [`GotAllocated`] (from Rendezvous)
//! out: `Transmit` (to Rendezvous), `Allocated` (to Code), `Broken` (to Boss)

use actix::prelude::*;
use wormhole_protocol::{code::Code, name::Nameplate, wire::Command, wordlist};
use zeroize::Zeroizing;

use super::{
    boss::Broken,
    code::Allocated,
    ignored,
    rendezvous::{Line, Transmit},
};
use crate::{error::Error, wiring::To};

/// A code is wanted, with this many words of random bytes drawn for it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Allocate(pub(crate) Zeroizing<Vec<u8>>);

/// The server's answer to `allocate`.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotAllocated(pub(crate) Nameplate);

enum State {
    /// No code is wanted.
    Idle,
    /// One is; where the line was lost before the answer, it is asked for anew.
    Allocating { random: Zeroizing<Vec<u8>> },
    /// It was made.
    Done,
}

pub(crate) struct Allocator {
    state: State,
    line: Line,
    rendezvous: To<Transmit>,
    code: To<Allocated>,
    broken: To<Broken>,
}

impl Allocator {
    pub(crate) fn new(rendezvous: To<Transmit>, code: To<Allocated>, broken: To<Broken>) -> Self {
        Self { state: State::Idle, line: Line::Down, rendezvous, code, broken }
    }

    fn ask(&self) {
        if let (State::Allocating { .. }, Line::Up) = (&self.state, self.line) {
            self.rendezvous.tell(Transmit(Command::Allocate));
        }
    }
}

impl Actor for Allocator {
    type Context = Context<Self>;
}

impl Handler<Allocate> for Allocator {
    type Result = ();

    fn handle(&mut self, Allocate(random): Allocate, _: &mut Self::Context) {
        match &self.state {
            State::Idle => {
                self.state = State::Allocating { random };
                self.ask();
            }
            State::Allocating { .. } | State::Done => ignored::<Allocate>("allocator"),
        }
    }
}

impl Handler<Line> for Allocator {
    type Result = ();

    fn handle(&mut self, line: Line, _: &mut Self::Context) {
        self.line = line;
        self.ask();
    }
}

impl Handler<GotAllocated> for Allocator {
    type Result = ();

    fn handle(&mut self, GotAllocated(nameplate): GotAllocated, _: &mut Self::Context) {
        match &self.state {
            State::Allocating { random } => {
                match Code::from_parts(nameplate, &wordlist::words(random)) {
                    Ok(code) => self.code.tell(Allocated(code)),
                    Err(_) => return self.broken.tell(Broken(Error::Internal("no words"))),
                }
                self.state = State::Done;
            }
            State::Idle | State::Done => ignored::<GotAllocated>("allocator"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layer::table::{INTERNAL, Machine, Table},
        probe::{Told, probe, seated},
    };

    #[actix::test]
    async fn makes_a_code_and_asks_anew_after_a_loss() {
        let (rendezvous, mut sent) = probe();
        let (code, mut codes) = probe();
        let (broken, mut faults) = probe();
        let allocator = seated(Allocator::new(rendezvous, code, broken));
        allocator.do_send(Allocate(vec![4, 16].into()));
        for line in [Line::Up, Line::Down, Line::Up] {
            allocator.do_send(line);
        }
        assert_eq!(sent.all().await.len(), 2);
        allocator.do_send(GotAllocated(Nameplate::from(12)));
        allocator.do_send(GotAllocated(Nameplate::from(13)));
        let codes = codes.all().await;
        assert_eq!(codes.len(), 1);
        assert_eq!(codes[0].0.as_str(), "12-alkali-assume");
        allocator.do_send(Line::Up);
        assert!(sent.all().await.is_empty() && faults.all().await.is_empty());
    }

    #[actix::test]
    async fn a_code_without_words_is_our_own_fault() {
        let (rendezvous, _sent) = probe();
        let (code, mut codes) = probe();
        let (broken, mut faults) = probe();
        let allocator = seated(Allocator::new(rendezvous, code, broken));
        allocator.do_send(Allocate(vec![].into()));
        allocator.do_send(GotAllocated(Nameplate::from(12)));
        assert_eq!(faults.all().await, [Broken(Error::Internal("no words"))]);
        assert!(codes.all().await.is_empty());
    }

    struct Bench(Addr<Allocator>, Told<Transmit>, Told<Allocated>, Told<Broken>);

    impl Machine for Bench {
        fn put(&self, input: &str) {
            match input {
                "connected" => self.0.do_send(Line::Up),
                "lost" => self.0.do_send(Line::Down),
                "allocate(len)" => self.0.do_send(Allocate(vec![1, 2].into())),
                "rx allocated(nameplate)" => self.0.do_send(GotAllocated(Nameplate::from(4))),
                odd => panic!("an unknown input: {odd}"),
            }
        }

        async fn told(&mut self) -> Vec<&'static str> {
            let mut told: Vec<_> = self.1.all().await.iter().map(|_| "tx allocate").collect();
            told.extend(self.2.all().await.iter().map(|_| "Code.allocated"));
            told.extend(self.3.all().await.iter().map(|_| INTERNAL));
            told
        }
    }

    #[actix::test]
    async fn the_recorded_table() {
        let bench = || {
            let (rendezvous, sent) = probe();
            let (code, codes) = probe();
            let (to_boss, broken) = probe();
            Bench(seated(Allocator::new(rendezvous, code, to_boss)), sent, codes, broken)
        };
        Table::read("Allocator").hold(bench).await;
    }
}
