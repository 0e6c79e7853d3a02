//! The sockets: a mailbox service on listeners of its own.

#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::{any::Any, future::Future, io, net::TcpListener, time::Duration};

use actix_web::{
    App, HttpServer,
    dev::{Extensions, Server},
    middleware::DefaultHeaders,
    web::ServiceConfig,
};

use futures_util::FutureExt;

use crate::{
    Error, health,
    limits::{Limit, Limits},
    mailbox::{self, Mailbox},
    site,
    tls::Tls,
};

/// A listening socket that the caller has bound.
#[derive(Debug)]
#[non_exhaustive]
pub enum Listener {
    /// Of TCP; it speaks TLS where [`Config::tls`](crate::Config::tls) is set.
    Tcp(TcpListener),
    /// Of a unix socket, always plain.
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    /// Has nobody wait for a connection to accept.
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.set_nonblocking(true),
            #[cfg(unix)]
            Self::Unix(unix) => unix.set_nonblocking(true),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// The `Server` header of every response.
const SERVER: &str = concat!("Magic Wormhole Mailbox ", env!("CARGO_PKG_VERSION"));

/// How a server accepts connections.
pub(crate) struct Reception<R, H> {
    /// What is served.
    pub(crate) routes: R,
    /// What is done with a new connection.
    pub(crate) hook: H,
    pub(crate) tls: Option<Tls>,
    pub(crate) workers: usize,
    /// How long a client may take to send its request.
    pub(crate) handshake: Duration,
    /// How many connections a worker accepts; others wait in the listener.
    pub(crate) most: usize,
}

impl<R, H> Reception<R, H>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    H: Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static,
{
    /// Starts accepting; the server has to be polled on.
    pub(crate) fn open(self, listeners: Vec<Listener>) -> Result<Server, Error> {
        let Self { routes, hook, tls, workers, handshake, most } = self;
        if listeners.is_empty() {
            let reason = io::Error::new(io::ErrorKind::InvalidInput, "there is no listener");
            return Err(reason.into());
        }
        let headers = || DefaultHeaders::new().add(("Server", SERVER));
        let mut server = HttpServer::new(move || App::new().wrap(headers()).configure(&routes))
            .on_connect(hook)
            .workers(workers)
            .max_connections(most)
            .client_request_timeout(handshake)
            // By default a closed websocket's connection lingers for a second, and its client
            // waits.
            .client_disconnect_timeout(Duration::ZERO)
            .tcp_nodelay(true)
            .disable_signals();
        for listener in listeners {
            server = match (listener, &tls) {
                (Listener::Tcp(tcp), None) => server.listen(tcp)?,
                (Listener::Tcp(tcp), Some(tls)) => {
                    server.listen_rustls_0_23(tcp, tls.settings()?)?
                }
                #[cfg(unix)]
                (Listener::Unix(unix), _) => server.listen_uds(unix)?,
            };
        }
        let mut server = server.run();
        // Its threads start at the first poll.
        if let Some(ended) = (&mut server).now_or_never() {
            ended?;
        }
        Ok(server)
    }
}

/// Starts to serve a mailbox service on `listeners`: when it comes back, clients are welcomed.
///
/// # Errors
/// [`Error::Listen`] and [`Error::Tls`] where a listener cannot be used.
pub async fn start<L: Into<Listener>>(
    mailbox: Mailbox,
    listeners: impl IntoIterator<Item = L>,
) -> Result<Running, Error> {
    match open(&mailbox, listeners.into_iter().map(Into::into).collect()) {
        Ok(server) => Ok(Running { server, mailbox }),
        Err(error) => {
            mailbox.close().await;
            Err(error)
        }
    }
}

fn open(mailbox: &Mailbox, listeners: Vec<Listener>) -> Result<Server, Error> {
    let config = &mailbox.front.config;
    let workers = config.workers.max(1);
    let service = mailbox.clone();
    let reception = Reception {
        routes: move |routes: &mut ServiceConfig| {
            routes.configure(mailbox::configure(&service)).configure(site::routes);
            routes.configure(health::routes((&service).into()));
        },
        hook: mailbox::on_connect(mailbox),
        tls: config.tls.clone(),
        workers,
        handshake: config.handshake,
        most: sockets_per_worker(&config.limits, workers),
    };
    reception.open(listeners)
}

/// A server that was started; it serves on only while [`until`](Self::until) is awaited.
#[must_use = "a server stops well only by `until`"]
pub struct Running {
    server: Server,
    mailbox: Mailbox,
}

impl Running {
    /// Serves until `shutdown` ends, then [stops](Mailbox::stop) the service. While it stops,
    /// [`Config::goodbye`](crate::Config::goodbye) included, it still answers whoever asks how it
    /// is.
    ///
    /// # Errors
    /// [`Error::Listen`] where accepting ends before `shutdown`; [`Error::Fallen`] where a part of
    /// the service has panicked that cannot be started again.
    pub async fn until(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let Self { server, mailbox } = self;
        let handle = server.handle();
        let stopping = async {
            shutdown.await;
            mailbox.disperse().await;
            handle.stop(false).await;
        };
        let fallen = async {
            let part = mailbox.fallen().await;
            mailbox.disperse().await;
            handle.stop(false).await;
            part
        };
        // The server is polled on while it stops.
        let served = tokio::select! {
            ended = server => ended.map_err(Error::from),
            () = stopping => Ok(()),
            part = fallen => Err(Error::Fallen(part)),
        };
        mailbox.close().await;
        served
    }
}

/// A few more than may become websockets, so that those who are refused are told.
fn sockets_per_worker(limits: &Limits, workers: usize) -> usize {
    const OTHERS: usize = 16;
    let connections = limits.most(Limit::Connections).and_then(|most| usize::try_from(most).ok());
    connections.map_or(usize::MAX, |most| (most.div_ceil(workers)).saturating_add(OTHERS))
}
