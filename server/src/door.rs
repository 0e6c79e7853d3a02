//! What is done with a new connection before it says anything.

use std::{
    any::Any,
    net::{IpAddr, Shutdown},
    sync::Arc,
};

use actix::Addr;
use actix_tls::accept::rustls_0_23::TlsStream;
#[cfg(unix)]
use actix_web::rt::net::UnixStream;
use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::{SockRef, Socket as Stream};

use crate::{
    engine::SessionId,
    front::Front,
    guest::Knock,
    watch::{Gone, Socket, Watch},
};

/// A connection, as long as anything of it is left, be it bytes that nobody takes.
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
/// already, or that the system has no second handle for.
pub(crate) fn open(front: &Front, connection: &dyn Any, extensions: &mut Extensions) {
    let tls = connection.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0);
    if let Some(stream) = tls.or_else(|| connection.downcast_ref()) {
        // One that has ended by itself has no address.
        let Ok(address) = stream.peer_addr() else { return };
        enter(front, &SockRef::from(stream), Some(address.ip()), extensions);
    }
    #[cfg(unix)]
    if let Some(stream) = connection.downcast_ref::<UnixStream>() {
        enter(front, &SockRef::from(stream), None, extensions);
    }
}

fn enter(front: &Front, stream: &Stream, address: Option<IpAddr>, extensions: &mut Extensions) {
    match admit(front, stream, address) {
        Some(connection) => drop(extensions.insert(connection)),
        // One that has ended by itself cannot be cut.
        None => drop(stream.shutdown(Shutdown::Both)),
    }
}

fn admit(front: &Front, stream: &Stream, address: Option<IpAddr>) -> Option<Connection> {
    // What a proxy passes on counts for the client.
    let stranger = address.filter(|_| !front.config.rules.now().trusted_proxies.trust(address));
    let knock = stranger.map(|address| front.guests.knock(address));
    if knock.as_ref().is_some_and(|knock| knock.check().is_err()) {
        return None;
    }
    let socket = Arc::new(Socket::of(stream)?);
    let (session, watch) = (SessionId::fresh(), front.watch.clone());
    Some(Connection { session, socket, _knock: knock, watch })
}
