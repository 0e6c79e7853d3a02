//! Lister: asks the server which nameplates are in use, for completion.
//!
//! in:  [`Refresh`] (from Input), `Line`, [`GotNameplates`] (from Rendezvous)
//! out: `Transmit` (to Rendezvous), `GotList` (to Input)

use std::collections::BTreeSet;

use actix::prelude::*;
use wormhole_protocol::{name::Nameplate, wire::Command};

use super::{
    input::GotList,
    rendezvous::{Line, Transmit},
};
use crate::wiring::To;

/// A fresh list is wanted; one answer satisfies all who asked before it.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct Refresh;

/// The server's answer to `list`.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotNameplates(pub(crate) BTreeSet<Nameplate>);

#[derive(Clone, Copy)]
enum State {
    /// Nobody waits for a list.
    Idle,
    /// Somebody does.
    Wanting,
}

pub(crate) struct Lister {
    state: State,
    line: Line,
    rendezvous: To<Transmit>,
    input: To<GotList>,
}

impl Lister {
    pub(crate) fn new(rendezvous: To<Transmit>, input: To<GotList>) -> Self {
        Self { state: State::Idle, line: Line::Down, rendezvous, input }
    }

    fn ask(&self) {
        if let (State::Wanting, Line::Up) = (self.state, self.line) {
            self.rendezvous.tell(Transmit(Command::List));
        }
    }
}

impl Actor for Lister {
    type Context = Context<Self>;
}

impl Handler<Refresh> for Lister {
    type Result = ();

    fn handle(&mut self, _: Refresh, _: &mut Self::Context) {
        self.state = State::Wanting;
        self.ask();
    }
}

impl Handler<Line> for Lister {
    type Result = ();

    fn handle(&mut self, line: Line, _: &mut Self::Context) {
        self.line = line;
        self.ask();
    }
}

impl Handler<GotNameplates> for Lister {
    type Result = ();

    fn handle(&mut self, GotNameplates(list): GotNameplates, _: &mut Self::Context) {
        self.state = State::Idle;
        self.input.tell(GotList(list));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layer::table::{Machine, Table},
        probe::{Told, probe, seated},
    };

    #[actix::test]
    async fn asks_when_the_line_is_up_and_again_after_a_loss() {
        let (rendezvous, mut sent) = probe();
        let (input, mut lists) = probe();
        let lister = seated(Lister::new(rendezvous, input));
        lister.do_send(Refresh);
        assert!(sent.all().await.is_empty());
        for line in [Line::Up, Line::Down, Line::Up] {
            lister.do_send(line);
        }
        assert_eq!(sent.all().await.len(), 2);
        lister.do_send(GotNameplates([Nameplate::from(4)].into()));
        assert_eq!(lists.all().await, [GotList([Nameplate::from(4)].into())]);
        lister.do_send(Line::Down);
        lister.do_send(Line::Up);
        assert!(sent.all().await.is_empty());
    }

    struct Bench(Addr<Lister>, Told<Transmit>, Told<GotList>);

    impl Machine for Bench {
        fn put(&self, input: &str) {
            match input {
                "connected" => self.0.do_send(Line::Up),
                "lost" => self.0.do_send(Line::Down),
                "refresh" => self.0.do_send(Refresh),
                "rx nameplates" => self.0.do_send(GotNameplates(BTreeSet::new())),
                odd => panic!("an unknown input: {odd}"),
            }
        }

        async fn told(&mut self) -> Vec<&'static str> {
            let mut told: Vec<_> = self.1.all().await.iter().map(|_| "tx list").collect();
            told.extend(self.2.all().await.iter().map(|_| "Input.got_nameplates"));
            told
        }
    }

    #[actix::test]
    async fn the_recorded_table() {
        let bench = || {
            let (rendezvous, sent) = probe();
            let (input, lists) = probe();
            Bench(seated(Lister::new(rendezvous, input)), sent, lists)
        };
        Table::read("Lister").hold(bench).await;
    }
}
