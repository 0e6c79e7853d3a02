//! Boss: owns the wormhole's result, and tells the application what happens.
//!
//! in:  [`SendMessage`], [`CloseWormhole`] (from the keeper), [`GotWelcome`] (from Rendezvous),
//!      [`GotCode`] (from Code), [`GotKey`] (from Key), [`Opened`] (from Receive), [`Broken`] (from
//!      all), [`Change`] (from Rendezvous and Nameplate), [`Terminated`] (from Terminator)
//! out: `SendPhase` and `Finish` (to Send), [`Event`]s (to the application)

mod inbox;

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use wormhole_protocol::{
    code::Code,
    key::{Key, Verifier},
    name::{Mood, Phase},
};
use zeroize::Zeroizing;

use self::inbox::Inbox;
use super::{
    ignored,
    send::{Finish, SendPhase},
};
use crate::{
    error::Error,
    event::Event,
    status::{Change, Connection, KeyStatus, Status},
    wiring::To,
};

/// How long the end may take, at most, where the application's time is up already.
const LATE_CLOSE_LIMIT: Duration = Duration::from_secs(1);

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

/// The application's time is up.
#[derive(Message)]
#[rtype(result = "()")]
struct Expired;

/// The server does not answer our goodbye.
#[derive(Message)]
#[rtype(result = "()")]
struct Overdue;

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

/// How long a wormhole has.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// For everything, where the application says so.
    pub(crate) timeout: Option<Duration>,
    /// For its end: the server might never answer.
    pub(crate) close: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: None, close: Duration::from_secs(5) }
    }
}

pub(crate) struct Boss {
    state: State,
    status: Status,
    next_phase: u64,
    limits: Limits,
    send: To<SendPhase>,
    finish: To<Finish>,
    application: mpsc::UnboundedSender<Event>,
}

impl Boss {
    pub(crate) fn new(
        limits: Limits,
        send: To<SendPhase>,
        finish: To<Finish>,
        application: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let (state, status) = (State::Lonely, Status::default());
        Self { state, status, next_phase: 0, limits, send, finish, application }
    }

    fn tell(&self, event: Event) {
        // Nobody listens once the keeper has let go.
        let _ = self.application.send(event);
    }

    fn note(&mut self, change: impl FnOnce(&mut Status)) {
        let earlier = self.status.clone();
        change(&mut self.status);
        if self.status != earlier {
            self.tell(Event::Status(self.status.clone()));
        }
    }

    /// Begins the end.
    fn close(&mut self, result: Result<(), Error>, ctx: &mut Context<Self>) {
        let mood = match (&self.state, &result) {
            (_, Ok(())) => Mood::Happy,
            // Nobody came: the server counts that apart from what went wrong.
            (State::Lonely, Err(Error::Timeout)) => Mood::Lonely,
            (_, Err(error)) => error.mood(),
        };
        let limit = match &result {
            Err(Error::Timeout) => self.limits.close.min(LATE_CLOSE_LIMIT),
            _ => self.limits.close,
        };
        self.state = State::Closing { result };
        self.finish.tell(Finish(mood));
        ctx.notify_later(Overdue, limit);
    }

    /// Ends, if it was about to.
    fn end(&mut self) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closing { result } => {
                self.note(|status| status.apply(Change::Connection(Connection::Closed)));
                self.tell(Event::Closed(result));
            }
            earlier => self.state = earlier,
        }
    }

    fn open(&self) -> bool {
        matches!(self.state, State::Lonely | State::Happy { .. })
    }

    fn receive(&mut self, number: u64, plaintext: Zeroizing<Vec<u8>>, ctx: &mut Context<Self>) {
        let State::Happy { inbox } = &mut self.state else { return };
        match inbox.take(number, plaintext) {
            Ok(ready) => ready.into_iter().for_each(|ready| self.tell(Event::Message(ready))),
            Err(error) => self.close(Err(error), ctx),
        }
    }

    fn versions(&mut self, plaintext: &[u8], ctx: &mut Context<Self>) {
        let Ok(Value::Object(mut versions)) = serde_json::from_slice(plaintext) else {
            let error = Error::Peer("sent a malformed version message");
            return self.close(Err(error), ctx);
        };
        let versions = versions.remove("app_versions").unwrap_or_else(|| Value::Object(Map::new()));
        self.note(|status| status.key = KeyStatus::Confirmed);
        self.tell(Event::Versions(Arc::new(versions)));
    }
}

