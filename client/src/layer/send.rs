//! Send: keeps the application's messages until the key is verified, then seals and adds them.
//!
//! in:  [`SendPhase`], [`Finish`] (from Boss), [`GotVerifiedKey`] (from Receive)
//! out: `Add` (to Mailbox), `Close` (to Terminator)

use actix::prelude::*;
use wormhole_protocol::{
    key::{Key, NONCE_LEN},
    name::{Mood, Phase, Side},
};
use zeroize::Zeroizing;

use super::{ignored, mailbox::Add, terminator::Close};
use crate::{random::random, wiring::To};

/// One message of the application's, with its number.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SendPhase {
    pub(crate) phase: Phase,
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
}

/// The wormhole ends, in this mood. It comes on the way of the messages, lest it overtake one.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct Finish(pub(crate) Mood);

/// The key, which the peer has proved to have.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct GotVerifiedKey(pub(crate) Key);

enum State {
    /// The peer has proved nothing; messages wait.
    NoKey { waiting: Vec<SendPhase> },
    /// Messages go out at once.
    Verified { key: Key },
}

pub(crate) struct Send {
    state: State,
    side: Side,
    mailbox: To<Add>,
    terminator: To<Close>,
}

impl Send {
    pub(crate) fn new(side: Side, mailbox: To<Add>, terminator: To<Close>) -> Self {
        Self { state: State::NoKey { waiting: Vec::new() }, side, mailbox, terminator }
    }

    fn add(&self, key: &Key, SendPhase { phase, plaintext }: SendPhase) {
        let sealed = key.phase_key(&self.side, &phase).seal(random::<NONCE_LEN>(), &plaintext);
        self.mailbox.tell(Add { phase, body: sealed });
    }
}

impl Actor for Send {
    type Context = Context<Self>;
}

impl Handler<SendPhase> for Send {
    type Result = ();

    fn handle(&mut self, msg: SendPhase, _: &mut Self::Context) {
        match &mut self.state {
            State::NoKey { waiting } => waiting.push(msg),
            State::Verified { key } => {
                let key = key.clone();
                self.add(&key, msg);
            }
        }
    }
}

impl Handler<GotVerifiedKey> for Send {
    type Result = ();

    fn handle(&mut self, GotVerifiedKey(key): GotVerifiedKey, _: &mut Self::Context) {
        match &mut self.state {
            State::NoKey { waiting } => {
                let waiting = std::mem::take(waiting);
                waiting.into_iter().for_each(|msg| self.add(&key, msg));
                self.state = State::Verified { key };
            }
            State::Verified { .. } => ignored::<GotVerifiedKey>("send"),
        }
    }
}

impl Handler<Finish> for Send {
    type Result = ();

    fn handle(&mut self, Finish(mood): Finish, _: &mut Self::Context) {
        self.terminator.tell(Close(mood));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::probe::{probe, seated};

    fn msg(number: u64) -> SendPhase {
        let plaintext = Zeroizing::new(number.to_string().into_bytes());
        SendPhase { phase: Phase::Number(number), plaintext }
    }

    #[actix::test]
    async fn waits_for_the_verified_key_and_keeps_the_order() {
        let (mailbox, mut added) = probe();
        let (terminator, mut closed) = probe();
        let send = seated(Send::new(Side::new("us"), mailbox, terminator));
        send.do_send(msg(0));
        send.do_send(msg(1));
        assert!(added.all().await.is_empty());
        send.do_send(GotVerifiedKey(Key::new([3; 32])));
        send.do_send(msg(2));
        send.do_send(Finish(Mood::Happy));
        assert_eq!(closed.all().await, [Close(Mood::Happy)]);
        let added = added.all().await;
        assert_eq!(added.len(), 3);
        for (number, add) in (0..).zip(added) {
            assert_eq!(add.phase, Phase::Number(number));
            let key = Key::new([3; 32]).phase_key(&Side::new("us"), &add.phase);
            assert_eq!(&key.open(&add.body).unwrap()[..], number.to_string().as_bytes());
        }
    }
}
