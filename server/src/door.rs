//! What is done with a new connection before it says anything.

use std::{any::Any, sync::Arc};

use actix_web::{dev::Extensions, rt::net::TcpStream};

use crate::{front::Front, watch::Socket};

/// Remembers the connection's socket for its session, and cuts one that comes from an address with
/// too many already: to be given to [`HttpServer::on_connect`](actix_web::HttpServer::on_connect).
/// Where the connection is wrapped, as by TLS, the socket has to be reached through the wrapping
/// here.
pub(crate) fn open(front: &Front, connection: &dyn Any, extensions: &mut Extensions) {
    let Some(connection) = connection.downcast_ref::<TcpStream>() else { return };
    let Some(socket) = Socket::of(connection) else { return };
    if let Ok(address) = connection.peer_addr()
        && !front.config.trusted_proxies.contains(&address.ip().to_canonical())
    {
        let knock = front.guests.knock(address.ip());
        if knock.check().is_err() {
            return socket.cut();
        }
        extensions.insert(knock);
    }
    extensions.insert(Arc::new(socket));
}
