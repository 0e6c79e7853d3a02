//! What is said to a transit relay before it joins two connections [transit-relay.md: handshake
//! line, replies].
//!
//! A client writes the [line](Request::line) of its [`Request`]; the relay reads it with
//! [`Asking`].

mod asking;

use std::fmt;

pub use asking::{Asking, BadRequest, Heard};

/// What the relay says once it has found the peer; all that follows is the peer's.
pub const OK: &[u8] = b"ok\n";

/// What the relay says to a client that wrote something before the peer was found.
pub const IMPATIENT: &[u8] = b"impatient\n";

/// What the relay says when it does not understand the request.
pub const BAD_HANDSHAKE: &[u8] = b"bad handshake\n";

/// The channel at which both ends ask for each other: 64 letters, digits or underscores; ours are
/// lower-case hex digits.
///
/// Whoever knows it can take the peer's place at the relay, though not in the handshake after it,
/// so it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RelayToken([u8; 64]);

/// Keeps a relay from joining a client to itself: 16 letters, digits or underscores; ours are
/// lower-case hex digits.
///
/// One for each transit, the same on all its connections to relays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TransitSide([u8; 16]);

/// What a client asks a relay for: the peer that shows the same token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// The channel.
    pub token: RelayToken,
    /// The client's side; old clients have none and are joined to anybody with their token.
    pub side: Option<TransitSide>,
}

const PLEASE: &[u8] = b"please relay ";
const FOR_SIDE: &[u8] = b" for side ";

impl RelayToken {
    pub(super) fn new(bytes: &[u8; 32]) -> Self {
        let mut digits = [0; 64];
        data_encoding::HEXLOWER.encode_mut(bytes, &mut digits);
        Self(digits)
    }

    /// Shows the characters, as they go to the relay.
    pub fn as_str(&self) -> &str {
        text(&self.0)
    }
}

impl TransitSide {
    /// Writes eight random bytes as hex digits.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        let mut digits = [0; 16];
        data_encoding::HEXLOWER.encode_mut(&bytes, &mut digits);
        Self(digits)
    }
}

impl fmt::Display for TransitSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(&self.0))
    }
}

impl Request {
    /// Writes the line, 104 bytes with a side. Nothing may follow it until [`OK`].
    pub fn line(&self) -> Vec<u8> {
        let token: &[u8] = &self.token.0;
        match &self.side {
            None => [PLEASE, token, b"\n"].concat(),
            Some(side) => [PLEASE, token, FOR_SIDE, &side.0, b"\n"].concat(),
        }
    }

    /// Reads a line without its end; nothing but its exact form is taken.
    fn parse(line: &[u8]) -> Option<Self> {
        let (token, rest) = line.strip_prefix(PLEASE)?.split_first_chunk()?;
        let side = match rest {
            [] => None,
            rest => Some(TransitSide(word(rest.strip_prefix(FOR_SIDE)?.try_into().ok()?)?)),
        };
        Some(Self { token: RelayToken(word(*token)?), side })
    }

    /// Tells whether a relay may join it to one with the same token and this side: they are not two
    /// connections of one client.
    pub fn fits(&self, side: &Option<TransitSide>) -> bool {
        self.side.is_none() || self.side != *side
    }
}

/// Lets through what is of the characters that stand in tokens and sides.
fn word<const N: usize>(bytes: [u8; N]) -> Option<[u8; N]> {
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').then_some(bytes)
}

fn text(word: &[u8]) -> &str {
    str::from_utf8(word).expect("the characters are of ASCII")
}
