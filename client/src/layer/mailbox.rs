//! Mailbox: keeps our messages until the server echoes them, and passes the peer's on, each once.
//!
//! in:  [`Add`] (from Key and Send), [`GotMailbox`] (from Nameplate), `Line`, [`GotMessage`],
//!      [`GotClosed`] (from Rendezvous), [`CloseMailbox`] (from Terminator)
//! out: `Transmit` (to Rendezvous), `Release` (to Nameplate), `Theirs` (to Order), `MailboxDone`
//!      (to Terminator)

use std::collections::{HashSet, VecDeque};

use actix::prelude::*;
use wormhole_protocol::{
    name::{MailboxId, Mood, Phase, Side},
    wire::{Body, Command},
};

use super::{
    ignored,
    nameplate::Release,
    order::Theirs,
    rendezvous::{Line, Transmit},
    terminator::MailboxDone,
};
use crate::wiring::To;

/// One message of ours, ready for the server: PAKE in clear, all others sealed.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct Add {
    pub(crate) phase: Phase,
    pub(crate) body: Vec<u8>,
}

/// The mailbox is known.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotMailbox(pub(crate) MailboxId);

/// A message in the mailbox: the peer's, or the echo of ours.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotMessage {
    pub(crate) side: Side,
    pub(crate) phase: Phase,
    pub(crate) body: Vec<u8>,
}

/// The server's answer to `close`.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotClosed;

/// The wormhole ends, in this mood.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct CloseMailbox(pub(crate) Mood);

enum State {
    /// No mailbox is known.
    Unknown,
    /// One is known, and was opened at least once where `opened` says so.
    Known { mailbox: MailboxId, opened: bool },
    /// It is to be closed; the server has not confirmed that.
    Closing { mailbox: MailboxId, mood: Mood },
    /// Nothing is left to do.
    Closed,
}

pub(crate) struct Mailbox {
    state: State,
    line: Line,
    side: Side,
    /// Ours, not echoed yet, oldest first.
    unechoed: VecDeque<Add>,
    /// The peer's phases that were passed on; every `open` replays all messages.
    seen: HashSet<Phase>,
    rendezvous: To<Transmit>,
    nameplate: To<Release>,
    order: To<Theirs>,
    terminator: To<MailboxDone>,
}

impl Mailbox {
    pub(crate) fn new(
        side: Side,
        rendezvous: To<Transmit>,
        nameplate: To<Release>,
        order: To<Theirs>,
        terminator: To<MailboxDone>,
    ) -> Self {
        Self {
            state: State::Unknown,
            line: Line::Down,
            side,
            unechoed: VecDeque::new(),
            seen: HashSet::new(),
            rendezvous,
            nameplate,
            order,
            terminator,
        }
    }

    fn open(&mut self, mailbox: MailboxId) {
        self.say_again(&mailbox);
        self.state = State::Known { mailbox, opened: true };
    }

    /// Opens the mailbox on this connection and says everything again that was not echoed.
    fn say_again(&self, mailbox: &MailboxId) {
        self.rendezvous.tell(Transmit(Command::Open { mailbox: mailbox.clone() }));
        self.unechoed.iter().for_each(|add| self.transmit(add));
    }

    fn transmit(&self, Add { phase, body }: &Add) {
        let body = Body::from_bytes(body);
        self.rendezvous.tell(Transmit(Command::Add { phase: phase.clone(), body }));
    }

    fn close(&mut self, mailbox: MailboxId, mood: Mood) {
        if self.line == Line::Up {
            let (mailbox, mood) = (Some(mailbox.clone()), Some(mood.clone()));
            self.rendezvous.tell(Transmit(Command::Close { mailbox, mood }));
        }
        self.state = State::Closing { mailbox, mood };
    }

    fn echoed(&mut self, phase: &Phase) {
        // Echoes come in the order in which we spoke, but for those of an earlier connection.
        match self.unechoed.front() {
            Some(first) if first.phase == *phase => drop(self.unechoed.pop_front()),
            _ => self.unechoed.retain(|add| add.phase != *phase),
        }
    }

    fn done(&mut self) {
        self.state = State::Closed;
        self.terminator.tell(MailboxDone);
    }
}

impl Actor for Mailbox {
    type Context = Context<Self>;
}

impl Handler<Add> for Mailbox {
    type Result = ();

