//! A Magic-Wormhole client: two programs that share a short code get a strong key and talk.
//!
//! [`Wormhole`] is the handle: it gets a code, finds the peer, and passes messages that nobody in
//! between can read. Behind it, each layer of the protocol is an actor in `layer/`, and `house.rs`
//! says who tells whom what. [`transfer`] moves text, files and folders over a wormhole, by a
//! direct or relayed connection that [`transit`] makes. With the feature `completion`,
//! `input_with_completion` lets a person type the code at the terminal.
//!
//! ```no_run
//! use wormhole_client::{Error, PUBLIC_SERVER, Wormhole};
//!
//! # fn main() -> Result<(), Error> {
//! actix::System::new().block_on(async {
//!     let wormhole = Wormhole::builder("example.org/my-app", PUBLIC_SERVER).open();
//!     wormhole.allocate_code(2)?;
//!     println!("type {} on the other computer", wormhole.code().await?.as_str());
//!     wormhole.send_message("hello");
//!     let theirs = wormhole.message().await?;
//!     println!("it says {} bytes", theirs.len());
//!     wormhole.close().await
//! })
//! # }
//! ```
//!
//! It needs an actix system, or any other tokio `LocalSet`; handles may go to other threads.

#![forbid(unsafe_code)]

pub mod blocking;
mod builder;
#[cfg(feature = "completion")]
mod completion;
mod delegate;
mod entry;
mod error;
mod event;
mod house;
mod keeper;
mod layer;
#[cfg(test)]
mod probe;
mod random;
mod schedule;
mod socket;
mod status;
pub mod timing;
pub mod transfer;
pub mod transit;
mod wiring;
mod wormhole;

pub use wormhole_protocol as protocol;

#[cfg(feature = "completion")]
pub use self::completion::{InputError, input_with_completion};
pub use self::{
    builder::{Builder, DEFAULT_MAX_STAMP_BITS},
    delegate::Delegated,
    entry::Entry,
    error::Error,
    event::Event,
    schedule::{BadSchedule, Schedule},
    status::{CodeStatus, Connection, KeyStatus, Stamp, Status},
    wormhole::{MAX_WORDS, PUBLIC_SERVER, Wormhole},
};
