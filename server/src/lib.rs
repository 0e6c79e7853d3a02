//! A mailbox server: where two Magic-Wormhole clients with the same code find each other and
//! leave messages that only they can read [mailbox-server.md].
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
//! What nobody may do is in [`Limits`]; `guest` counts what each connection and address has, and
//! `watch` ends connections from outside their sessions.

#![forbid(unsafe_code)]

mod app;
mod bucket;
mod clock;
mod config;
mod door;
mod engine;
mod front;
mod guest;
mod hall;
mod http;
mod limits;
mod listen;
mod peer;
mod permission;
#[cfg(test)]
mod probe;
mod random;
mod session;
mod site;
mod store;
mod watch;

use std::{
    future::Future,
    io,
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::Actor;
use actix_web::{App, HttpServer, middleware::DefaultHeaders, web};

pub use config::{Config, Database, Welcome};
pub use limits::{Exceeded, Limit, Limits};
pub use listen::listen;
pub use permission::{BadPermission, Permission};
pub use store::DatabaseError;
pub use wormhole_protocol as protocol;

use app::Surroundings;
use front::Front;
use guest::Guests;
use hall::Hall;
use store::{Drain, Store};
use watch::{Disperse, Watch};

/// A server could not start, or had to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The channel database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A listening socket cannot be used.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
}

/// A client that is slow to send its request is not waited for.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Serves mailboxes on `listeners` until `shutdown` ends, then accepts no more, tells the clients
/// with close code 1001 that it goes away, writes what is decided and closes the database. Clients may connect before the first poll: their
/// connections wait in the listeners.
///
/// It has to run inside an actix [`System`](actix::System), whose thread the decisions share; a
/// system of its own in a thread of its own is one way to start it inside another program.
///
/// # Errors
/// [`Error::Database`] and [`Error::Listen`] before anything is served; [`Error::Listen`] also
/// where accepting ends before `shutdown`.
pub async fn launch(
    config: Config,
    listeners: Vec<TcpListener>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let config = Arc::new(config);
    let (store, apps) = Store::start(&config)?;
    let guests = Guests::new(config.limits.clone());
    let watch = Watch::new(Arc::clone(&config), guests.clone()).start();
    let surroundings = Surroundings {
        config: Arc::clone(&config),
        store: store.clone().recipient(),
        watch: watch.clone().recipient(),
        started: Instant::now(),
    };
    let hall = Hall::new(surroundings, apps).start().recipient();
    let served = serve(Front { config, guests, hall, watch }, listeners, shutdown).await;
    // Every decision is in the store's queue before the question is.
    if store.send(Drain).await.is_err() {
        tracing::error!("the store ended before the server");
    }
    served
}

/// How many TCP connections a worker accepts: a few more than may become websockets, so that those
/// who are refused are told. Others wait in the listener.
fn sockets_per_worker(limits: &Limits, workers: usize) -> usize {
    const OTHERS: usize = 16;
    let connections = limits.most(Limit::Connections).and_then(|most| usize::try_from(most).ok());
    connections.map_or(usize::MAX, |most| (most.div_ceil(workers)).saturating_add(OTHERS))
}

async fn serve(
    front: Front,
    listeners: Vec<TcpListener>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let workers = front.config.workers.max(1);
    let sockets = sockets_per_worker(&front.config.limits, workers);
    let disperse = Disperse { goodbye: front.config.goodbye };
    let watch = front.watch.clone();
    let front = web::Data::new(front);
    let doorkeeper = front.clone();
    let mut server = HttpServer::new(move || {
        App::new()
            .wrap(DefaultHeaders::new().add(("Server", http::SERVER)))
            .app_data(front.clone())
            .configure(http::routes)
            .configure(site::routes)
    })
    .on_connect(move |connection, extensions| door::open(&doorkeeper, connection, extensions))
    .workers(workers)
    .max_connections(sockets)
    .client_request_timeout(HANDSHAKE)
    // By default a closed websocket's connection lingers for a second, and its client waits.
    .client_disconnect_timeout(Duration::ZERO)
    .tcp_nodelay(true)
    .disable_signals();
    for listener in listeners {
        server = server.listen(listener)?;
    }
    let server = server.run();
    let handle = server.handle();
    let stopping = async {
        shutdown.await;
        handle.pause().await;
        if watch.send(disperse).await.is_err() {
            tracing::error!("the watchdog ended before the server");
        }
        handle.stop(false).await;
    };
    // The server is polled on while it stops.
    tokio::select! {
        ended = server => Ok(ended?),
        () = stopping => Ok(()),
    }
}
