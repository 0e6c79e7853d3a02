//! How far a connection has come, for the error that says how it broke.

use std::{cell::Cell, error::Error, fmt, io, sync::Arc, time::Duration};

use tokio::time::Instant;

/// Which of its two directions a connection was used in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doing {
    /// Records of ours.
    Sending,
    /// Records of the peer's.
    Receiving,
}

/// Who or what ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The peer, or the relay that we are connected to.
    OtherEnd,
    /// The network in between, or another computer that is gone: nothing answers.
    Network,
    /// Something on this computer.
    Here,
}

/// A connection that stood has broken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lost {
    /// What we were doing.
    pub doing: Doing,
    /// Records sent or received until then.
    pub records: u64,
    /// Bytes of plaintext in them.
    pub bytes: u64,
    /// For how long no byte had been taken from us and none had come.
    pub silence: Duration,
    /// The system's words.
    cause: Arc<io::Error>,
}

impl Lost {
    /// Tells who ended it.
    pub fn fault(&self) -> Fault {
        use io::ErrorKind as K;
        match self.cause.kind() {
            K::ConnectionReset
            | K::ConnectionAborted
            | K::BrokenPipe
            | K::NotConnected
            | K::UnexpectedEof
            | K::InvalidData => Fault::OtherEnd,
            K::TimedOut | K::HostUnreachable | K::NetworkUnreachable => Fault::Network,
            _ => Fault::Here,
        }
    }

    pub(super) fn cause(&self) -> &Arc<io::Error> {
        &self.cause
    }
}

impl Error for Lost {}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, records, bytes, silence, cause } = self;
        let silence = silence.as_secs();
        write!(
            f,
            "the connection to the peer was lost while {doing}, after {records} records with \
             {bytes} bytes and {silence} seconds of silence: {} ({cause})",
            self.fault()
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherEnd => "the other end hung up",
            Self::Network => "nothing answers any more",
            Self::Here => "it failed on this computer",
        })
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sending => "sending",
            Self::Receiving => "receiving",
        })
    }
}

/// What has gone over a connection.
pub(super) struct Tally {
    sent: Count,
    received: Count,
    moved: Cell<Instant>,
}

/// What has gone in one direction.
#[derive(Default)]
struct Count {
    records: Cell<u64>,
    bytes: Cell<u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        let moved = Cell::new(Instant::now());
        Self { sent: Count::default(), received: Count::default(), moved }
    }

    fn count(&self, doing: Doing) -> &Count {
        match doing {
            Doing::Sending => &self.sent,
            Doing::Receiving => &self.received,
        }
    }

    /// Some bytes were taken or have come.
    pub(super) fn moved(&self) {
        self.moved.set(Instant::now());
    }

    /// A record with so much plaintext is through.
    pub(super) fn add(&self, doing: Doing, bytes: u64) {
        let count = self.count(doing);
        count.records.set(count.records.get() + 1);
        count.bytes.set(count.bytes.get() + bytes);
    }

    /// Says how it broke.
    pub(super) fn lost(&self, doing: Doing, cause: Arc<io::Error>) -> Lost {
        let Count { records, bytes } = self.count(doing);
        let silence = self.moved.get().elapsed();
        Lost { doing, records: records.get(), bytes: bytes.get(), silence, cause }
    }
}
