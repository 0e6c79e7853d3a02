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

/// The largest command, in bytes, which a server takes unless told otherwise: two mebibytes.
pub const MAX_COMMAND: usize = 2 << 20;

/// The largest answer, in bytes, which a client takes: a refusal repeats the command it refuses.
pub const MAX_ANSWER: usize = 2 * MAX_COMMAND;
