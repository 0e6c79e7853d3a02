//! SPAKE2 in symmetric mode [client.md: SPAKE2].

use rand_core::{CryptoRng, RngCore};
use serde_json::{Value, json};
use spake2::{Ed25519Group, Identity, Password, Spake2};
use zeroize::{Zeroize, Zeroizing};

use super::{
    derive::Key,
    point::{self, PointError},
};
use crate::{code::Code, name::AppId};

/// Our half of a key agreement, waiting for the peer's.
///
/// It keeps the random bytes rather than the `spake2` crate's state, which can neither be wiped
/// nor written out, and builds that state again to finish.
pub struct Pake {
    random: Zeroizing<[u8; 64]>,
    code: Code,
    appid: AppId,
    ours: Vec<u8>,
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
        let (_, ours) = begin(&code, &appid, &random);
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
        point::check(&theirs, &self.ours)?;
        let (state, _) = begin(&self.code, &self.appid, &self.random);
        let mut shared = state.finish(&theirs).map_err(|_| PointError::NotAPoint)?;
        let key = <[u8; 32]>::try_from(shared.as_slice()).map_err(|_| PakeError::Malformed);
        shared.zeroize();
        Ok(Key::new(key?))
    }
}

fn begin(code: &Code, appid: &AppId, random: &[u8; 64]) -> (Spake2<Ed25519Group>, Vec<u8>) {
    let password = Password::new(code.as_str());
    let id = Identity::new(&appid.id_symmetric());
    Spake2::start_symmetric_with_rng(&password, &id, Given(random))
}

fn read(body: &[u8]) -> Result<Vec<u8>, PakeError> {
    let value: Value = serde_json::from_slice(body).map_err(|_| PakeError::Malformed)?;
    let object = value.as_object().ok_or(PakeError::Malformed)?;
    let hex = object.get("pake_v1").ok_or(PakeError::Missing)?;
    let hex = hex.as_str().ok_or(PakeError::Malformed)?;
    data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| PakeError::Malformed)
}

/// Random bytes drawn beforehand, in the form in which the `spake2` crate takes them.
struct Given<'a>(&'a [u8]);

impl CryptoRng for Given<'_> {}

impl RngCore for Given<'_> {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        let (now, later) =
            self.0.split_at_checked(dest.len()).expect("spake2 draws one scalar of 64 bytes");
        dest.copy_from_slice(now);
        self.0 = later;
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}
