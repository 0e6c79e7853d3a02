//! A Magic-Wormhole client: two programs that share a short code get a strong key and talk.
//!
//! Both connect to a mailbox server. One of them gets a code such as `7-crossover-clockwork` there,
//! and a person types it at the other. From the code both agree on a key by SPAKE2, and from then
//! on nobody in between can read what passes, the server included:
//!
//! ```
//! use wormhole_client::{Error, Wormhole};
//!
//! # async fn example(server: &str) -> Result<(), Error> {
//! // At one computer:
//! let here = Wormhole::builder("example.org/my-app", server).open();
//! here.allocate_code(2)?;
//! let code = here.code().await?;
//! here.send_message("hello");
//!
//! // At the other, by whom somebody types it:
//! let there = Wormhole::builder("example.org/my-app", server).open();
//! there.set_code(code.as_str())?;
//! assert_eq!(&there.message().await?[..], b"hello");
//! there.send_message("hello yourself");
//!
//! assert_eq!(&here.message().await?[..], b"hello yourself");
//! here.close().await?;
//! there.close().await
//! # }
//! # let server = wormhole_server::testing::start();
//! # actix::System::new().block_on(example(server.url())).unwrap();
//! ```
//!
//! A real program gives [`PUBLIC_SERVER`], or the address of its own. The server sees that two
//! programs met, and when; a third who wants in has one guess at the words, and a wrong guess ends
//! the wormhole on both sides with [`Error::WrongPassword`].
//!
//! # Three faces
//!
//! * [`Wormhole`]: `async fn`s and streams. It needs an actix system or any other tokio `LocalSet`;
//!   the handle may be cloned and go to other threads, and no type of actix is in its way.
//! * [`Delegated`]: an actix actor that handles [`Event`] is told everything, in order:
//!   [`Builder::delegate`].
//! * [`blocking::Wormhole`]: for programs without an event loop.
//!
//! # What happens, in order
//!
//! | event | getter | |
//! |---|---|---|
//! | [`Event::Welcome`] | [`welcome`](Wormhole::welcome) | what the server says to everybody |
//! | [`Event::Code`] | [`code`](Wormhole::code) | [allocated](Wormhole::allocate_code), [set](Wormhole::set_code) or [typed](Wormhole::input_code) |
//! | [`Event::UnverifiedKey`] | [`unverified_key`](Wormhole::unverified_key) | [`derive_key`](Wormhole::derive_key) works from here on |
//! | [`Event::Verifier`] | [`verifier`](Wormhole::verifier) | the peer has the key; two people may compare this |
//! | [`Event::Versions`] | [`versions`](Wormhole::versions) | what the peer's program says of itself |
//! | [`Event::Message`] | [`message`](Wormhole::message) | each once, in order |
//! | [`Event::Closed`] | [`closed`](Wormhole::closed) | the end |
//!
//! A getter may be called before the event or after it, and again. When the connection to the
//! server is lost it is made again and nothing is lost or said twice; [`Status`] tells where all
//! stands meanwhile.
//!
//! # Typing a code
//!
//! [`Entry`] completes nameplates and words while a person types, and claims the nameplate before
//! the words are there. With the feature `completion`, `input_with_completion` does that at a
//! terminal.
//!
//! ```
//! # use wormhole_client::{Error, Wormhole};
//! # async fn example(server: &str) -> Result<(), Error> {
//! # let here = Wormhole::builder("example.org/my-app", server).open();
//! # here.set_code("4-purple-sausages")?;
//! # here.welcome().await?;
//! let there = Wormhole::builder("example.org/my-app", server).open();
//! let entry = there.input_code()?;
//! entry.choose_nameplate("4").await?;
//! entry.when_wordlist_is_available().await?;
//! assert!(entry.word_completions("retr").await?.contains("retraction-"));
//! entry.choose_words("purple-sausages").await?;
//! assert_eq!(there.code().await?.as_str(), "4-purple-sausages");
//! # assert_eq!(there.verifier().await?, here.verifier().await?);
//! # there.close().await
//! # }
//! # let server = wormhole_server::testing::start();
//! # actix::System::new().block_on(example(server.url())).unwrap();
//! ```
//!
//! # More
//!
//! [`transfer`] moves text, files and folders over a wormhole, by a direct or relayed connection
//! that [`transit`] makes; it is what the program `wormhole` uses. [`timing`] records what happened
//! when, and draws it. [`protocol`] has the formats and keys beneath.
//!
//! Inside, each layer of the protocol is one actor in `layer/`; `house.rs` says who tells whom
//! what.

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
pub use wormhole_protocol::wordlist::{DEFAULT_WORDS, MAX_WORDS};

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
    wormhole::{PUBLIC_SERVER, Wormhole},
};
