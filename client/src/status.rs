//! Where a wormhole stands, for people to look at [client.md: status API]. No secret is in it.

use std::{fmt, time::SystemTime};

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

impl fmt::Display for Status {
    /// Writes one line, such as `connected to wss://example.org/v1, code allocated, key none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, code {}, key {}", self.connection, self.code, self.key)?;
        match self.stamp {
            Some(Stamp { bits, tried }) => write!(f, ", {tried} tries at a stamp of {bits} bits"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected => f.write_str("disconnected"),
            Self::Connecting { url, .. } => write!(f, "connecting to {url}"),
            Self::Connected { url } => write!(f, "connected to {url}"),
            Self::Closed => f.write_str("closed"),
        }
    }
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Alleged => "alleged",
            Self::Confirmed => "confirmed",
        })
    }
}

impl fmt::Display for CodeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Allocated => "allocated",
            Self::Consumed => "consumed",
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_people() {
        let mut status = Status::default();
        assert_eq!(status.to_string(), "disconnected, code none, key none");
        status.connection = Connection::Connected { url: "ws://s/v1".to_owned() };
        (status.code, status.key) = (CodeStatus::Consumed, KeyStatus::Alleged);
        assert_eq!(status.to_string(), "connected to ws://s/v1, code consumed, key alleged");
        status.stamp = Some(Stamp { bits: 20, tried: 7 });
        assert!(status.to_string().ends_with(", 7 tries at a stamp of 20 bits"));
    }
}
