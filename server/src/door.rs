//! What is done with a new connection before it says anything.

use std::{any::Any, net::Shutdown, sync::Arc};

use actix::Addr;
use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

use crate::{
    engine::SessionId,
    front::Front,
    guest::Knock,
    watch::{Gone, Socket, Watch},
};

/// A TCP connection, as long as anything of it is left, be it bytes that nobody takes.
pub(crate) struct Connection {
    pub(crate) session: SessionId,
    pub(crate) socket: Arc<Socket>,
    _knock: Option<Knock>,
    watch: Addr<Watch>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.watch.do_send(Gone(self.session));
    }
}

/// Remembers the connection for its session, and cuts one that comes from an address with too many
/// already, or that the system has no second handle for: to be given to
/// [`HttpServer::on_connect`](actix_web::HttpServer::on_connect). Where the connection is wrapped,
/// as by TLS, the socket has to be reached through the wrapping here.
pub(crate) fn open(front: &Front, connection: &dyn Any, extensions: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    match admit(front, stream) {
        Some(connection) => drop(extensions.insert(connection)),
        // One that has ended by itself cannot be cut.
        None => drop(SockRef::from(stream).shutdown(Shutdown::Both)),
    }
}

fn admit(front: &Front, stream: &TcpStream) -> Option<Connection> {
    let address = stream.peer_addr().ok()?.ip().to_canonical();
    let knock = match front.config.trusted_proxies.contains(&address) {
        true => None,
        false => Some(front.guests.knock(address)),
    };
    if knock.as_ref().is_some_and(|knock| knock.check().is_err()) {
        return None;
    }
    let socket = Arc::new(Socket::of(stream)?);
    let (session, watch) = (SessionId::fresh(), front.watch.clone());
    Some(Connection { session, socket, _knock: knock, watch })
}
