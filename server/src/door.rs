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
    connections::{Connections, Dismiss, Entry, Stage},
    engine::SessionId,
    guest::{Guests, Knock},
    limits::Exceeded,
    network::Network,
    rules::LiveRules,
    watch::{Gone, Shed, Socket, Watch},
};

/// Lets connections in; clones share what they count.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) connections: Connections,
    pub(crate) rules: LiveRules,
    /// None where addresses do not count.
    pub(crate) guests: Option<Guests>,
    /// None where there are no websockets.
    pub(crate) watch: Option<Addr<Watch>>,
}

/// A connection, as long as anything of it is left, be it bytes that nobody takes.
pub(crate) struct Connection {
    pub(crate) session: SessionId,
    pub(crate) socket: Arc<Socket>,
    pub(crate) entry: Entry,
    /// Whether TLS was spoken here.
    pub(crate) is_encrypted: bool,
    _knock: Option<Knock>,
    watch: Option<Addr<Watch>>,
}

/// Why a connection is not let in.
pub(crate) enum Turned {
    /// There are too many, in total or from its address.
    Away,
    /// It has ended by itself, or the system has no second handle for it.
    Lost,
}

impl From<Exceeded> for Turned {
    fn from(_: Exceeded) -> Self {
        Self::Away
    }
}

impl Door {
    /// Lets a connection in, of which nothing was read yet; `address` is none for a unix socket.
    ///
    /// # Errors
    /// [`Turned`] where that cannot be.
    pub(crate) fn admit(
        &self,
        stream: &Stream,
        address: Option<IpAddr>,
        stage: Stage,
    ) -> Result<Connection, Turned> {
        // What a proxy passes on counts for the client, once that is told.
        let stranger = address.filter(|_| !self.rules.now().trusted_proxies.trust(address));
        let knock = stranger.zip(self.guests.as_ref()).map(|(address, all)| all.knock(address));
        if let Some(knock) = &knock {
            knock.check()?;
        }
        let socket = Arc::new(Socket::of(stream).ok_or(Turned::Lost)?);
        let (session, watch) = (SessionId::fresh(), self.watch.clone());
        let ways = Ways { session, socket: Arc::clone(&socket), watch: watch.clone() };
        let entry = self.connections.enter(stranger.map(Network::from), stage, Arc::new(ways))?;
        Ok(Connection { session, socket, entry, is_encrypted: false, _knock: knock, watch })
    }

    /// Lets a connection in that a server of others has accepted, or cuts it.
    pub(crate) fn admit_foreign(&self, connection: &dyn Any, extensions: &mut Extensions) {
        let tls = connection.downcast_ref::<TlsStream<TcpStream>>();
        let tls = tls.map(|stream| stream.get_ref().0);
        if let Some(stream) = tls.or_else(|| connection.downcast_ref()) {
            // One that has ended by itself has no address.
            let Ok(address) = stream.peer_addr() else { return };
            self.admit_or_cut(&SockRef::from(stream), Some(address.ip()), extensions);
        }
        #[cfg(unix)]
        if let Some(stream) = connection.downcast_ref::<UnixStream>() {
            self.admit_or_cut(&SockRef::from(stream), None, extensions);
        }
    }

    fn admit_or_cut(&self, stream: &Stream, address: Option<IpAddr>, extensions: &mut Extensions) {
        match self.admit(stream, address, Stage::Foreign) {
            Ok(connection) => drop(extensions.insert(connection)),
            // One that has ended by itself cannot be cut.
            Err(_) => drop(stream.shutdown(Shutdown::Both)),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.do_send(Gone(self.session));
        }
    }
}

/// How others end a connection: the socket of one that is a websocket is the watchdog's to cut.
struct Ways {
    session: SessionId,
    socket: Arc<Socket>,
    watch: Option<Addr<Watch>>,
}

impl Dismiss for Ways {
    fn cut(&self) {
        self.socket.cut();
    }

    fn shed(&self) {
        match &self.watch {
            Some(watch) => watch.do_send(Shed(self.session)),
            None => self.socket.cut(),
        }
    }
}
