//! Where a wormhole stands, for people to look at [client.md: status API]. No secret is in it.

use std::time::SystemTime;

use actix::Message;

/// Where a wormhole stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The connection to the mailbox server.
    pub connection: Connection,
    /// The key.
    pub key: KeyStatus,
    /// The code.
    pub code: CodeStatus,
    /// The work that the server demands before it serves us, while it is being done.
    pub stamp: Option<Stamp>,
}

/// Where the connection to the mailbox server stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Connection {
    /// There is none, and none is being made: at the beginning, and between two attempts.
    #[default]
    Disconnected,
    /// One is being made.
    Connecting {
        /// Where to.
        url: String,
        /// When this attempt began.
        since: SystemTime,
    },
    /// It stands.
    Connected {
        /// Where to.
        url: String,
    },
    /// The wormhole has ended.
    Closed,
}

/// Where the key stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStatus {
    /// There is none.
    #[default]
    None,
    /// There is one, which the peer has not proved to have.
    Alleged,
    /// The peer has it, and its version message has come.
    Confirmed,
}

/// Where the code stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodeStatus {
    /// There is none.
    #[default]
    None,
    /// Its nameplate is known.
    Allocated,
    /// Its nameplate is given back: nobody else can use the code any more.
    Consumed,
}

/// A hashcash stamp in the making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamp {
    /// What the server demands, in zero bits; it takes 2 to the power of that many tries on average.
    pub bits: u32,
    /// The tries so far.
    pub tried: u64,
}

impl Stamp {
    /// How many tries it takes on average.
    pub fn expected(&self) -> u64 {
        1_u64.checked_shl(self.bits).unwrap_or(u64::MAX)
    }
}

/// A part of the status has changed; Boss puts the parts together.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) enum Change {
    Connection(Connection),
    Code(CodeStatus),
    Stamp(Option<Stamp>),
}

impl Status {
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            // Whatever was being done for the earlier connection is of no use to another.
            Change::Connection(connection) => (self.connection, self.stamp) = (connection, None),
            Change::Code(code) => self.code = code,
            Change::Stamp(stamp) => self.stamp = stamp,
        }
    }
}
