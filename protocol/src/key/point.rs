//! The checks on a peer's SPAKE2 message, none of which the `spake2` crate makes.

use curve25519_dalek::{EdwardsPoint, edwards::CompressedEdwardsY, traits::IsIdentity};

/// The byte in front of a point in symmetric mode.
const SYMMETRIC: u8 = b'S';

/// A peer's SPAKE2 message that an honest peer never sends [client.md: SPAKE2, finish].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointError {
    /// It is not 33 bytes long.
    #[error("the peer's SPAKE2 message has {0} bytes, expected 33")]
    Length(usize),
    /// It is of an asymmetric mode, or of none.
    #[error("the peer's SPAKE2 message is not of the symmetric mode")]
    Mode,
    /// It is no point of the curve.
    #[error("the peer's SPAKE2 message is no point of the curve")]
    NotAPoint,
    /// It is a point, but not in the one encoding that each point has.
    #[error("the peer's SPAKE2 message is a point in a non-canonical encoding")]
    NotCanonical,
    /// It is the identity, or outside the subgroup of prime order.
    #[error("the peer's SPAKE2 message is a point of small or mixed order")]
    Order,
    /// It is our own message, sent back.
    #[error("the peer's SPAKE2 message is our own")]
    Reflected,
}

/// Writes a message of 33 bytes.
pub(super) fn write(point: &EdwardsPoint) -> [u8; 33] {
    let mut message = [SYMMETRIC; 33];
    message[1..].copy_from_slice(point.compress().as_bytes());
    message
}

/// Reads a peer's message of 33 bytes, and checks it against ours.
pub(super) fn check(theirs: &[u8], ours: &[u8]) -> Result<EdwardsPoint, PointError> {
    let theirs: &[u8; 33] = theirs.try_into().map_err(|_| PointError::Length(theirs.len()))?;
    let [mode, encoded @ ..] = theirs;
    if *mode != SYMMETRIC {
        return Err(PointError::Mode);
    }
    let encoded = CompressedEdwardsY(*encoded);
    let point = encoded.decompress().ok_or(PointError::NotAPoint)?;
    if point.compress() != encoded {
        return Err(PointError::NotCanonical);
    }
    if point.is_identity() || !point.is_torsion_free() {
        return Err(PointError::Order);
    }
    if theirs == ours {
        return Err(PointError::Reflected);
    }
    Ok(point)
}
