//! Terminator: lets go of nameplate, mailbox and connection, in this order.
//!
//! in:  [`Close`] (from Send), [`NameplateDone`] (from Nameplate), [`MailboxDone`] (from Mailbox),
//!      [`ConnectorStopped`] (from Rendezvous)
//! out: `CloseNameplate` (to Nameplate), `CloseMailbox` (to Mailbox), `Hurry`, `Stop` (to Rendezvous),
//!      `Terminated` (to Boss)

use actix::prelude::*;
use wormhole_protocol::name::Mood;

use super::{
    boss::Terminated,
    ignored,
    mailbox::CloseMailbox,
    nameplate::CloseNameplate,
    rendezvous::{Hurry, Stop},
};
use crate::wiring::To;

/// The wormhole ends, in this mood.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct Close(pub(crate) Mood);

/// The server has the nameplate back, or never gave it.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct NameplateDone;

/// The server has closed the mailbox for us, or we never opened it.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct MailboxDone;

/// There is no connection, and will be none.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct ConnectorStopped;

/// What is still held on the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Both,
    Nameplate,
    Mailbox,
    Nothing,
}

impl Held {
    fn without_nameplate(self) -> Self {
        match self {
            Self::Both | Self::Mailbox => Self::Mailbox,
            Self::Nameplate | Self::Nothing => Self::Nothing,
        }
    }

    fn without_mailbox(self) -> Self {
        match self {
            Self::Both | Self::Nameplate => Self::Nameplate,
            Self::Mailbox | Self::Nothing => Self::Nothing,
        }
    }
}

enum State {
    /// The wormhole is in use.
    Open(Held),
    /// It is being closed.
    Closing(Held),
    /// Only the connection is left.
    Stopping,
    /// Nothing is left.
    Stopped,
}

pub(crate) struct Terminator {
    state: State,
    nameplate: To<CloseNameplate>,
    mailbox: To<CloseMailbox>,
    rendezvous: (To<Hurry>, To<Stop>),
    boss: To<Terminated>,
}

impl Terminator {
    pub(crate) fn new(
        nameplate: To<CloseNameplate>,
        mailbox: To<CloseMailbox>,
        rendezvous: (To<Hurry>, To<Stop>),
        boss: To<Terminated>,
    ) -> Self {
        Self { state: State::Open(Held::Both), nameplate, mailbox, rendezvous, boss }
    }

    fn let_go(&mut self, of: fn(Held) -> Held) {
        match self.state {
            State::Open(held) => self.state = State::Open(of(held)),
            State::Closing(held) => self.closing(of(held)),
            State::Stopping | State::Stopped => ignored::<Held>("terminator"),
        }
    }

    fn closing(&mut self, held: Held) {
        if held != Held::Nothing {
            self.state = State::Closing(held);
            return;
        }
        self.state = State::Stopping;
        self.rendezvous.1.tell(Stop);
    }
}

impl Actor for Terminator {
    type Context = Context<Self>;
}

impl Handler<Close> for Terminator {
    type Result = ();

    fn handle(&mut self, Close(mood): Close, _: &mut Self::Context) {
        let State::Open(held) = self.state else { return ignored::<Close>("terminator") };
        if mood == Mood::Unwelcome {
            // A server that turns us away takes nothing back from us either.
            return self.closing(Held::Nothing);
        }
        if let Held::Both | Held::Nameplate = held {
            self.nameplate.tell(CloseNameplate);
        }
        if let Held::Both | Held::Mailbox = held {
            self.mailbox.tell(CloseMailbox(mood));
        }
        if held != Held::Nothing {
            self.rendezvous.0.tell(Hurry);
        }
        self.closing(held);
    }
}

impl Handler<NameplateDone> for Terminator {
    type Result = ();

    fn handle(&mut self, _: NameplateDone, _: &mut Self::Context) {
        self.let_go(Held::without_nameplate);
    }
}

impl Handler<MailboxDone> for Terminator {
    type Result = ();

    fn handle(&mut self, _: MailboxDone, _: &mut Self::Context) {
        self.let_go(Held::without_mailbox);
    }
}

