//! Nameplate: claims the code's nameplate, and gives it back when the peer has come.
//!
//! in:  [`SetNameplate`] (from Code), `Line`, [`GotClaimed`], [`GotReleased`] (from Rendezvous),
//!      [`Release`] (from Mailbox), [`CloseNameplate`] (from Terminator)
//! out: `Transmit` (to Rendezvous), `GotMailbox` (to Mailbox), `GotWordlist` (to Input),
//!      `NameplateDone` (to Terminator), `Change` (to Boss)

use actix::prelude::*;
use wormhole_protocol::{
    name::{MailboxId, Nameplate as Name},
    wire::Command,
};

use super::{
    ignored,
    input::GotWordlist,
    mailbox::GotMailbox,
    rendezvous::{Line, Transmit},
    terminator::NameplateDone,
};
use crate::{
    status::{Change, CodeStatus},
    wiring::To,
};

/// The nameplate is known.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct SetNameplate(pub(crate) Name);

/// The server's answer to `claim`.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotClaimed(pub(crate) MailboxId);

/// The server's answer to `release`.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotReleased;

/// The peer is in the mailbox: nobody needs the nameplate any more. Comes with each message.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct Release;

/// The wormhole ends.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct CloseNameplate;

enum State {
    /// No nameplate is known.
    Unknown,
    /// One is known, and was never claimed.
    Chosen(Name),
    /// A claim was sent, now or on an earlier connection, and not answered.
    Claiming(Name),
    /// It is ours.
    Claimed(Name),
    /// It is to be given back; the server has not confirmed that.
    Releasing(Name),
    /// Nothing is left to do.
    Released,
}

pub(crate) struct Nameplate {
    state: State,
    line: Line,
    rendezvous: To<Transmit>,
    mailbox: To<GotMailbox>,
    input: To<GotWordlist>,
    terminator: To<NameplateDone>,
    boss: To<Change>,
}

impl Nameplate {
    pub(crate) fn new(
        rendezvous: To<Transmit>,
        mailbox: To<GotMailbox>,
        input: To<GotWordlist>,
        terminator: To<NameplateDone>,
        boss: To<Change>,
    ) -> Self {
        let (state, line) = (State::Unknown, Line::Down);
        Self { state, line, rendezvous, mailbox, input, terminator, boss }
    }

    fn claim(&mut self, name: Name) {
        self.rendezvous.tell(Transmit(Command::Claim { nameplate: name.clone() }));
        self.state = State::Claiming(name);
    }

    fn release(&mut self, name: Name) {
        if self.line == Line::Up {
            self.rendezvous.tell(Transmit(Command::Release { nameplate: Some(name.clone()) }));
        }
        self.state = State::Releasing(name);
    }

    fn done(&mut self) {
        let earlier = std::mem::replace(&mut self.state, State::Released);
        self.terminator.tell(NameplateDone);
        if !matches!(earlier, State::Unknown) {
            self.boss.tell(Change::Code(CodeStatus::Consumed));
        }
    }
}

impl Actor for Nameplate {
    type Context = Context<Self>;
}

impl Handler<SetNameplate> for Nameplate {
    type Result = ();

    fn handle(&mut self, SetNameplate(name): SetNameplate, _: &mut Self::Context) {
        let State::Unknown = self.state else {
            // The person finishes typing while the wormhole is being closed.
            return ignored::<SetNameplate>("nameplate");
        };
        match self.line {
            Line::Down => self.state = State::Chosen(name),
            Line::Up => self.claim(name),
        }
        self.boss.tell(Change::Code(CodeStatus::Allocated));
    }
}

impl Handler<Line> for Nameplate {
    type Result = ();

    fn handle(&mut self, line: Line, _: &mut Self::Context) {
        self.line = line;
        if line == Line::Down {
            return;
        }
        match &self.state {
            State::Chosen(name) | State::Claiming(name) => self.claim(name.clone()),
            State::Releasing(name) => self.release(name.clone()),
            State::Unknown | State::Claimed(_) | State::Released => {}
        }
    }
}

impl Handler<GotClaimed> for Nameplate {
    type Result = ();

    fn handle(&mut self, GotClaimed(mailbox): GotClaimed, _: &mut Self::Context) {
        match &self.state {
            State::Claiming(name) => {
                self.state = State::Claimed(name.clone());
                self.input.tell(GotWordlist);
                self.mailbox.tell(GotMailbox(mailbox));
            }
            _ => ignored::<GotClaimed>("nameplate"),
        }
    }
}

impl Handler<Release> for Nameplate {
    type Result = ();

    fn handle(&mut self, _: Release, _: &mut Self::Context) {
        match &self.state {
            State::Claimed(name) => self.release(name.clone()),
            State::Releasing(_) | State::Released => {}
            State::Unknown | State::Chosen(_) | State::Claiming(_) => {
                ignored::<Release>("nameplate");
            }
        }
    }
}

impl Handler<GotReleased> for Nameplate {
    type Result = ();

    fn handle(&mut self, _: GotReleased, _: &mut Self::Context) {
        match &self.state {
            State::Releasing(_) => self.done(),
            _ => ignored::<GotReleased>("nameplate"),
        }
    }
}

impl Handler<CloseNameplate> for Nameplate {
    type Result = ();

