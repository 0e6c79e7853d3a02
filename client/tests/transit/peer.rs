//! The other end, whose bytes a test makes itself.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use wormhole_client::{
    protocol::transit::{
        DirectHint, Hints, RelayHint, Role, TransitKey,
        record::{Opener, Sealer},
    },
    transit::{Config, Connection, Listen, Transit, Ways},
};

/// The key of all tests.
pub(crate) fn key() -> TransitKey {
    TransitKey::new([7; 32])
}

pub(crate) fn transit(role: Role, listen: bool, relays: &[RelayHint]) -> Transit {
    let listen = if listen { Listen::Any } else { Listen::Never };
    prepared(role, listen, Ways::All, relays)
}

pub(crate) fn prepared(role: Role, listen: Listen, ways: Ways, relays: &[RelayHint]) -> Transit {
    let config = Config { listen, ways, relays: relays.to_vec(), ..Config::default() };
    Transit::prepare(role, &config).unwrap().beside_itself()
}

pub(crate) fn hint(hostname: &str, port: u16) -> DirectHint {
    DirectHint { hostname: hostname.into(), port: port.try_into().unwrap(), priority: 0.0 }
}

pub(crate) fn direct(hints: impl IntoIterator<Item = DirectHint>) -> Hints {
    Hints { direct: hints.into_iter().collect(), ..Hints::default() }
}

/// The port on which one listens.
pub(crate) fn port(transit: &Transit) -> u16 {
    transit.hints().direct[0].port.get()
}

/// The hints of one, as another on the same machine may use them.
pub(crate) fn hints(transit: &Transit) -> Hints {
    let mut hints = transit.hints();
    hints.direct.truncate(1);
    for hint in &mut hints.direct {
        hint.hostname = "127.0.0.1".into();
    }
    hints
}

/// Listens where a hint leads to.
pub(crate) async fn listener() -> (TcpListener, DirectHint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, hint("127.0.0.1", port))
}

/// An address at which nobody listens.
pub(crate) async fn refusing() -> DirectHint {
    listener().await.1
}

/// Reads until the connection ends in whatever way.
pub(crate) async fn rest(tcp: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = tcp.read_to_end(&mut bytes).await;
    bytes
}

/// Greets up to the point where the sender decides.
pub(crate) async fn greet(tcp: &mut TcpStream, role: Role) {
    tcp.write_all(&key().line(role)).await.unwrap();
    hear(tcp, &key().line(role.peer())).await;
}

/// Expects these bytes.
pub(crate) async fn hear(tcp: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    tcp.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

/// An established connection.
pub(crate) struct Peer {
    pub(crate) tcp: TcpStream,
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
}

impl Peer {
    pub(crate) fn new(tcp: TcpStream, role: Role) -> Self {
        let (sealer, opener) = key().records(role);
        Self { tcp, sealer, opener }
    }

    /// Greets, and says or hears `go`.
    pub(crate) async fn meet(mut tcp: TcpStream, role: Role) -> Self {
        greet(&mut tcp, role).await;
        match role {
            Role::Sender => tcp.write_all(b"go\n").await.unwrap(),
            Role::Receiver => hear(&mut tcp, b"go\n").await,
        }
        Self::new(tcp, role)
    }

    pub(crate) fn sealed(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        self.sealer.seal(plaintext, &mut record).unwrap();
        record
    }

    pub(crate) async fn send(&mut self, plaintext: &[u8]) {
        let record = self.sealed(plaintext);
        self.tcp.write_all(&record).await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Vec<u8> {
        let length = self.tcp.read_u32().await.unwrap();
        let mut record = vec![0; length as usize];
        self.tcp.read_exact(&mut record).await.unwrap();
        self.opener.open(&mut record).unwrap().to_vec()
    }
}

/// One of ours with this role, connected to a peer.
pub(crate) async fn linked(role: Role) -> (Connection, Peer) {
    let (listener, hint) = listener().await;
    let (key, theirs) = (key(), direct([hint]));
    let peer = async {
        let (tcp, _) = listener.accept().await.unwrap();
        Peer::meet(tcp, role.peer()).await
    };
    let (connected, peer) = tokio::join!(transit(role, false, &[]).connect(&key, &theirs), peer);
    (connected.unwrap(), peer)
}
