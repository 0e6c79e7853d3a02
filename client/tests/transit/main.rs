//! Transit over loopback: who finds whom, and what goes over the connection.

#![allow(clippy::unwrap_used)]

mod bulk;
mod cut;
mod giving_up;
mod guessing;
mod judged;
mod peer;
mod race;
mod relay;
#[path = "../scripted/mod.rs"]
mod scripted;
mod seen;
mod silent;
mod strangers;
mod switched;
mod ways;
mod websocket;
