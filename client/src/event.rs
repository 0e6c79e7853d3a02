//! What happens to a wormhole, as its application is told.

use std::fmt;

use serde_json::{Map, Value};
use wormhole_protocol::{
    code::Code,
    key::{Key, Verifier},
};
use zeroize::Zeroizing;

use crate::error::Error;

/// One event, in the order in which they come.
pub(crate) enum Event {
    /// The server's welcome, on every connection.
    Welcome(Map<String, Value>),
    /// The code is known.
    Code(Code),
    /// There is a key; that the peer has the same is not proved.
    Key(Key),
    /// The peer has the same key.
    Verifier(Verifier),
    /// What the peer's application says of itself.
    Versions(Value),
    /// A message of the peer's, each once and in order.
    Message(Zeroizing<Vec<u8>>),
    /// The end has begun, and this will be its result.
    Closing(Result<(), Error>),
    /// The end.
    Closed(Result<(), Error>),
}

/// Shows what happened and no secret.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Welcome(_) => f.write_str("Welcome"),
            Self::Code(_) => f.write_str("Code"),
            Self::Key(_) => f.write_str("Key"),
            Self::Verifier(_) => f.write_str("Verifier"),
            Self::Versions(_) => f.write_str("Versions"),
            Self::Message(bytes) => write!(f, "Message({} bytes)", bytes.len()),
            Self::Closing(result) => write!(f, "Closing({result:?})"),
            Self::Closed(result) => write!(f, "Closed({result:?})"),
        }
    }
}
