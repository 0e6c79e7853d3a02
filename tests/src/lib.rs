//! What the end-to-end tests stand on: servers on free ports, real processes, the existing clients.
//!
//! A [`Maker`] names whose program is meant, ours or Python's. A [`Server`] is one of its mailbox
//! servers, a [`Relay`] one of its transit relays. A [`Client`] runs the `wormhole` of some [`Peer`]
//! against such a server, and a [`Process`] is either of them while it runs, perhaps in a [`Lab`]
//! or in one of two [`Homes`]. A [`Gate`] is a relay that stops and loses what it carries as a test
//! says. A [`Terminal`] is a program at a terminal. A [`Payload`] is what a transfer carries, a [`Snapshot`]
//! what lies on disk afterwards. A [`Socket`] speaks to a server directly, a [`Talker`] in commands, and a [`Transcript`] is a recorded
//! conversation that it repeats. A [`Browser`] looks at pages.
//!
//! Nothing here sleeps: every wait is for an event, and [`PATIENCE`] only ends a test that hangs.
//! Failures panic, as a test's failures do, with all that the processes have printed.

#![forbid(unsafe_code)]

use std::time::Duration;

mod browser;
mod client;
mod each;
mod gate;
mod homes;
mod lab;
mod maker;
mod missing;
mod payload;
mod process;
mod proxy;
mod relay;
mod server;
mod snapshot;
mod socket;
mod talker;
mod terminal;
mod transcript;
mod watched;

pub use browser::{Browser, View};
pub use client::{Client, scripted};
pub use each::Each;
pub use gate::{Gate, Pass, Side};
pub use homes::{Homes, Place};
pub use lab::Lab;
pub use maker::{Maker, Peer, peer_script};
pub use missing::{Missing, trial, unless_missing};
pub use payload::{PAYLOADS, Payload};
pub use process::{Finished, Process, Spent, Stream};
pub use proxy::{Proxy, ProxyProgram};
pub use relay::Relay;
pub use server::Server;
pub use snapshot::Snapshot;
pub use socket::{Event, Socket, accept_upgrade};
pub use talker::Talker;
pub use terminal::Terminal;
pub use transcript::{Class, Replay, Transcript};

/// How long any wait may last before the test is taken to hang.
pub const PATIENCE: Duration = Duration::from_secs(90);
