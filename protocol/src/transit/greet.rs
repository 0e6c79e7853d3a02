//! The handshake on one connection, dialled or accepted [transit.md: bytes on the wire].
//!
//! It is a machine which is fed whatever was read and is used up by each step, so that nothing can
//! be said twice or out of turn. The peer's line proves that it knows the key, so it is read whole
//! before it is judged, and compared in constant time: whoever guesses at it learns nothing from when
//! the connection ends.
//!
//! ```text
//!                        ┌ sender ──▶ Decide ─┬ go ────────▶ Established
//! (relay: ok ▶ Write) ▶ the peer's line       └ nevermind ─▶ close
//!                        └ receiver ▶ go ─────────────────▶ Established
//! ```

use subtle::{Choice, ConstantTimeEq};

use super::{
    key::{Role, TransitKey},
    relay::{self, Request, TransitSide},
};

const GO: &[u8] = b"go\n";
const NEVERMIND: &[u8] = b"nevermind\n";

/// A handshake that waits for bytes from the other end.
pub struct Greeting {
    expected: Expected,
    stage: Stage,
}

/// What became of the bytes that were fed.
#[must_use]
pub enum Step {
    /// They fit so far: read more and feed that.
    More(Greeting),
    /// The relay found the peer: write `bytes`, then go on with `next`.
    Write {
        /// Our line.
        bytes: Vec<u8>,
        /// The handshake, perhaps with bytes that came together with the relay's answer.
        next: Paused,
    },
    /// We are the sender and this is the peer: take this connection or drop it.
    Decide(Undecided),
    /// We are the receiver and the sender took this connection.
    Established(Established),
}

/// A handshake that waits until our line has been written.
pub struct Paused {
    greeting: Greeting,
    surplus: Vec<u8>,
}

/// A connection to the peer, about which the sender says the last word.
#[must_use]
pub struct Undecided {
    surplus: Vec<u8>,
}

/// A connection that carries records from here on.
#[must_use]
pub struct Established {
    /// What was read beyond the handshake: the first bytes of the first records.
    pub leftover: Vec<u8>,
}

/// The other end is not whom we look for, or does not want this connection: close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GreetingError {
    /// The relay said something else than `ok`.
    #[error("the relay refused to connect us")]
    Relay,
    /// What came in place of the peer's line is another, or was only a wrong beginning.
    #[error("whoever is at the other end does not know the transit key")]
    Stranger,
    /// The sender said something else than `go`, most likely `nevermind`.
    #[error("the sender did not choose this connection")]
    NotChosen,
}

enum Stage {
    /// The relay's `ok` is awaited; then `ours` is to be written and `next` begins.
    Relay { ours: Vec<u8>, next: Box<Greeting> },
    /// The peer's line is awaited by the end with this role.
    Line(Role),
    /// The sender's `go` is awaited.
    Decision,
}

/// Bytes that have to come, how many have come in their place, and whether all were the same.
struct Expected {
    bytes: Vec<u8>,
    seen: usize,
    same: Choice,
}

impl Greeting {
    /// Begins on a connection straight to the peer. The bytes are to be written at once.
    pub fn direct(key: &TransitKey, role: Role) -> (Vec<u8>, Self) {
        let greeting = Self::awaiting(key.line(role.peer()), Stage::Line(role));
        (key.line(role), greeting)
    }

    /// Begins on a connection to a relay. The bytes are to be written at once, and no others.
    pub fn relayed(key: &TransitKey, role: Role, side: &TransitSide) -> (Vec<u8>, Self) {
        let (ours, next) = Self::direct(key, role);
        let stage = Stage::Relay { ours, next: Box::new(next) };
        let request = Request { token: key.relay_token(), side: Some(side.clone()) };
        (request.line(), Self::awaiting(relay::OK.to_vec(), stage))
    }

    fn awaiting(bytes: Vec<u8>, stage: Stage) -> Self {
        Self { expected: Expected { bytes, seen: 0, same: Choice::from(1) }, stage }
    }

    /// Goes on with the bytes that were read, however they are cut.
    ///
    /// # Errors
    /// At the first byte that differs from the one expected, but at the last of the peer's line
    /// whichever of its bytes differs; the connection is to be closed.
    pub fn feed(mut self, bytes: &[u8]) -> Result<Step, GreetingError> {
        let whole = self.expected.compare(bytes);
        if (whole.is_some() || !self.stage.is_proof()) && !self.expected.is_same() {
            return Err(self.stage.error());
        }
        let Some(surplus) = whole else {
            return Ok(Step::More(self));
        };
        match self.stage {
            Stage::Relay { ours, next } => {
                let next = Paused { greeting: *next, surplus: surplus.to_vec() };
                Ok(Step::Write { bytes: ours, next })
            }
            Stage::Line(Role::Sender) => Ok(Step::Decide(Undecided { surplus: surplus.to_vec() })),
            Stage::Line(Role::Receiver) => {
                Self::awaiting(GO.to_vec(), Stage::Decision).feed(surplus)
            }
            Stage::Decision => Ok(Step::Established(Established { leftover: surplus.to_vec() })),
        }
    }

    /// Tells whether the other end has shown that it knows the key; we are the receiver then, and
    /// the sender has yet to choose.
    pub fn is_proved(&self) -> bool {
        matches!(self.stage, Stage::Decision)
    }

    /// Tells what to make of an end that hangs up here; `None` where all that came was right.
    pub fn hung_up(self) -> Option<GreetingError> {
        (!self.expected.is_same()).then(|| self.stage.error())
    }
}

impl Paused {
    /// Goes on, once our line has been written, with what had been read too much.
    ///
    /// # Errors
    /// As [`Greeting::feed`].
    pub fn resume(self) -> Result<Step, GreetingError> {
        self.greeting.feed(&self.surplus)
    }
}

impl Undecided {
    /// Takes the connection: the bytes are to be written, then come records.
    pub fn go(self) -> (&'static [u8], Established) {
        (GO, Established { leftover: self.surplus })
    }

    /// Drops the connection: the bytes are to be written, then it is to be closed.
    pub fn nevermind(self) -> &'static [u8] {
        NEVERMIND
    }
}

impl Stage {
    /// Whether what is awaited is known to nobody but the peer.
    fn is_proof(&self) -> bool {
        matches!(self, Self::Line(_))
    }

    fn error(&self) -> GreetingError {
        match self {
            Self::Relay { .. } => GreetingError::Relay,
            Self::Line(_) => GreetingError::Stranger,
            Self::Decision => GreetingError::NotChosen,
        }
    }
}

impl Expected {
    /// Gives what lies beyond the expected bytes, or `None` while some of them are missing.
    fn compare<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let missing = &self.bytes[self.seen..];
        let (now, surplus) = bytes.split_at(missing.len().min(bytes.len()));
        self.same &= missing[..now.len()].ct_eq(now);
        self.seen += now.len();
        (self.seen == self.bytes.len()).then_some(surplus)
    }

    fn is_same(&self) -> bool {
        self.same.into()
    }
}
