//! Boss: owns the wormhole's result, and tells the application what happens.
//!
//! in:  [`SendMessage`], [`CloseWormhole`] (from the keeper), [`GotWelcome`] (from Rendezvous),
//!      [`GotCode`] (from Code), [`GotKey`] (from Key), [`Opened`] (from Receive), [`Broken`] (from
//!      all), [`Terminated`] (from Terminator)
//! out: `SendPhase` (to Send), `Close` (to Terminator), [`Event`]s (to the application)

use std::collections::BTreeMap;

use actix::prelude::*;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use wormhole_protocol::{
    code::Code,
    key::{Key, Verifier},
    name::{Mood, Phase},
};
use zeroize::Zeroizing;

use super::{ignored, send::SendPhase, terminator::Close};
use crate::{error::Error, event::Event, wiring::To};

/// The most messages that wait because an earlier number has not come.
const MAX_AHEAD: usize = 1_000;

/// The application sends a message.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SendMessage(pub(crate) Zeroizing<Vec<u8>>);

/// The application is done.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct CloseWormhole;

/// What the server says to everybody, once a connection.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotWelcome(pub(crate) Map<String, Value>);

/// The code is known.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct GotCode(pub(crate) Code);

/// The key, which nobody has proved to have yet.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct GotKey(pub(crate) Key);

/// A message of the peer's that opened, and so proves the key.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Opened {
    pub(crate) verifier: Verifier,
    pub(crate) phase: Phase,
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
}

/// The wormhole cannot go on.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct Broken(pub(crate) Error);

/// Nothing is left on the server.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct Terminated;

enum State {
    /// No peer has proved anything.
    Lonely,
    /// The peer has the key.
    Happy { inbox: Inbox },
    /// It ends so.
    Closing { result: Result<(), Error> },
    /// It has ended.
    Closed,
}

/// Puts the peer's messages in the order of their numbers.
#[derive(Default)]
struct Inbox {
    next: u64,
    ahead: BTreeMap<u64, Zeroizing<Vec<u8>>>,
}

pub(crate) struct Boss {
    state: State,
    next_phase: u64,
    send: To<SendPhase>,
    terminator: To<Close>,
    application: mpsc::UnboundedSender<Event>,
}

impl Boss {
    pub(crate) fn new(
        send: To<SendPhase>,
        terminator: To<Close>,
        application: mpsc::UnboundedSender<Event>,
    ) -> Self {
        Self { state: State::Lonely, next_phase: 0, send, terminator, application }
    }

    fn tell(&self, event: Event) {
        // Nobody listens once the keeper has let go.
        let _ = self.application.send(event);
    }

    fn close(&mut self, mood: Mood, result: Result<(), Error>) {
        self.tell(Event::Closing(result.clone()));
        self.state = State::Closing { result };
        self.terminator.tell(Close(mood));
    }

    fn open(&self) -> bool {
        matches!(self.state, State::Lonely | State::Happy { .. })
    }

    fn receive(&mut self, number: u64, plaintext: Zeroizing<Vec<u8>>) {
        let State::Happy { inbox } = &mut self.state else { return };
        if number < inbox.next || inbox.ahead.len() == MAX_AHEAD {
            return ignored::<Opened>("boss");
        }
        inbox.ahead.insert(number, plaintext);
        let mut ready = Vec::new();
        while let Some(plaintext) = inbox.ahead.remove(&inbox.next) {
            inbox.next += 1;
            ready.push(plaintext);
        }
        ready.into_iter().for_each(|plaintext| self.tell(Event::Message(plaintext)));
    }

    fn versions(&mut self, plaintext: &[u8]) {
        let Ok(Value::Object(mut versions)) = serde_json::from_slice(plaintext) else {
            let error = Error::Peer("sent a malformed version message");
            return self.close(error.mood(), Err(error));
        };
        let versions = versions.remove("app_versions").unwrap_or_else(|| Value::Object(Map::new()));
        self.tell(Event::Versions(versions));
    }
}

impl Actor for Boss {
    type Context = Context<Self>;
}

