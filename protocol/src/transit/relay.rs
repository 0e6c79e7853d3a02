//! What is said to a transit relay before it joins two connections [transit.md: bytes on the wire].

use std::fmt;

/// What the relay says once it has found the peer; all that follows is the peer's.
pub const OK: &[u8] = b"ok\n";

/// What the relay says to a client that wrote something before the peer was found.
pub const IMPATIENT: &[u8] = b"impatient\n";

/// What the relay says when it does not understand the request.
pub const BAD_HANDSHAKE: &[u8] = b"bad handshake\n";

/// The channel at which both ends ask for each other: 64 lower-case hex digits.
///
/// Whoever knows it can take the peer's place at the relay, though not in the handshake after it,
/// so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayToken(String);

/// Keeps a relay from joining a client to itself: 16 lower-case hex digits.
///
/// One for each transit, the same on all its connections to relays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TransitSide(String);

impl RelayToken {
    pub(super) fn new(bytes: &[u8; 32]) -> Self {
        Self(data_encoding::HEXLOWER.encode(bytes))
    }

    /// Shows the digits, as they go to the relay.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TransitSide {
    /// Writes eight random bytes as hex digits.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(data_encoding::HEXLOWER.encode(&bytes))
    }
}

impl fmt::Display for TransitSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes the line that asks a relay for the peer, 104 bytes. Nothing may follow it until [`OK`].
pub fn request(token: &RelayToken, side: &TransitSide) -> Vec<u8> {
    format!("please relay {} for side {side}\n", token.as_str()).into_bytes()
}
