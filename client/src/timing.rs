//! The timing log: what happened when, on this side and, by its timestamps, on the server.
//!
//! A [`Log`] is written as the Python program's `--dump-timing` writes it.

mod log;

pub use self::log::{Log, Span};
