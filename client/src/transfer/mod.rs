//! Text, files and folders over a wormhole of the application id [`APPID`]: [`send_text`], [`send`]
//! and [`receive`].
//!
//! The half that touches the file system blocks, so async code calls it from a blocking thread:
//! sending starts at [`Plan::of`], which knows every size before the first byte; receiving starts
//! at [`Target::plan`], whose [`Begun`] writes beside the target and appears under its name only at
//! [`Begun::commit`].

mod arrival;
mod consent;
mod dir;
mod error;
mod escape;
mod name;
mod partial;
mod plan;
mod receive;
mod send;
mod steady;
mod talk;
mod target;
mod temporary;
mod tree;
mod unpack;
mod zip;

pub use arrival::{ArrivalError, Begun};
pub use consent::accepts;
pub use error::TransferError;
pub use escape::escape;
pub use name::{NameError, SafeName};
pub use plan::{FilePlan, FolderPlan, Plan};
pub use receive::{Incoming, IncomingBulk, IncomingText, receive};
pub use send::{MAX_TEXT, send, send_text};
pub use steady::Changed;
pub use target::{Announced, Target, TargetError};
pub use tree::{Reason, Unsendable, WhenUnsendable};
pub use unpack::UnpackError;
pub use wormhole_protocol::transfer::APPID;

use std::path::{Path, PathBuf};

use crate::transit::Via;

/// What happens during a transfer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Both sides want it; a connection to the peer is being made.
    Connecting,
    /// There is a connection to the peer, by this way.
    Connected(Via),
    /// So many bytes were sent or received; reported at most ten times a second, and at the end.
    Progress {
        /// Bytes until now.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// What comes goes into this file, which stays where the transfer is interrupted
    /// ([`Target::keep_partial`]).
    Keeping(PathBuf),
    /// All bytes are sent; the peer has not confirmed them.
    Sent,
    /// All bytes are received; they are not in their place.
    Received,
    /// What was received is in its place; the peer is told so.
    Placed,
}

/// Shows a path of this machine on one line, without control characters.
fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}