impl Actor for Boss {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.tell(Event::Status(self.status.clone()));
        if let Some(timeout) = self.limits.timeout {
            ctx.notify_later(Expired, timeout);
        }
    }
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

    fn handle(&mut self, _: CloseWormhole, ctx: &mut Self::Context) {
        match &self.state {
            State::Lonely => self.close(Err(Error::Lonely), ctx),
            State::Happy { .. } => self.close(Ok(()), ctx),
            State::Closing { .. } | State::Closed => {}
        }
    }
}

impl Handler<GotWelcome> for Boss {
    type Result = ();

    fn handle(&mut self, GotWelcome(welcome): GotWelcome, ctx: &mut Self::Context) {
        let Some(error) = welcome.get("error").filter(|_| self.open()) else {
            return self.tell(Event::Welcome(Arc::new(welcome)));
        };
        let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        self.close(Err(Error::Welcome(text)), ctx);
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
            self.note(|status| status.key = KeyStatus::Alleged);
            self.tell(Event::UnverifiedKey(key));
        }
    }
}

impl Handler<Opened> for Boss {
    type Result = ();

    fn handle(&mut self, opened: Opened, ctx: &mut Self::Context) {
        match self.state {
            State::Lonely => {
                self.state = State::Happy { inbox: Inbox::default() };
                self.tell(Event::Verifier(opened.verifier));
            }
            State::Happy { .. } => {}
            State::Closing { .. } | State::Closed => return ignored::<Opened>("boss"),
        }
        match opened.phase {
            Phase::Version => self.versions(&opened.plaintext, ctx),
            Phase::Number(number) => self.receive(number, opened.plaintext, ctx),
            Phase::Pake | Phase::Other(_) => ignored::<Opened>("boss"),
        }
    }
}

impl Handler<Broken> for Boss {
    type Result = ();

    fn handle(&mut self, Broken(error): Broken, ctx: &mut Self::Context) {
        if !self.open() {
            return ignored::<Broken>("boss");
        }
        self.close(Err(error), ctx);
    }
}

impl Handler<Change> for Boss {
    type Result = ();

    fn handle(&mut self, change: Change, _: &mut Self::Context) {
        match self.state {
            State::Closed => ignored::<Change>("boss"),
            _ => self.note(|status| status.apply(change)),
        }
    }
}

impl Handler<Terminated> for Boss {
    type Result = ();

    fn handle(&mut self, _: Terminated, _: &mut Self::Context) {
        self.end();
    }
}

impl Handler<Overdue> for Boss {
    type Result = ();

    fn handle(&mut self, _: Overdue, _: &mut Self::Context) {
        self.end();
    }
}

impl Handler<Expired> for Boss {
    type Result = ();

    fn handle(&mut self, _: Expired, ctx: &mut Self::Context) {
        if self.open() {
            self.close(Err(Error::Timeout), ctx);
        }
        // Where there is nobody to say goodbye to, and where it is being said too long already.
        let connected = matches!(self.status.connection, Connection::Connected { .. });
        if !connected || !matches!(self.state, State::Closing { result: Err(Error::Timeout) }) {
            self.end();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        probe::{Told, probe, seated, settle},
        status::CodeStatus,
    };

    const CLOSE_LIMIT: Duration = Duration::from_secs(5);

    struct Bench {
        boss: Addr<Boss>,
        sent: Told<SendPhase>,
        close: Told<Finish>,
        events: mpsc::UnboundedReceiver<Event>,
    }

    impl Bench {
        async fn events(&mut self) -> Vec<String> {
            settle().await;
            let events = std::iter::from_fn(|| self.events.try_recv().ok());
            let events = events.filter(|event| !matches!(event, Event::Status(_)));
            events.map(|event| format!("{event:?}")).collect()
        }
    }

    fn bench() -> Bench {
        limited(None)
    }

    fn limited(timeout: Option<Duration>) -> Bench {
        let limits = Limits { timeout, close: CLOSE_LIMIT };
        let (send, sent) = probe();
        let (finish, close) = probe();
        let (tx, events) = mpsc::unbounded_channel();
        Bench { boss: seated(Boss::new(limits, send, finish, tx)), sent, close, events }
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
        assert_eq!(lonely.close.all().await, [Finish(Mood::Lonely)]);
        lonely.boss.do_send(Terminated);
        assert_eq!(lonely.events().await, ["Closed(Err(Lonely))"]);

        let mut happy = bench();
        happy.boss.do_send(opened(Phase::Version, "{}"));
        happy.boss.do_send(CloseWormhole);
        assert_eq!(happy.close.all().await, [Finish(Mood::Happy)]);
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
            assert_eq!(b.close.all().await, [Finish(mood)]);
        }
    }