impl Handler<SendMessage> for Boss {
    type Result = ();

    fn handle(&mut self, SendMessage(plaintext): SendMessage, _: &mut Self::Context) {
        if !self.open() {
            return ignored::<SendMessage>("boss");
        }
        let phase = Phase::Number(self.next_phase);
        self.next_phase += 1;
        self.send.tell(SendPhase { phase, plaintext });
    }
}

impl Handler<CloseWormhole> for Boss {
    type Result = ();

    fn handle(&mut self, _: CloseWormhole, _: &mut Self::Context) {
        match &self.state {
            State::Lonely => self.close(Mood::Lonely, Err(Error::Lonely)),
            State::Happy { .. } => self.close(Mood::Happy, Ok(())),
            State::Closing { .. } | State::Closed => {}
        }
    }
}

impl Handler<GotWelcome> for Boss {
    type Result = ();

    fn handle(&mut self, GotWelcome(welcome): GotWelcome, _: &mut Self::Context) {
        let Some(error) = welcome.get("error").filter(|_| self.open()) else {
            return self.tell(Event::Welcome(welcome));
        };
        let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        let error = Error::Welcome(text);
        self.close(error.mood(), Err(error));
    }
}

impl Handler<GotCode> for Boss {
    type Result = ();

    fn handle(&mut self, GotCode(code): GotCode, _: &mut Self::Context) {
        if self.open() {
            self.tell(Event::Code(code));
        }
    }
}

impl Handler<GotKey> for Boss {
    type Result = ();

    fn handle(&mut self, GotKey(key): GotKey, _: &mut Self::Context) {
        if self.open() {
            self.tell(Event::Key(key));
        }
    }
}

impl Handler<Opened> for Boss {
    type Result = ();

    fn handle(&mut self, opened: Opened, _: &mut Self::Context) {
        match self.state {
            State::Lonely => {
                self.state = State::Happy { inbox: Inbox::default() };
                self.tell(Event::Verifier(opened.verifier));
            }
            State::Happy { .. } => {}
            State::Closing { .. } | State::Closed => return ignored::<Opened>("boss"),
        }
        match opened.phase {
            Phase::Version => self.versions(&opened.plaintext),
            Phase::Number(number) => self.receive(number, opened.plaintext),
            Phase::Pake | Phase::Other(_) => ignored::<Opened>("boss"),
        }
    }
}

impl Handler<Broken> for Boss {
    type Result = ();

    fn handle(&mut self, Broken(error): Broken, _: &mut Self::Context) {
        if !self.open() {
            return ignored::<Broken>("boss");
        }
        self.close(error.mood(), Err(error));
    }
}

impl Handler<Terminated> for Boss {
    type Result = ();

