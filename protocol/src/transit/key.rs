//! The transit key and all that is derived from it [transit.md: keys].

use zeroize::Zeroizing;

use super::{
    record::{Opener, Sealer},
    relay::RelayToken,
};
use crate::key::Key;

/// What one end of a transit connection is; the application decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The leader: it picks the connection.
    Sender,
    /// The follower: it waits to be told `go`.
    Receiver,
}

/// The 32 bytes that both ends derived from the wormhole's key; wiped on drop.
#[derive(Clone)]
pub struct TransitKey(Key);

/// Seals the records that one of the two roles sends; wiped on drop.
#[derive(Clone)]
pub struct RecordKey(Zeroizing<[u8; 32]>);

impl Role {
    /// Gives the role at the other end.
    pub fn peer(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }

    /// Spells the role as it stands in lines and derivations.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
        }
    }
}

impl TransitKey {
    /// Takes a key that was derived elsewhere.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Key::new(bytes))
    }

    /// Derives the key from the wormhole's, for the purpose that the application names.
    pub fn derive(wormhole: &Key, purpose: &str) -> Self {
        Self::new(*derive(wormhole, purpose))
    }

    /// Writes the line by which the end with this role proves that it knows the key.
    pub fn line(&self, role: Role) -> Vec<u8> {
        let word = role.word();
        let id = data_encoding::HEXLOWER.encode(&*derive(&self.0, &format!("transit_{word}")));
        format!("transit {word} {id} ready\n\n").into_bytes()
    }

    /// Derives the token under which a relay brings the two ends together.
    pub fn relay_token(&self) -> RelayToken {
        RelayToken::new(&derive(&self.0, "transit_relay_token"))
    }

    /// Derives the key of the records **sent** by `role`.
    pub fn record_key(&self, role: Role) -> RecordKey {
        RecordKey(derive(&self.0, &format!("transit_record_{}_key", role.word())))
    }

    /// Makes both directions of an established connection, seen from the end with this role.
    pub fn records(&self, role: Role) -> (Sealer, Opener) {
        (Sealer::new(&self.record_key(role)), Opener::new(&self.record_key(role.peer())))
    }
}

impl RecordKey {
    /// Copies a key in that was derived elsewhere.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn derive(key: &Key, purpose: &str) -> Zeroizing<[u8; 32]> {
    let bytes = key.derive(purpose, 32).expect("32 bytes are fewer than can be derived");
    let mut derived = Zeroizing::new([0; 32]);
    derived.copy_from_slice(&bytes);
    derived
}
