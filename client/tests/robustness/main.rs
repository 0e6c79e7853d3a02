//! A server and a peer that do what they should not: each case ends in its error and its mood, or
//! is ignored, and never panics or hangs.

#![allow(clippy::unwrap_used)]

mod any_order;
mod negative_pake;
mod peer;
#[path = "../scripted/mod.rs"]
mod scripted;
mod server;
mod unreachable;