    fn handle(&mut self, add: Add, _: &mut Self::Context) {
        match (&self.state, self.line) {
            (State::Closing { .. } | State::Closed, _) => return,
            (State::Known { .. }, Line::Up) => self.transmit(&add),
            (State::Known { .. } | State::Unknown, _) => {}
        }
        self.unechoed.push_back(add);
    }
}

impl Handler<GotMailbox> for Mailbox {
    type Result = ();

    fn handle(&mut self, GotMailbox(mailbox): GotMailbox, _: &mut Self::Context) {
        match (&self.state, self.line) {
            (State::Unknown, Line::Up) => self.open(mailbox),
            (State::Unknown, Line::Down) => self.state = State::Known { mailbox, opened: false },
            _ => ignored::<GotMailbox>("mailbox"),
        }
    }
}

impl Handler<Line> for Mailbox {
    type Result = ();

    fn handle(&mut self, line: Line, _: &mut Self::Context) {
        self.line = line;
        if line == Line::Down {
            return;
        }
        match &self.state {
            State::Known { mailbox, .. } => self.open(mailbox.clone()),
            State::Closing { mailbox, mood } => {
                // What the application sent before the end has to arrive before it.
                if self.unechoed.iter().any(|add| matches!(add.phase, Phase::Number(_))) {
                    self.say_again(mailbox);
                }
                self.close(mailbox.clone(), mood.clone());
            }
            State::Unknown | State::Closed => {}
        }
    }
}

impl Handler<GotMessage> for Mailbox {
    type Result = ();

    fn handle(&mut self, msg: GotMessage, _: &mut Self::Context) {
        let GotMessage { side, phase, body } = msg;
        match &self.state {
            State::Known { opened: true, .. } | State::Closing { .. } if side == self.side => {
                self.echoed(&phase);
            }
            State::Known { opened: true, .. } => {
                self.nameplate.tell(Release);
                if self.seen.insert(phase.clone()) {
                    self.order.tell(Theirs { side, phase, body });
                }
            }
            _ => ignored::<GotMessage>("mailbox"),
        }
    }
}

impl Handler<CloseMailbox> for Mailbox {
    type Result = ();

    fn handle(&mut self, CloseMailbox(mood): CloseMailbox, _: &mut Self::Context) {
        match &self.state {
            State::Unknown | State::Known { opened: false, .. } => self.done(),
            State::Known { opened: true, mailbox } => self.close(mailbox.clone(), mood),
            State::Closing { .. } | State::Closed => {}
        }
    }
}

impl Handler<GotClosed> for Mailbox {
    type Result = ();

