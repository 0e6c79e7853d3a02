//! SPAKE2 in symmetric mode [client.md: SPAKE2].

use curve25519_dalek::{EdwardsPoint, Scalar};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spake2::{Ed25519Group, Group};
use zeroize::Zeroizing;

use super::{
    derive::Key,
    point::{self, PointError},
};
use crate::{code::Code, name::AppId};

/// Our half of a key agreement, waiting for the peer's.
///
/// Of the secret it keeps the random bytes and the code, which are wiped. What is calculated from
/// them lives only inside `start` and `finish`: the `spake2` crate's own state holds a copy of the
/// code that nobody can wipe, so only its group is used.
pub struct Pake {
    random: Zeroizing<[u8; 64]>,
    code: Code,
    appid: AppId,
    ours: [u8; 33],
}

/// A peer's `pake` message was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PakeError {
    /// It is not a JSON object, or its `pake_v1` is not a text of hex digits: a broken program.
    #[error("the peer's pake message is malformed")]
    Malformed,
    /// It is an object without `pake_v1`: another version, or an attack.
    #[error("the peer's pake message lacks 'pake_v1'")]
    Missing,
    /// The point in it is one that an honest peer never sends: an attack.
    #[error(transparent)]
    Point(#[from] PointError),
}

impl Pake {
    /// Starts an agreement and gives the bytes of our `pake` message.
    ///
    /// `random` is 64 fresh bytes, read as a little-endian number modulo the group's order.
    pub fn start(code: Code, appid: AppId, random: Zeroizing<[u8; 64]>) -> (Self, Vec<u8>) {
        let element = Ed25519Group::basepoint_mult(&exponent(&random)) + *blinding(&code);
        let ours = point::write(&element);
        let body = json!({ "pake_v1": data_encoding::HEXLOWER.encode(&ours) }).to_string();
        (Self { random, code, appid, ours }, body.into_bytes())
    }

    /// Finishes with the bytes of the peer's `pake` message.
    ///
    /// That the peer knows the same code shows only when one of its messages opens.
    ///
    /// # Errors
    /// [`PakeError`], by whose variant the wormhole's mood is told.
    pub fn finish(self, body: &[u8]) -> Result<Key, PakeError> {
        let theirs = read(body)?;
        let element = point::check(&theirs, &self.ours)?;
        let shared = Zeroizing::new((element - *blinding(&self.code)) * *exponent(&self.random));
        let shared = Zeroizing::new(shared.compress());
        let (ours, theirs) = (&self.ours[1..], &theirs[1..]);
        let mut transcript = Sha256::new();
        transcript.update(Sha256::digest(self.code.as_str()));
        transcript.update(Sha256::digest(self.appid.id_symmetric()));
        transcript.update(ours.min(theirs));
        transcript.update(ours.max(theirs));
        transcript.update(shared.as_bytes());
        Ok(Key::new(transcript.finalize().into()))
    }
}

fn exponent(random: &[u8; 64]) -> Zeroizing<Scalar> {
    Zeroizing::new(Scalar::from_bytes_mod_order_wide(random))
}

/// The point by which both sides move their messages, and which only the code tells.
fn blinding(code: &Code) -> Zeroizing<EdwardsPoint> {
    let password = Zeroizing::new(Ed25519Group::hash_to_scalar(code.as_str().as_bytes()));
    Zeroizing::new(Ed25519Group::const_s() * *password)
}

fn read(body: &[u8]) -> Result<Vec<u8>, PakeError> {
    let value: Value = serde_json::from_slice(body).map_err(|_| PakeError::Malformed)?;
    let object = value.as_object().ok_or(PakeError::Malformed)?;
    let hex = object.get("pake_v1").ok_or(PakeError::Missing)?;
    let hex = hex.as_str().ok_or(PakeError::Malformed)?;
    data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| PakeError::Malformed)
}
