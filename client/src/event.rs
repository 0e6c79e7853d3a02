//! What happens to a wormhole, as its application is told.

use std::{fmt, sync::Arc};

use actix::Message;
use serde_json::{Map, Value};
use wormhole_protocol::{
    code::Code,
    key::{Key, Verifier},
};
use zeroize::Zeroizing;

use crate::{error::Error, status::Status};

/// One event, in the order in which they come.
///
/// An actor that handles it may be a wormhole's [delegate](crate::Builder::delegate). `Debug` shows
/// what happened and no secret.
#[derive(Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub enum Event {
    /// Another status; the first comes before all else.
    Status(Status),
    /// The server's welcome, unknown keys too, on every connection.
    Welcome(Arc<Map<String, Value>>),
    /// The code is known.
    Code(Code),
    /// There is a key; that the peer has the same is not proved.
    UnverifiedKey(Key),
    /// The peer has the same key.
    Verifier(Verifier),
    /// What the peer's application says of itself.
    Versions(Arc<Value>),
    /// A message of the peer's, each once and in order.
    Message(Zeroizing<Vec<u8>>),
    /// The end; nothing comes after it. In error, what went wrong.
    Closed(Result<(), Error>),
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status:?}"),
            Self::Welcome(_) => f.write_str("Welcome"),
            Self::Code(_) => f.write_str("Code"),
            Self::UnverifiedKey(_) => f.write_str("UnverifiedKey"),
            Self::Verifier(_) => f.write_str("Verifier"),
            Self::Versions(_) => f.write_str("Versions"),
            Self::Message(bytes) => write!(f, "Message({} bytes)", bytes.len()),
            Self::Closed(result) => write!(f, "Closed({result:?})"),
        }
    }
}
