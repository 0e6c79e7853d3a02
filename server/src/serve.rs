//! The sockets: a mailbox service on listeners of its own.

#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::{future::Future, io, net::TcpListener};

use actix_web::{dev::Server, web::ServiceConfig};

use crate::{
    Error, clock, health,
    mailbox::{self, Mailbox},
    reception::Reception,
    site,
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

/// Starts to serve a mailbox service on `listeners`: when it comes back, clients are welcomed.
///
/// # Errors
/// [`Error::Listen`] and [`Error::Tls`] where a listener cannot be used; [`Error::Clock`].
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
    clock::check()?;
    let config = &mailbox.front.config;
    let service = mailbox.clone();
    let reception = Reception {
        routes: move |routes: &mut ServiceConfig| {
            routes.configure(mailbox::configure(&service)).configure(site::routes);
            routes.configure(health::routes((&service).into()));
        },
        door: mailbox.front.door.clone(),
        tls: config.tls.clone(),
        workers: config.workers.max(1),
        handshake: config.handshake,
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
