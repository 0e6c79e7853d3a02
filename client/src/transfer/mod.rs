//! Text, files and folders over a wormhole of the application id [`APPID`]: [`send_text`], [`send`]
//! and [`receive`].
//!
//! What touches the file system blocks: call [`Plan::of`], [`Plan::of_all`], [`Destination::of`] and
//! [`Destination::target`] from a blocking thread. The transfers themselves see to that.
//!
//! # Sending
//!
//! A [`Plan`] says what is sent, and knows its size before the first byte, unless it is a
//! [`Plan::stream`]. [`send`] offers it, and is done when the peer has confirmed the hash;
//! [`send_on`] does so on [`Terms`]: with [`Deadlines`] and a [`Cancel`].
//!
//! ```no_run
//! use std::{error::Error, time::Duration};
//!
//! use tokio::task::spawn_blocking;
//! use wormhole_client::{
//!     Wormhole,
//!     transfer::{NonUtf8, Plan, Rules, Terms, send_on},
//!     transit::Config,
//! };
//!
//! async fn give(wormhole: &Wormhole) -> Result<(), Box<dyn Error>> {
//!     let rules = Rules { non_utf8: NonUtf8::Escape, ..Rules::default() };
//!     let planning = spawn_blocking(move || Plan::of_all(&["album", "note.txt"], rules));
//!     let plan = planning.await??;
//!     let mut terms = Terms::default();
//!     terms.deadlines.answer = Some(Duration::from_secs(60));
//!     // For a button, a signal or another thread.
//!     let _cancel = terms.cancel.clone();
//!     send_on(&terms, wormhole, plan, &Config::default(), |event| println!("{event:?}")).await?;
//!     Ok(())
//! }
//! ```
//!
//! # Receiving
//!
//! [`receive`] waits for an offer. A text is there at once; a file or folder comes when it is
//! accepted: [into a folder](IncomingBulk::accept_into), [at a place](IncomingBulk::accept_at) or
//! [into a writer](IncomingBulk::accept). It appears under its name when all of it is there, and is
//! confirmed to the peer then.
//!
//! ```no_run
//! use wormhole_client::{
//!     Wormhole,
//!     transfer::{Incoming, TransferError, receive},
//!     transit::Config,
//! };
//!
//! async fn take(wormhole: &Wormhole) -> Result<(), TransferError> {
//!     match receive(wormhole, &Config::default()).await? {
//!         Incoming::Text(text) => {
//!             println!("{:?}", text.text);
//!             text.accept();
//!         }
//!         Incoming::Bulk(bulk) => {
//!             let path = bulk.accept_into("downloads", |event| println!("{event:?}")).await?;
//!             println!("{path:?}");
//!         }
//!     }
//!     Ok(())
//! }
//! ```

mod arrival;
mod confirm;
mod consent;
mod course;
mod destination;
mod detached;
mod dir;
mod error;
mod escape;
mod growth;
mod listing;
mod name;
mod names;
mod native;
mod partial;
mod plan;
mod receive;
mod rules;
mod send;
mod sparse;
mod spill;
mod staging;
mod steady;
mod talk;
mod target;
mod temporary;
mod terms;
mod tree;
mod unpack;
mod unsendable;
mod zip;

pub use arrival::{ArrivalError, Begun};
pub use consent::{accepts, accepts_overwriting};
pub use destination::Destination;
pub use error::TransferError;
pub use escape::{escape, shortened};
pub use name::{NameError, SafeName};
pub use plan::{FilePlan, FolderPlan, Plan, StreamPlan};
pub use receive::{Incoming, IncomingBulk, IncomingText, receive, receive_on};
pub use rules::{NonUtf8, Rules, Symlinks, WhenUnsendable};
pub use send::{check_text, send, send_on, send_text};
pub use steady::{Changed, Grown};
pub use talk::abandoned;
pub use target::{Announced, Target, TargetError};
pub use terms::{Awaited, Cancel, Deadlines, Terms};
pub use unpack::{UnpackError, Unpacked};
pub use unsendable::{Reason, Unsendable};
pub use wormhole_protocol::transfer::{APPID, Ability, AppVersions};

use std::path::{Path, PathBuf};

use crate::transit::{Remarks, Via};

/// What happens during a transfer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The peer must know the length of what it gets: it is being read to its end, and kept on disk
    /// meanwhile.
    Spooling,
    /// Both sides want it; a connection to the peer is being made.
    Connecting,
    /// The peer named what is not dialled, or strangers dialled us; the [`TransitError`] says so where
    /// no connection comes about.
    ///
    /// [`TransitError`]: crate::transit::TransitError
    Remarked(Remarks),
    /// There is a connection to the peer, by this way.
    Connected(Via),
    /// So many bytes were sent or received; reported at most ten times a second, and at the end.
    Progress {
        /// Bytes until now.
        done: u64,
        /// Bytes in all, where that is known.
        total: Option<u64>,
    },
    /// This was left beside the target by a program that was killed, and is removed.
    Cleared(PathBuf),
    /// What comes goes into this file, which stays where the transfer is interrupted
    /// ([`Target::keep_partial`]).
    Keeping(PathBuf),
    /// There is nothing in the folder that is sent, so that most programs make none; those of ours
    /// do.
    Hollow,
    /// This file has grown since it was measured; what was measured was sent of it.
    Grew(PathBuf),
    /// All bytes are sent; the peer has not confirmed them.
    Sent,
    /// All bytes are received; they are not in their place.
    Received,
    /// What was received is in its place; the peer is told so.
    Placed,
    /// This came out of the archive of a folder.
    Unpacked(Unpacked),
    /// It was [cancelled](Cancel) here; the peer is told so.
    Cancelled {
        /// Bytes sent or received until then.
        done: u64,
        /// Bytes in all, where that is known.
        total: Option<u64>,
    },
}

/// Shows a path of this machine on one line, without control characters, and without the `./` of
/// the working folder.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let below = text.strip_prefix("./").filter(|below| !below.is_empty());
    escape(below.unwrap_or(&text))
}
