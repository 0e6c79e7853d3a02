//! A second handle of a connection's socket, by which it can be cut from outside.

use std::{any::Any, net::Shutdown};

use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// The handle.
pub(crate) struct Socket(socket2::Socket);

impl Socket {
    /// Takes the handle of a connection of any kind.
    #[cfg(unix)]
    pub(crate) fn of(connection: &impl std::os::fd::AsFd) -> Option<Self> {
        SockRef::from(connection).try_clone().ok().map(Self)
    }

    /// Takes the handle of a connection of any kind.
    #[cfg(windows)]
    pub(crate) fn of(connection: &impl std::os::windows::io::AsSocket) -> Option<Self> {
        SockRef::from(connection).try_clone().ok().map(Self)
    }

    /// Ends the connection in both directions. Whoever waits for it is woken.
    pub(crate) fn cut(&self) {
        // One that has ended by itself cannot be cut.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Remembers the socket of a new connection for its sessions: to be given to
/// [`HttpServer::on_connect`](actix_web::HttpServer::on_connect). Where the connection is wrapped,
/// as by TLS, the socket has to be reached through the wrapping here.
pub(crate) fn remember(connection: &dyn Any, extensions: &mut Extensions) {
    let socket = connection.downcast_ref::<TcpStream>().and_then(Socket::of);
    if let Some(socket) = socket {
        extensions.insert(std::sync::Arc::new(socket));
    }
}
