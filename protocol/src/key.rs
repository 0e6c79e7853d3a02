//! From a code to a key, and from a key to sealed messages.
//!
//! [`Pake::start`] gives the body to send; the peer's body turns the `Pake` into a [`Key`], which
//! gives a [`PhaseKey`] for every message of either side.

mod derive;
mod emoji;
mod pake;
mod point;
mod seal;
mod verifier;

pub use derive::{Key, MAX_DERIVED};
pub use pake::{Pake, PakeError};
pub use point::PointError;
pub use seal::{NONCE_LEN, OpenError, PhaseKey, SEAL_OVERHEAD};
pub use verifier::Verifier;
