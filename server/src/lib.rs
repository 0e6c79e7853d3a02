//! A mailbox server: where two Magic-Wormhole clients with the same code find each other and
//! leave messages that only they can read [mailbox-server.md]. And a transit [`relay`], for two
//! clients that cannot reach each other.
//!
//! [`launch`] runs one on sockets that the caller has bound, until the caller's `shutdown` ends:
//!
//! ```no_run
//! use wormhole_server::{Config, launch, listen};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! actix::System::new().block_on(async {
//!     let listener = listen("127.0.0.1:0".parse()?)?;
//!     println!("listening on {}", listener.local_addr()?);
//!     let shutdown = async { drop(tokio::signal::ctrl_c().await) };
//!     launch(Config::default(), vec![listener], shutdown).await?;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! A command takes this way: `session` (one actor a websocket) reads it and judges it by what its
//! own connection has done; `hall` shows the session to its `app` (one actor an application),
//! which decides it in memory; `store` writes many decisions in one commit; then the app answers,
//! and the other sessions of the mailbox hear the message.
//!
//! `usage` counts what came of nameplates and mailboxes, and records it where that is wanted.
//!
//! What nobody may do is in [`Limits`]; `guest` counts what each connection and address has, and
//! `watch` ends connections from outside their sessions.

#![forbid(unsafe_code)]

mod address_ids;
mod app;
mod bucket;
mod census;
mod clock;
mod config;
mod connections;
mod database;
mod door;
mod engine;
mod figures;
mod front;
mod guest;
mod hall;
mod health;
mod limits;
mod listen;
pub mod mailbox;
mod meters;
mod metrics;
mod network;
mod operation;
mod peer;
mod permission;
#[cfg(test)]
mod probe;
mod quota;
mod random;
mod readiness;
mod reception;
pub mod relay;
mod rules;
mod serve;
mod session;
mod site;
mod store;
pub mod testing;
mod tls;
pub mod usage;
mod vitals;
mod watch;
mod websocket;

use std::{future::Future, io};

pub use config::{Config, Database, UsageConfig};
pub use database::{
    CopyError, DatabaseError, DatabaseKind, Imported, Restore, Restored, backup, import, kind_of,
};
pub use limits::{Exceeded, Limit, Limits};
pub use listen::listen;
pub use operation::{Operation, Services, operate};
pub use peer::{BadProxy, Proxies, Proxy};
pub use permission::{BadPermission, Permission};
pub use readiness::Unready;
pub use rules::{LiveRules, Rules, Welcome};
pub use serve::{Listener, Running, start};
pub use tls::{Tls, TlsError};
pub use wormhole_protocol as protocol;

use mailbox::Mailbox;

/// A server could not start, or had to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A listening socket cannot be used.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// The settings of TLS are refused.
    #[error("cannot use TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The clock shows a time that HTTP has no words for.
    #[error("the clock is before 1970: expected one that is set")]
    Clock,
    /// A part of the server has panicked without which it serves nobody: it has to be started
    /// again.
    #[error("the {0} has failed: the server has to be started again")]
    Fallen(&'static str),
}

/// Serves mailboxes on `listeners` until `shutdown` ends: [`Mailbox::start`], [`start`] and
/// [`Running::until`] in one. Clients may connect before the first poll: their connections wait in
/// the listeners.
///
/// It has to run inside an actix [`System`](actix::System), whose thread the decisions share; a
/// system of its own in a thread of its own is one way to start it inside another program.
///
/// # Errors
/// [`Error`] before anything is served; [`Error::Listen`] also where accepting ends before
/// `shutdown`.
pub async fn launch<L: Into<Listener>>(
    config: Config,
    listeners: impl IntoIterator<Item = L>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    start(Mailbox::start(config)?, listeners).await?.until(shutdown).await
}
