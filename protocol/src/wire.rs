//! What a client and a mailbox server say to each other: one JSON object in each text frame
//! [mailbox-server.md: envelope].
//!
//! A client writes [`Command`]s and reads [`Answer`]s; a server reads [`Request`]s, which may be
//! anything, and writes [`Answer`]s.

mod address;
mod answer;
mod body;
mod command;
mod depth;
mod frame;
mod request;

pub use address::your_address;
pub use answer::{Answer, BadAnswer, ListedNameplate, Reply};
pub use body::{BadHex, Body};
pub use command::{Command, CommandId, Tagged};
pub use depth::json_depth;
pub use frame::FrameSize;
pub use request::{Request, Unreadable, Verb};

use crate::key::SEAL_OVERHEAD;

/// The largest body of a message, in bytes, which a server takes unless told otherwise. In its JSON
/// stand twice as many hex digits.
pub const MAX_BODY: usize = 1_000_000;

/// The largest message that two clients say to each other, in bytes, before it is sealed.
pub const MAX_MESSAGE: usize = MAX_BODY - SEAL_OVERHEAD;

/// The most bytes of a name, which a server takes unless told otherwise: of an application, a side,
/// a mailbox, a phase, a mood or a mark.
pub const MAX_IDENTIFIER: usize = 256;

/// The largest command, in bytes, which a server takes unless told otherwise: two mebibytes.
pub const MAX_COMMAND: usize = 2 << 20;

// A command holds its body's hex digits and a few names.
const _: () = assert!(2 * MAX_BODY + 8 * MAX_IDENTIFIER < MAX_COMMAND);

/// The largest answer, in bytes, which a client takes: a refusal repeats the command it refuses.
pub const MAX_ANSWER: usize = 2 * MAX_COMMAND;