    fn handle(&mut self, _: GotClosed, _: &mut Self::Context) {
        match &self.state {
            State::Closing { .. } => self.done(),
            _ => ignored::<GotClosed>("mailbox"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layer::table::{Machine, Table},
        probe::{Told, probe, seated},
    };

    struct Bench {
        layer: Addr<Mailbox>,
        sent: Told<Transmit>,
        release: Told<Release>,
        theirs: Told<Theirs>,
        done: Told<MailboxDone>,
    }

    fn bench() -> Bench {
        let (rendezvous, sent) = probe();
        let (nameplate, release) = probe();
        let (order, theirs) = probe();
        let (terminator, done) = probe();
        let side = Side::new("us");
        let layer = seated(Mailbox::new(side, rendezvous, nameplate, order, terminator));
        Bench { layer, sent, release, theirs, done }
    }

    fn add(number: u64) -> Add {
        Add { phase: Phase::Number(number), body: vec![1] }
    }

    fn added(number: u64) -> Transmit {
        let body = Body::from_text("01");
        Transmit(Command::Add { phase: Phase::Number(number), body })
    }

    fn open() -> Transmit {
        Transmit(Command::Open { mailbox: MailboxId::new("m") })
    }

    fn close() -> Transmit {
        let (mailbox, mood) = (Some(MailboxId::new("m")), Some(Mood::Happy));
        Transmit(Command::Close { mailbox, mood })
    }

    fn message(side: &str, number: u64) -> GotMessage {
        GotMessage { side: Side::new(side), phase: Phase::Number(number), body: vec![1] }
    }

    #[actix::test]
    async fn what_is_not_echoed_is_said_again_on_every_connection() {
        let mut b = bench();
        b.layer.do_send(add(0));
        b.layer.do_send(Line::Up);
        assert!(b.sent.all().await.is_empty());
        b.layer.do_send(GotMailbox(MailboxId::new("m")));
        b.layer.do_send(add(1));
        assert_eq!(b.sent.all().await, [open(), added(0), added(1)]);
        b.layer.do_send(message("us", 0));
        b.layer.do_send(Line::Down);
        b.layer.do_send(add(2));
        assert!(b.sent.all().await.is_empty());
        b.layer.do_send(Line::Up);
        assert_eq!(b.sent.all().await, [open(), added(1), added(2)]);
        assert!(b.theirs.all().await.is_empty() && b.release.all().await.is_empty());
    }

    #[actix::test]
    async fn each_phase_of_the_peer_passes_once() {
        let mut b = bench();
        b.layer.do_send(Line::Up);
        b.layer.do_send(GotMailbox(MailboxId::new("m")));
        for number in [0, 1, 0, 1] {
            b.layer.do_send(message("peer", number));
        }
        let phases: Vec<_> = b.theirs.all().await.into_iter().map(|m| m.phase).collect();
        assert_eq!(phases, [Phase::Number(0), Phase::Number(1)]);
        assert_eq!(b.release.all().await.len(), 4);
    }

    #[actix::test]
    async fn closes_what_was_opened_and_repeats_it_after_a_loss() {
        let mut b = bench();
        b.layer.do_send(Line::Up);
        b.layer.do_send(GotMailbox(MailboxId::new("m")));
        b.layer.do_send(CloseMailbox(Mood::Happy));
        b.layer.do_send(Line::Down);
        b.layer.do_send(add(0));
        b.layer.do_send(Line::Up);
        assert_eq!(b.sent.all().await, [open(), close(), close()]);
        assert!(b.done.all().await.is_empty());
        b.layer.do_send(GotClosed);
        assert_eq!(b.done.all().await.len(), 1);
        b.layer.do_send(message("peer", 0));
        assert!(b.theirs.all().await.is_empty());
    }

    #[actix::test]
    async fn what_was_sent_before_the_end_arrives_before_it() {
        let mut b = bench();
        b.layer.do_send(Line::Up);
        b.layer.do_send(GotMailbox(MailboxId::new("m")));
        b.layer.do_send(Line::Down);
        b.layer.do_send(add(0));
        b.layer.do_send(CloseMailbox(Mood::Happy));
        assert_eq!(b.sent.all().await, [open()]);
        b.layer.do_send(Line::Up);
        assert_eq!(b.sent.all().await, [open(), added(0), close()]);
        b.layer.do_send(message("us", 0));
        b.layer.do_send(Line::Down);
        b.layer.do_send(Line::Up);
        assert_eq!(b.sent.all().await, [close()]);
    }

    #[actix::test]
    async fn what_was_never_opened_needs_no_close() {
        let mut b = bench();
        b.layer.do_send(GotMailbox(MailboxId::new("m")));
        b.layer.do_send(CloseMailbox(Mood::Happy));
        assert_eq!(b.done.all().await.len(), 1);
        b.layer.do_send(Line::Up);
        assert!(b.sent.all().await.is_empty());
    }

    impl Machine for Bench {
        fn put(&self, input: &str) {
            match input {
                "connected" => self.layer.do_send(Line::Up),
                "lost" => self.layer.do_send(Line::Down),
                "add(phase, body)" => self.layer.do_send(add(0)),
                "mailbox id known" => self.layer.do_send(GotMailbox(MailboxId::new("m"))),
                "rx message, our side" => self.layer.do_send(message("us", 0)),
                "rx message, other side" => self.layer.do_send(message("peer", 0)),
                "rx closed" => self.layer.do_send(GotClosed),
                "close" => self.layer.do_send(CloseMailbox(Mood::Happy)),
                odd => panic!("an unknown input: {odd}"),
            }
        }

        async fn told(&mut self) -> Vec<&'static str> {
            let sent = self.sent.all().await.into_iter().map(|sent| match sent.0 {
                Command::Open { .. } => "tx open",
                Command::Add { .. } => "tx add",
                Command::Close { .. } => "tx close",
                odd => panic!("an odd command: {odd:?}"),
            });
            let mut told: Vec<_> = sent.collect();
            told.extend(self.release.all().await.iter().map(|_| "Nameplate.release"));
            told.extend(self.theirs.all().await.iter().map(|_| "Order.got_message"));
            told.extend(self.done.all().await.iter().map(|_| "Terminator.mailbox_done"));
            told
        }
    }

    #[actix::test]
    async fn the_recorded_table() {
        Table::read("Mailbox").hold(bench).await;
    }
}