impl Handler<ConnectorStopped> for Terminator {
    type Result = ();

    fn handle(&mut self, _: ConnectorStopped, _: &mut Self::Context) {
        let State::Stopping = self.state else {
            return ignored::<ConnectorStopped>("terminator");
        };
        self.state = State::Stopped;
        self.boss.tell(Terminated);
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
        layer: Addr<Terminator>,
        nameplate: Told<CloseNameplate>,
        mailbox: Told<CloseMailbox>,
        hurry: Told<Hurry>,
        stop: Told<Stop>,
        terminated: Told<Terminated>,
    }

    fn bench() -> Bench {
        let (to_nameplate, nameplate) = probe();
        let (to_mailbox, mailbox) = probe();
        let (to_hurry, hurry) = probe();
        let (to_stop, stop) = probe();
        let (boss, terminated) = probe();
        let rendezvous = (to_hurry, to_stop);
        let layer = seated(Terminator::new(to_nameplate, to_mailbox, rendezvous, boss));
        Bench { layer, nameplate, mailbox, hurry, stop, terminated }
    }

    #[actix::test]
    async fn waits_for_both_then_hangs_up_then_reports() {
        let mut b = bench();
        b.layer.do_send(Close(Mood::Happy));
        assert_eq!(b.nameplate.all().await, [CloseNameplate]);
        assert_eq!(b.mailbox.all().await, [CloseMailbox(Mood::Happy)]);
        assert_eq!(b.hurry.all().await, [Hurry]);
        b.layer.do_send(MailboxDone);
        assert!(b.stop.all().await.is_empty());
        b.layer.do_send(NameplateDone);
        assert_eq!(b.stop.all().await, [Stop]);
        assert!(b.terminated.all().await.is_empty());
        b.layer.do_send(ConnectorStopped);
        assert_eq!(b.terminated.all().await, [Terminated]);
    }

    #[actix::test]
    async fn what_was_let_go_before_is_not_closed_again() {
        let mut b = bench();
        b.layer.do_send(NameplateDone);
        b.layer.do_send(Close(Mood::Scary));
        assert!(b.nameplate.all().await.is_empty());
        assert_eq!(b.mailbox.all().await, [CloseMailbox(Mood::Scary)]);
        b.layer.do_send(MailboxDone);
        assert_eq!(b.stop.all().await, [Stop]);
    }

    #[actix::test]
    async fn a_server_that_turns_us_away_is_not_asked_for_a_goodbye() {
        let mut b = bench();
        b.layer.do_send(Close(Mood::Unwelcome));
        assert_eq!(b.stop.all().await, [Stop]);
        assert!(b.nameplate.all().await.is_empty() && b.mailbox.all().await.is_empty());
        assert!(b.hurry.all().await.is_empty());
    }

    impl Machine for Bench {
        fn put(&self, input: &str) {
            match input {
                "close" => self.layer.do_send(Close(Mood::Happy)),
                "nameplate done" => self.layer.do_send(NameplateDone),
                "mailbox done" => self.layer.do_send(MailboxDone),
                "connector stopped" => self.layer.do_send(ConnectorStopped),
                odd => panic!("an unknown input: {odd}"),
            }
        }

        async fn told(&mut self) -> Vec<&'static str> {
            let mut told: Vec<_> =
                self.nameplate.all().await.iter().map(|_| "Nameplate.close").collect();
            told.extend(self.mailbox.all().await.iter().map(|_| "Mailbox.close"));
            told.extend(self.stop.all().await.iter().map(|_| "Connector.stop"));
            told.extend(self.terminated.all().await.iter().map(|_| "Boss.closed"));
            told
        }
    }

    #[actix::test]
    async fn the_recorded_table() {
        let mut table = Table::read("Terminator");
        // Ours has no Dilator to stop after the connector.
        table.inputs.retain(|input| input != "dilator stopped");
        table.rows.retain(|row| row.state != "stopping dilator");
        for row in table.rows.iter_mut().filter(|row| row.next == "stopping dilator") {
            row.next = "stopped".to_owned();
            row.outputs = vec!["Boss.closed".to_owned()];
        }
        table.hold(bench).await;
    }
}