    #[actix::test]
    async fn a_welcome_with_an_error_ends_it() {
        let mut b = bench();
        let welcome = |text: &str| GotWelcome(serde_json::from_str(text).unwrap());
        b.boss.do_send(welcome(r#"{"motd": "hi"}"#));
        b.boss.do_send(welcome(r#"{"error": "go away"}"#));
        assert_eq!(b.close.all().await, [Finish(Mood::Unwelcome)]);
        assert_eq!(b.events().await, ["Welcome"]);
        b.boss.do_send(Terminated);
        assert_eq!(b.events().await, [r#"Closed(Err(Welcome("go away")))"#]);
    }

    #[actix::test]
    async fn the_status_tells_each_part_once() {
        let mut b = bench();
        let url = || "ws://s".to_owned();
        for change in [
            Change::Connection(Connection::Connected { url: url() }),
            Change::Connection(Connection::Connected { url: url() }),
            Change::Code(CodeStatus::Allocated),
        ] {
            b.boss.do_send(change);
        }
        b.boss.do_send(GotKey(Key::new([0; 32])));
        b.boss.do_send(opened(Phase::Version, "{}"));
        b.boss.do_send(CloseWormhole);
        b.boss.do_send(Terminated);
        settle().await;
        let events = std::iter::from_fn(|| b.events.try_recv().ok());
        let told: Vec<_> = events
            .filter_map(|event| match event {
                Event::Status(status) => Some((status.connection, status.code, status.key)),
                _ => None,
            })
            .collect();
        let (none, connected) = (Connection::Disconnected, Connection::Connected { url: url() });
        let (no_code, code) = (CodeStatus::None, CodeStatus::Allocated);
        assert_eq!(
            told,
            [
                (none, no_code, KeyStatus::None),
                (connected.clone(), no_code, KeyStatus::None),
                (connected.clone(), code, KeyStatus::None),
                (connected.clone(), code, KeyStatus::Alleged),
                (connected, code, KeyStatus::Confirmed),
                (Connection::Closed, code, KeyStatus::Confirmed),
            ],
        );
    }

    #[actix::test]
    async fn a_goodbye_that_is_not_answered_ends_by_itself() {
        let mut b = bench();
        b.boss.do_send(CloseWormhole);
        settle().await;
        tokio::time::pause();
        tokio::time::advance(CLOSE_LIMIT - Duration::from_millis(1)).await;
        assert!(b.events().await.is_empty());
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_eq!(b.events().await, ["Closed(Err(Lonely))"]);
        b.boss.do_send(Terminated);
        assert!(b.events().await.is_empty());
    }

    #[actix::test]
    async fn time_that_is_up_ends_everything() {
        let timeout = Duration::from_secs(60);
        let connected = || Change::Connection(Connection::Connected { url: String::new() });
        let closed = ["Closed(Err(Timeout))"];
        tokio::time::pause();

        let mut offline = limited(Some(timeout));
        settle().await;
        tokio::time::advance(timeout - Duration::from_millis(1)).await;
        assert!(offline.events().await.is_empty());
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_eq!(offline.events().await, closed);

        for (peer, mood) in [(false, Mood::Lonely), (true, Mood::Errory)] {
            let mut online = limited(Some(timeout));
            online.boss.do_send(connected());
            if peer {
                online.boss.do_send(opened(Phase::Other("x".into()), ""));
            }
            online.events().await;
            tokio::time::advance(timeout + Duration::from_millis(1)).await;
            assert_eq!(online.close.all().await, [Finish(mood)]);
            assert!(online.events().await.is_empty());
            tokio::time::advance(LATE_CLOSE_LIMIT + Duration::from_millis(1)).await;
            assert_eq!(online.events().await, closed);
        }

        let mut closing = limited(Some(CLOSE_LIMIT / 2));
        closing.boss.do_send(connected());
        closing.boss.do_send(opened(Phase::Version, "{}"));
        closing.boss.do_send(CloseWormhole);
        closing.events().await;
        tokio::time::advance(CLOSE_LIMIT / 2 + Duration::from_millis(1)).await;
        assert_eq!(closing.events().await, ["Closed(Ok(()))"]);
    }

    #[actix::test]
    async fn malformed_versions_are_the_peers_fault() {
        for bad in ["", "[]", "{", "\u{0}"] {
            let mut b = bench();
            b.boss.do_send(opened(Phase::Version, bad));
            assert_eq!(b.close.all().await, [Finish(Mood::Errory)]);
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
