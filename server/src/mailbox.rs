//! The mailbox service, to be put into anybody's actix-web [`App`](actix_web::App).
//!
//! ```no_run
//! use actix_web::{App, HttpServer, web};
//! use wormhole_server::{
//!     Config,
//!     mailbox::{self, Mailbox},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! actix::System::new().block_on(async {
//!     let mailbox = Mailbox::start(Config::default())?;
//!     let (service, hook) = (mailbox.clone(), mailbox::on_connect(&mailbox));
//!     let server = HttpServer::new(move || {
//!         App::new()
//!             .route("/", web::get().to(|| async { "my own page" }))
//!             .service(web::scope("/wormhole").configure(mailbox::configure(&service)))
//!     });
//!     let server = server.on_connect(hook).disable_signals().bind("127.0.0.1:8080")?.run();
//!     let handle = server.handle();
//!     let stopping = async {
//!         let interrupted = tokio::signal::ctrl_c().await;
//!         // First: an app that stops gracefully waits half a minute for open websockets.
//!         mailbox.stop().await;
//!         handle.stop(true).await;
//!         interrupted
//!     };
//!     tokio::try_join!(server, stopping)?;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! Clients use `ws://127.0.0.1:8080/wormhole/v1` then.

use std::{any::Any, sync::Arc, time::Instant};

use actix::{Actor, Addr};
use actix_web::{dev::Extensions, web};
use tokio::task::AbortHandle;

use crate::{
    address_ids::AddressIds,
    app::{Settle, Surroundings},
    census::TakeCensus,
    clock,
    config::Config,
    connections::{Bounds, Connections},
    database::DatabaseError,
    door::Door,
    front::Front,
    guest::Guests,
    hall::Hall,
    limits::Limit,
    meters::Meters,
    quota::Quota,
    readiness::{Canary, Footing, Readiness, Unready, keep_looking},
    store::{Disk, Drain, Store},
    testing::Faults,
    usage::Usage,
    vitals::Vitals,
    watch::{Disperse, Watch},
    websocket,
};

/// A few more may connect than become websockets, so that those who are refused are told.
const BOUNDS: Bounds =
    Bounds { total: Limit::Connections, spare: 128, patience: Some(Limit::PlainSeconds) };

/// A running mailbox service, which clones share: its actors, without any socket.
#[derive(Clone)]
pub struct Mailbox {
    pub(crate) front: web::Data<Front>,
    store: Addr<Store>,
    hall: Addr<Hall>,
    /// Keeps an eye on the databases' files.
    lookout: AbortHandle,
}

impl Mailbox {
    /// Opens the database and starts the service on the running actix [`System`](actix::System).
    ///
    /// # Errors
    /// [`DatabaseError`] where the channel database cannot be used.
    ///
    /// # Panics
    /// Without a running actix system.
    pub fn start(config: Config) -> Result<Self, DatabaseError> {
        Self::start_with(config, Faults::default())
    }

    pub(crate) fn start_with(config: Config, faults: Faults) -> Result<Self, DatabaseError> {
        let (config, meters, disk) = (Arc::new(config), Meters::default(), Disk::default());
        let vitals = Vitals::default();
        config.check_databases()?;
        let (store, apps) = Store::start(&config, meters.clone(), disk.clone(), &vitals)?;
        let usage = Usage::start(&config, &vitals)?;
        let footing = Footing::of(&config);
        let lookout = actix::spawn(keep_looking(footing.clone())).abort_handle();
        let guests = Guests::new(config.limits.clone());
        let limits = config.limits.clone();
        let stored = Quota::sparing(limits, Limit::StoredBytes, Limit::AddressStoredBytes);
        let watch = Watch::new(Arc::clone(&config), guests.clone(), vitals.pulse("watchdog"));
        let watch = watch.start();
        let door = Door {
            connections: Connections::new(config.limits.clone(), BOUNDS),
            rules: config.rules.clone(),
            guests: Some(guests.clone()),
            watch: Some(watch.clone()),
        };
        door.connections.attend();
        let surroundings = Surroundings {
            config: Arc::clone(&config),
            store: store.clone().recipient(),
            watch: watch.clone().recipient(),
            shed: watch.clone().recipient(),
            usage: usage.clone(),
            disk: disk.clone(),
            stored: stored.clone(),
            started: Instant::now(),
            trap: faults.trap.clone(),
        };
        let pulse = vitals.pulse("hall");
        let hall = Hall::start_with(surroundings, apps, meters.clone(), pulse);
        let address_ids = config.address_ids.map(AddressIds::new);
        let canary = Canary::new(hall.clone().recipient(), vitals.pulse("canary")).start();
        let readiness = Readiness::new(canary, footing, meters.clone(), vitals.clone());
        let front = web::Data::new(Front {
            config,
            door,
            guests,
            hall: hall.clone().recipient(),
            watch,
            census: hall.clone().recipient(),
            meters,
            disk,
            stored,
            usage,
            started: clock::steady(),
            readiness,
            address_ids,
            faults,
            vitals,
        });
        Ok(Self { front, store, hall, lookout })
    }

