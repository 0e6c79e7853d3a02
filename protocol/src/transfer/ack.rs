//! The receiving side's last record [file-transfer.md: ack details], which it repeats over the
//! mailbox between two of ours [abilities.md: ack-v1].

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde_json::{Value, json};

use super::Verdict;

/// Says that everything arrived and is in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Whether it did.
    pub verdict: Verdict,
    /// The SHA-256 of all bytes received; the oldest programs leave it out.
    pub sha256: Option<[u8; 32]>,
}

/// An ack was expected and the record holds none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer did not confirm the transfer in a form we understand")]
pub struct BadAck;

impl Ack {
    /// Confirms that bytes with this hash arrived.
    pub fn ok(sha256: [u8; 32]) -> Self {
        Self { verdict: Verdict::Ok, sha256: Some(sha256) }
    }

    /// Reads the plaintext of the record.
    ///
    /// # Errors
    /// [`BadAck`] where `ack` is no text, or `sha256` is there and not 64 hex digits.
    pub fn parse(json: &[u8]) -> Result<Self, BadAck> {
        Self::read(&serde_json::from_slice(json).map_err(|_| BadAck)?)
    }

    pub(super) fn read(value: &Value) -> Result<Self, BadAck> {
        let verdict = value.get("ack").and_then(Value::as_str).ok_or(BadAck)?;
        let sha256 = value.get("sha256").map(read_hash).transpose()?;
        Ok(Self { verdict: verdict.into(), sha256 })
    }

    /// Writes the plaintext of the record.
    pub fn write(&self) -> Vec<u8> {
        self.json().to_string().into_bytes()
    }

    pub(super) fn json(&self) -> Value {
        let verdict = self.verdict.as_str();
        match &self.sha256 {
            Some(hash) => json!({ "ack": verdict, "sha256": HEXLOWER.encode(hash) }),
            None => json!({ "ack": verdict }),
        }
    }
}

fn read_hash(value: &Value) -> Result<[u8; 32], BadAck> {
    let digits = value.as_str().ok_or(BadAck)?;
    let hash = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| BadAck)?;
    hash.try_into().map_err(|_| BadAck)
}
