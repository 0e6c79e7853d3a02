//! Receive: opens the peer's messages; the first that opens proves the key.
//!
//! in:  [`GotKey`] (from Key), [`GotPhase`] (from Order)
//! out: `GotVerifiedKey` (to Send), `Opened` and `Broken` (to Boss)

use actix::prelude::*;
use wormhole_protocol::key::Key;

use super::{
    boss::{Broken, Opened},
    order::{Early, Theirs},
    send::GotVerifiedKey,
};
use crate::{error::Error, wiring::To};

/// The key, which nobody has proved to have yet.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct GotKey(pub(crate) Key);

/// A sealed message of the peer's; it comes after [`GotKey`], in arrival order.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotPhase(pub(crate) Theirs);

enum State {
    /// There is no key; messages that overtook it wait here.
    NoKey { early: Early },
    /// Nothing was opened yet.
    Unverified { key: Key },
    /// The peer has the key.
    Verified { key: Key },
    /// The peer has another key, for good.
    Scared,
}

pub(crate) struct Receive {
    state: State,
    send: To<GotVerifiedKey>,
    boss: To<Opened>,
    broken: To<Broken>,
}

impl Receive {
    pub(crate) fn new(send: To<GotVerifiedKey>, boss: To<Opened>, broken: To<Broken>) -> Self {
        Self { state: State::NoKey { early: Early::default() }, send, boss, broken }
    }

    fn open(&mut self, theirs: Theirs) {
        let (State::Unverified { key } | State::Verified { key }) = &self.state else { return };
        let opened = key.phase_key(&theirs.side, &theirs.phase).open(&theirs.body);
        let Ok(plaintext) = opened else {
            self.state = State::Scared;
            return self.broken.tell(Broken(Error::WrongPassword));
        };
        let verifier = key.verifier();
        if let State::Unverified { key } = &self.state {
            let key = key.clone();
            self.send.tell(GotVerifiedKey(key.clone()));
            self.state = State::Verified { key };
        }
        self.boss.tell(Opened { verifier, phase: theirs.phase, plaintext });
    }
}

impl Actor for Receive {
    type Context = Context<Self>;
}

impl Handler<GotKey> for Receive {
    type Result = ();

    fn handle(&mut self, GotKey(key): GotKey, _: &mut Self::Context) {
        match &mut self.state {
            State::NoKey { early } => {
                let early = early.take();
                self.state = State::Unverified { key };
                early.into_iter().for_each(|theirs| self.open(theirs));
            }
            State::Unverified { .. } | State::Verified { .. } | State::Scared => {
                self.broken.tell(Broken(Error::Internal("two keys")));
            }
        }
    }
}

impl Handler<GotPhase> for Receive {
    type Result = ();

    fn handle(&mut self, GotPhase(theirs): GotPhase, _: &mut Self::Context) {
        match &mut self.state {
            State::NoKey { early } => {
                if let Err(flood) = early.hold(theirs) {
                    self.broken.tell(flood);
                }
            }
            State::Unverified { .. } | State::Verified { .. } => self.open(theirs),
            State::Scared => super::ignored::<GotPhase>("receive"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::{
        key::NONCE_LEN,
        name::{Phase, Side},
    };

    use super::*;
    use crate::probe::{Told, probe, seated};

    fn receive() -> (Addr<Receive>, Told<GotVerifiedKey>, Told<Opened>, Told<Broken>) {
        let (send, verified) = probe();
        let (boss, opened) = probe();
        let (to_broken, broken) = probe();
        (seated(Receive::new(send, boss, to_broken)), verified, opened, broken)
    }

    fn sealed(key: [u8; 32], phase: Phase, text: &str) -> GotPhase {
        let side = Side::new("peer");
        let key = Key::new(key).phase_key(&side, &phase);
        GotPhase(Theirs { side, phase, body: key.seal([0; NONCE_LEN], text.as_bytes()) })
    }

    #[actix::test]
    async fn the_first_that_opens_verifies_whatever_its_phase() {
        let (receive, mut verified, mut opened, mut broken) = receive();
        receive.do_send(sealed([1; 32], Phase::Number(0), "early"));
        assert!(opened.all().await.is_empty());
        receive.do_send(GotKey(Key::new([1; 32])));
        receive.do_send(sealed([1; 32], Phase::Version, "{}"));
        let opened = opened.all().await;
        assert_eq!(opened[0].phase, Phase::Number(0));
        assert_eq!(&opened[1].plaintext[..], b"{}");
        assert_eq!(opened[0].verifier, Key::new([1; 32]).verifier());
        assert_eq!(verified.all().await.len(), 1);
        assert!(broken.all().await.is_empty());
    }

    #[actix::test]
    async fn scared_once_is_scared_for_good() {
        let (receive, mut verified, mut opened, mut broken) = receive();
        receive.do_send(GotKey(Key::new([1; 32])));
        receive.do_send(sealed([2; 32], Phase::Version, "{}"));
        receive.do_send(sealed([1; 32], Phase::Number(0), "late"));
        receive.do_send(sealed([2; 32], Phase::Number(1), "again"));
        assert_eq!(broken.all().await, [Broken(Error::WrongPassword)]);
        assert!(opened.all().await.is_empty() && verified.all().await.is_empty());
    }

    #[actix::test]
    async fn short_bodies_are_refused() {
        for length in [0, 23, 24, 39] {
            let (receive, _, _, mut broken) = receive();
            receive.do_send(GotKey(Key::new([1; 32])));
            let body = vec![0; length];
            let short = Theirs { side: Side::new("peer"), phase: Phase::Version, body };
            receive.do_send(GotPhase(short));
            assert_eq!(broken.all().await, [Broken(Error::WrongPassword)]);
        }
    }
}