    /// Asks whether a client would be served: does all that a client does, in an application of the
    /// server's own, and leaves nothing behind.
    ///
    /// # Errors
    /// [`Unready`] where that fails or takes longer than two seconds, something that a client
    /// wanted could not be written in the last ten, a file of the channel database was deleted or
    /// replaced, or the service is about to stop. An answer holds for a second.
    pub async fn ready(&self) -> Result<(), Unready> {
        self.front.readiness.check().await
    }

    /// Comes back, with its name, when a part of the service has panicked without which it serves
    /// nobody: start the program again then, as [`Running::until`](crate::Running::until) has it
    /// done by ending with [`Error::Fallen`](crate::Error::Fallen).
    pub async fn fallen(&self) -> &'static str {
        self.front.vitals.watch().await
    }

    /// Tells whether the decisions' thread does its work; it comes back late where that hangs.
    pub async fn alive(&self) -> bool {
        self.front.census.send(TakeCensus).await.is_ok()
    }

    /// Lets no more clients in, waits for [`Config::goodbye`], tells those that are still there
    /// with close code 1001 that it goes away, writes what is decided and closes the database.
    pub async fn stop(self) {
        self.disperse().await;
        self.close().await;
    }

    pub(crate) async fn disperse(&self) {
        self.front.readiness.drain();
        let disperse = Disperse { goodbye: self.front.config.goodbye };
        if self.front.watch.send(disperse).await.is_err() {
            tracing::error!("the watchdog ended before the server");
        }
    }

    /// Every decision is in the store's queue before the question is.
    pub(crate) async fn close(self) {
        self.lookout.abort();
        if self.store.send(Drain).await.is_err() {
            tracing::error!("the store ended before the server");
        }
        // What the store has written is recorded as soon as its app hears of it.
        if self.hall.send(Settle).await.is_err() {
            tracing::error!("the hall ended before the server");
        }
        self.front.usage.clone().drain().await;
    }
}

/// Adds the service to an app or a scope: the websocket at `/v1` and below, relative to it.
pub fn configure(mailbox: &Mailbox) -> impl FnOnce(&mut web::ServiceConfig) + Clone + 'static {
    let front = mailbox.front.clone();
    move |service| websocket::routes(front, service)
}

/// Gives what [`HttpServer::on_connect`](actix_web::HttpServer::on_connect) has to call for each
/// connection, plain, TLS by rustls 0.23, or unix.
///
/// Without it everything works but two things: clients that stop reading are not cut off, since
/// actix-web tells their sessions nothing any more; and connections that never ask for a websocket
/// are neither counted nor give way where there are too many. They have no deadline: what else the
/// app serves on them is its own.
pub fn on_connect(
    mailbox: &Mailbox,
) -> impl Fn(&dyn Any, &mut Extensions) + Clone + Send + Sync + 'static {
    let door = mailbox.front.door.clone();
    move |connection, extensions| door.admit_foreign(connection, extensions)
}