    fn handle(&mut self, _: CloseNameplate, _: &mut Self::Context) {
        match &self.state {
            State::Unknown | State::Chosen(_) => self.done(),
            State::Claiming(name) | State::Claimed(name) => self.release(name.clone()),
            State::Releasing(_) | State::Released => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        layer::table::{Machine, Table},
        probe::{Told, probe, seated},
    };

    struct Bench {
        layer: Addr<Nameplate>,
        sent: Told<Transmit>,
        mailbox: Told<GotMailbox>,
        wordlist: Told<GotWordlist>,
        done: Told<NameplateDone>,
        status: Told<Change>,
    }

    fn bench() -> Bench {
        let (rendezvous, sent) = probe();
        let (to_mailbox, mailbox) = probe();
        let (input, wordlist) = probe();
        let (terminator, done) = probe();
        let (boss, status) = probe();
        let layer = seated(Nameplate::new(rendezvous, to_mailbox, input, terminator, boss));
        Bench { layer, sent, mailbox, wordlist, done, status }
    }

    fn name() -> Name {
        Name::from(7)
    }

    fn claim() -> Transmit {
        Transmit(Command::Claim { nameplate: name() })
    }

    fn release() -> Transmit {
        Transmit(Command::Release { nameplate: Some(name()) })
    }

    #[actix::test]
    async fn claims_hands_on_and_releases() {
        let mut b = bench();
        b.layer.do_send(SetNameplate(name()));
        assert!(b.sent.all().await.is_empty());
        b.layer.do_send(Line::Up);
        assert_eq!(b.sent.all().await, [claim()]);
        b.layer.do_send(GotClaimed(MailboxId::new("m")));
        assert_eq!(b.mailbox.all().await, [GotMailbox(MailboxId::new("m"))]);
        assert_eq!(b.wordlist.all().await.len(), 1);
        b.layer.do_send(Release);
        b.layer.do_send(Release);
        assert_eq!(b.sent.all().await, [release()]);
        b.layer.do_send(GotReleased);
        assert_eq!(b.done.all().await.len(), 1);
        b.layer.do_send(CloseNameplate);
        assert!(b.done.all().await.is_empty() && b.sent.all().await.is_empty());
        let status = [CodeStatus::Allocated, CodeStatus::Consumed].map(Change::Code);
        assert_eq!(b.status.all().await, status);
    }

    #[actix::test]
    async fn repeats_after_a_loss_what_was_not_answered() {
        let mut b = bench();
        b.layer.do_send(Line::Up);
        b.layer.do_send(SetNameplate(name()));
        b.layer.do_send(Line::Down);
        b.layer.do_send(Line::Up);
        assert_eq!(b.sent.all().await, [claim(), claim()]);
        b.layer.do_send(GotClaimed(MailboxId::new("m")));
        b.layer.do_send(Line::Down);
        b.layer.do_send(Line::Up);
        assert!(b.sent.all().await.is_empty());
        b.layer.do_send(Line::Down);
        b.layer.do_send(Release);
        assert!(b.sent.all().await.is_empty());
        b.layer.do_send(Line::Up);
        assert_eq!(b.sent.all().await, [release()]);
    }

    #[actix::test]
    async fn closing_releases_only_what_was_claimed() {
        let mut never = bench();
        never.layer.do_send(SetNameplate(name()));
        never.layer.do_send(CloseNameplate);
        assert_eq!(never.done.all().await.len(), 1);
        never.layer.do_send(Line::Up);
        assert!(never.sent.all().await.is_empty());

        let mut unanswered = bench();
        unanswered.layer.do_send(Line::Up);
        unanswered.layer.do_send(SetNameplate(name()));
        unanswered.layer.do_send(CloseNameplate);
        assert_eq!(unanswered.sent.all().await, [claim(), release()]);
        unanswered.layer.do_send(GotClaimed(MailboxId::new("m")));
        assert!(unanswered.mailbox.all().await.is_empty());
        assert!(unanswered.done.all().await.is_empty());
        unanswered.layer.do_send(GotReleased);
        assert_eq!(unanswered.done.all().await.len(), 1);
    }

    #[actix::test]
    async fn a_code_that_never_was_is_not_consumed() {
        let mut b = bench();
        b.layer.do_send(CloseNameplate);
        assert_eq!(b.done.all().await.len(), 1);
        assert!(b.status.all().await.is_empty());
    }

    impl Machine for Bench {
        fn put(&self, input: &str) {
            match input {
                "connected" => self.layer.do_send(Line::Up),
                "lost" => self.layer.do_send(Line::Down),
                "set nameplate" => self.layer.do_send(SetNameplate(name())),
                "rx claimed(mailbox)" => self.layer.do_send(GotClaimed(MailboxId::new("m"))),
                "rx released" => self.layer.do_send(GotReleased),
                "release (from Mailbox)" => self.layer.do_send(Release),
                "close" => self.layer.do_send(CloseNameplate),
                odd => panic!("an unknown input: {odd}"),
            }
        }

        async fn told(&mut self) -> Vec<&'static str> {
            let sent = self.sent.all().await.into_iter().map(|sent| match sent.0 {
                Command::Claim { .. } => "tx claim",
                Command::Release { .. } => "tx release",
                odd => panic!("an odd command: {odd:?}"),
            });
            let mut told: Vec<_> = sent.collect();
            told.extend(self.mailbox.all().await.iter().map(|_| "Mailbox.got_mailbox"));
            told.extend(self.wordlist.all().await.iter().map(|_| "Input.got_wordlist"));
            told.extend(self.done.all().await.iter().map(|_| "Terminator.nameplate_done"));
            told
        }
    }

    #[actix::test]
    async fn the_recorded_table() {
        let mut table = Table::read("Nameplate");
        table.define("claimed/off", "release (from Mailbox)", "releasing/off");
        table.hold(bench).await;
    }
}