    fn handle(&mut self, _: Terminated, _: &mut Self::Context) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closing { result } => self.tell(Event::Closed(result)),
            earlier => {
                self.state = earlier;
                ignored::<Terminated>("boss");
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::probe::{Told, probe, seated, settle};

    struct Bench {
        boss: Addr<Boss>,
        sent: Told<SendPhase>,
        close: Told<Close>,
        events: mpsc::UnboundedReceiver<Event>,
    }

    impl Bench {
        async fn events(&mut self) -> Vec<String> {
            settle().await;
            let events = std::iter::from_fn(|| self.events.try_recv().ok());
            events.map(|event| format!("{event:?}")).collect()
        }
    }

    fn bench() -> Bench {
        let (send, sent) = probe();
        let (terminator, close) = probe();
        let (tx, events) = mpsc::unbounded_channel();
        Bench { boss: seated(Boss::new(send, terminator, tx)), sent, close, events }
    }

    fn opened(phase: Phase, text: &str) -> Opened {
        let verifier = Key::new([0; 32]).verifier();
        Opened { verifier, phase, plaintext: Zeroizing::new(text.into()) }
    }

    #[actix::test]
    async fn numbers_what_is_sent_and_orders_what_comes() {
        let mut b = bench();
        b.boss.do_send(SendMessage(Zeroizing::new(vec![])));
        b.boss.do_send(SendMessage(Zeroizing::new(vec![])));
        let phases: Vec<_> = b.sent.all().await.into_iter().map(|s| s.phase).collect();
        assert_eq!(phases, [Phase::Number(0), Phase::Number(1)]);

        b.boss.do_send(opened(Phase::Number(1), "b"));
        b.boss.do_send(opened(Phase::Number(0), "a"));
        b.boss.do_send(opened(Phase::Other("007".into()), "?"));
        b.boss.do_send(opened(Phase::Version, r#"{"app_versions": {"v": 1}}"#));
        b.boss.do_send(opened(Phase::Number(0), "again"));
        let events = b.events().await;
        assert_eq!(events, ["Verifier", "Message(1 bytes)", "Message(1 bytes)", "Versions"]);
    }

    #[actix::test]
    async fn the_mood_tells_how_far_it_came() {
        let mut lonely = bench();
        lonely.boss.do_send(CloseWormhole);
        lonely.boss.do_send(CloseWormhole);
        assert_eq!(lonely.close.all().await, [Close(Mood::Lonely)]);
        lonely.boss.do_send(Terminated);
        let events = lonely.events().await;
        assert_eq!(events, ["Closing(Err(Lonely))", "Closed(Err(Lonely))"]);

        let mut happy = bench();
        happy.boss.do_send(opened(Phase::Version, "{}"));
        happy.boss.do_send(CloseWormhole);
        assert_eq!(happy.close.all().await, [Close(Mood::Happy)]);
        happy.boss.do_send(Broken(Error::Server("late".into())));
        happy.boss.do_send(Terminated);
        assert_eq!(happy.events().await.last().unwrap(), "Closed(Ok(()))");

        for (error, mood) in [
            (Error::WrongPassword, Mood::Scary),
            (Error::Server("crowded".into()), Mood::Errory),
            (Error::Peer("is odd"), Mood::Errory),
        ] {
            let mut b = bench();
            b.boss.do_send(Broken(error));
            assert_eq!(b.close.all().await, [Close(mood)]);
        }
    }

    #[actix::test]
    async fn a_welcome_with_an_error_ends_it() {
        let mut b = bench();
        let welcome = |text: &str| GotWelcome(serde_json::from_str(text).unwrap());
        b.boss.do_send(welcome(r#"{"motd": "hi"}"#));
        b.boss.do_send(welcome(r#"{"error": "go away"}"#));
        assert_eq!(b.close.all().await, [Close(Mood::Unwelcome)]);
        assert_eq!(b.events().await, ["Welcome", r#"Closing(Err(Welcome("go away")))"#]);
    }

    #[actix::test]
    async fn malformed_versions_are_the_peers_fault() {
        for bad in ["", "[]", "{", "\u{0}"] {
            let mut b = bench();
            b.boss.do_send(opened(Phase::Version, bad));
            assert_eq!(b.close.all().await, [Close(Mood::Errory)]);
        }
    }

    #[actix::test]
    async fn an_end_that_has_begun_is_not_changed() {
        let mut b = bench();
        b.boss.do_send(CloseWormhole);
        assert_eq!(b.close.all().await.len(), 1);
        b.events().await;
        for ended in [false, true] {
            b.boss.do_send(SendMessage(Zeroizing::new(vec![])));
            b.boss.do_send(CloseWormhole);
            b.boss.do_send(GotCode(Code::parse("1-a").unwrap()));
            b.boss.do_send(GotKey(Key::new([0; 32])));
            b.boss.do_send(opened(Phase::Version, "junk"));
            b.boss.do_send(opened(Phase::Number(0), "late"));
            b.boss.do_send(Broken(Error::WrongPassword));
            assert!(b.sent.all().await.is_empty() && b.close.all().await.is_empty());
            assert!(b.events().await.is_empty(), "{ended}");
            b.boss.do_send(Terminated);
            let closed = if ended { vec![] } else { vec!["Closed(Err(Lonely))"] };
            assert_eq!(b.events().await, closed);
        }
    }
}
