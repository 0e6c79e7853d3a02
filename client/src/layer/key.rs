//! Key: agrees on the key, once both our code and the peer's PAKE message are here.
//!
//! in:  [`GotCode`] (from Code), [`GotPake`] (from Order)
//! out: `Add` (to Mailbox: our PAKE, then our version message), `GotKey` (to Boss and Receive),
//!      `Broken` (to Boss)

use actix::prelude::*;
use serde_json::{Map, Value, json};
use wormhole_protocol::{
    code::Code,
    key::{Key as SharedKey, NONCE_LEN, Pake},
    name::{AppId, Phase, Side},
};

use super::{
    boss::{self, Broken},
    ignored,
    mailbox::Add,
    receive,
};
use crate::{error::Error, random::random, timing::Log, wiring::To};

/// The code is known.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct GotCode(pub(crate) Code);

/// The body of the peer's PAKE message, sent once.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotPake(pub(crate) Vec<u8>);

enum State {
    /// Neither has come.
    Neither,
    /// The peer was faster than the person who types.
    PakeFirst { theirs: Vec<u8> },
    /// Our half is sent, the peer's has not come.
    CodeOnly { ours: Pake },
    /// Both have come; the key, or the refusal, is told.
    Both,
}

/// Who agrees on a key, and what is said of our application then.
pub(crate) struct Party {
    pub(crate) appid: AppId,
    pub(crate) side: Side,
    pub(crate) app_versions: Value,
    pub(crate) timing: Option<Log>,
}

pub(crate) struct Key {
    state: State,
    us: Party,
    mailbox: To<Add>,
    boss: To<boss::GotKey>,
    receive: To<receive::GotKey>,
    broken: To<Broken>,
}

impl Key {
    pub(crate) fn new(
        us: Party,
        mailbox: To<Add>,
        boss: To<boss::GotKey>,
        receive: To<receive::GotKey>,
        broken: To<Broken>,
    ) -> Self {
        Self { state: State::Neither, us, mailbox, boss, receive, broken }
    }

    fn begin(&self, code: Code) -> Pake {
        let appid = self.us.appid.clone();
        let start = || Pake::start(code, appid, random().into());
        let (ours, body) = self.timed("pake1", start);
        self.mailbox.tell(Add { phase: Phase::Pake, body });
        ours
    }

    fn finish(&mut self, ours: Pake, theirs: &[u8]) {
        self.state = State::Both;
        let key = match self.timed("pake2", || ours.finish(theirs)) {
            Ok(key) => key,
            Err(refusal) => return self.broken.tell(Broken(Error::from(refusal))),
        };
        self.boss.tell(boss::GotKey(key.clone()));
        self.mailbox.tell(self.version(&key));
        self.receive.tell(receive::GotKey(key));
    }

    fn version(&self, key: &SharedKey) -> Add {
        let plaintext = json!({ "app_versions": self.us.app_versions }).to_string();
        let sealed = key
            .phase_key(&self.us.side, &Phase::Version)
            .seal(random::<NONCE_LEN>(), plaintext.as_bytes());
        Add { phase: Phase::Version, body: sealed }
    }
}

impl Key {
    /// Records how long a calculation takes, where there is a log.
    fn timed<T>(&self, name: &'static str, calculate: impl FnOnce() -> T) -> T {
        let Some(log) = &self.us.timing else { return calculate() };
        let details = Map::from_iter([("waiting".to_owned(), Value::from("crypto"))]);
        let span = log.span(name, details);
        let result = calculate();
        span.stop();
        result
    }
}

impl Actor for Key {
    type Context = Context<Self>;
}

impl Handler<GotCode> for Key {
    type Result = ();

    fn handle(&mut self, GotCode(code): GotCode, _: &mut Self::Context) {
        match &mut self.state {
            State::Neither => self.state = State::CodeOnly { ours: self.begin(code) },
            State::PakeFirst { theirs } => {
                let theirs = std::mem::take(theirs);
                let ours = self.begin(code);
                self.finish(ours, &theirs);
            }
            State::CodeOnly { .. } | State::Both => {
                self.broken.tell(Broken(Error::Internal("two codes")));
            }
        }
    }
}

impl Handler<GotPake> for Key {
    type Result = ();

    fn handle(&mut self, GotPake(theirs): GotPake, _: &mut Self::Context) {
        match std::mem::replace(&mut self.state, State::Both) {
            State::Neither => self.state = State::PakeFirst { theirs },
            State::CodeOnly { ours } => self.finish(ours, &theirs),
            earlier @ (State::PakeFirst { .. } | State::Both) => {
                self.state = earlier;
                ignored::<GotPake>("key");
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::probe::{Told, probe, seated};

    struct Bench {
        key: Addr<Key>,
        added: Told<Add>,
        boss: Told<boss::GotKey>,
        receive: Told<receive::GotKey>,
        broken: Told<Broken>,
    }

    fn bench(side: &str) -> Bench {
        let (mailbox, added) = probe();
        let (to_boss, boss) = probe();
        let (to_receive, receive) = probe();
        let (to_broken, broken) = probe();
        let (appid, side) = (AppId::new("app"), Side::new(side));
        let us = Party { appid, side, app_versions: json!({"x": 1}), timing: None };
        let key = seated(Key::new(us, mailbox, to_boss, to_receive, to_broken));
        Bench { key, added, boss, receive, broken }
    }

    fn code(text: &str) -> GotCode {
        GotCode(Code::parse(text).unwrap())
    }

    async fn one(added: &mut Told<Add>) -> Add {
        let mut all = added.all().await;
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    #[actix::test]
    async fn both_orders_lead_to_one_key() {
        let (mut code_first, mut pake_first) = (bench("a"), bench("b"));
        code_first.key.do_send(code("1-x"));
        let first = one(&mut code_first.added).await;
        assert_eq!(first.phase, Phase::Pake);

        pake_first.key.do_send(GotPake(first.body));
        assert!(pake_first.added.all().await.is_empty());
        pake_first.key.do_send(code("1-x"));
        let both = pake_first.added.all().await;
        assert_eq!([&both[0].phase, &both[1].phase], [&Phase::Pake, &Phase::Version]);

        code_first.key.do_send(GotPake(both[0].body.clone()));
        assert_eq!(one(&mut code_first.added).await.phase, Phase::Version);
        let ours = code_first.receive.all().await.remove(0).0;
        let theirs = pake_first.boss.all().await.remove(0).0;
        assert_eq!(ours.as_bytes(), theirs.as_bytes());
        let opened = ours.phase_key(&Side::new("b"), &Phase::Version).open(&both[1].body).unwrap();
        assert_eq!(&opened[..], br#"{"app_versions":{"x":1}}"#);
    }

    #[actix::test]
    async fn our_own_message_and_garbage_are_refused_with_their_moods() {
        let mut reflected = bench("a");
        reflected.key.do_send(code("1-x"));
        let ours = one(&mut reflected.added).await.body;
        reflected.key.do_send(GotPake(ours));
        assert_eq!(reflected.broken.all().await, [Broken(Error::WrongPassword)]);

        for (body, error) in
            [("{}", Error::WrongPassword), ("junk", Error::Peer("sent a malformed pake message"))]
        {
            let mut bench = bench("a");
            bench.key.do_send(code("1-x"));
            bench.key.do_send(GotPake(body.into()));
            assert_eq!(bench.broken.all().await, [Broken(error)]);
            assert!(bench.boss.all().await.is_empty() && bench.receive.all().await.is_empty());
        }
    }
}
