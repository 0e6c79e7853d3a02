//! Accepting connections.

use std::{io, sync::Arc, time::Duration};

use actix::{Actor, Addr};
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::{net::TcpListener, sync::watch, task::spawn_local, time::sleep};

use super::{caller::Caller, hearing, hub::Hub, port::Port, room::Room, socket::Socket};
use crate::{Listener, vitals::Vitals};

/// How long nobody is accepted where the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts on the thread that this is called on, until `closed` says so.
pub(super) fn open(hub: Arc<Hub>, ports: Vec<Port>, closed: watch::Receiver<()>, vitals: &Vitals) {
    const LISTENER: &str = "relay's listener";
    hub.connections.attend();
    let room = Room::new(Arc::clone(&hub), vitals.pulse("relay's waiting room")).start();
    for port in ports {
        let (hub, room, mut closed) = (Arc::clone(&hub), room.clone(), closed.clone());
        let (vitals, pulse) = (vitals.clone(), vitals.pulse(LISTENER));
        spawn_local(async move {
            let _pulse = pulse;
            tokio::select! {
                // Nothing is ever sent: it comes back when the sender is gone.
                _ = closed.changed() => (),
                ended = accept(port, hub, room) => {
                    if let Err(reason) = ended {
                        tracing::error!("the relay cannot listen: {reason}");
                        vitals.fall(LISTENER);
                    }
                }
            }
        });
    }
}

async fn accept(port: Port, hub: Arc<Hub>, room: Addr<Room>) -> io::Result<()> {
    let (listener, speaks) = (Entrance::open(port.listener)?, port.speaks);
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok(socket) => {
                failing = false;
                // One too many is closed without a word: it may be one of several spares.
                if let Ok(caller) = Caller::admit(&hub, socket) {
                    spawn_local(hearing::hear(caller, speaks, room.clone()));
                }
            }
            Err(reason) if is_of_one(&reason) => (),
            Err(reason) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!("the relay cannot accept connections at the moment: {reason}");
                }
                sleep(PAUSE).await;
            }
        }
    }
}

/// A listener of the running system.
enum Entrance {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Entrance {
    fn open(listener: Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Tcp(tcp) => Self::Tcp(TcpListener::from_std(tcp)?),
            #[cfg(unix)]
            Listener::Unix(unix) => Self::Unix(UnixListener::from_std(unix)?),
        })
    }

    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(tcp) => Ok(Socket::Tcp(tcp.accept().await?.0)),
            #[cfg(unix)]
            Self::Unix(unix) => Ok(Socket::Unix(unix.accept().await?.0)),
        }
    }
}

/// Whether it concerns the one connection alone, which has gone before it was accepted.
fn is_of_one(reason: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(reason.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{
        Error, listen,
        readiness::Unready,
        relay::{Relay, RelayConfig},
    };

    #[actix::test]
    async fn a_relay_without_a_part_of_it_is_not_ready_and_ends() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let relay = Relay::start(RelayConfig::default(), [listener]).unwrap();
        let view = relay.view().clone();
        assert_eq!(view.ready().await, Ok(()));
        view.vitals().fall("relay's waiting room");
        assert_eq!(view.ready().await, Err(Unready::Fallen));
        let ended = relay.until(std::future::pending()).await;
        assert!(matches!(ended, Err(Error::Fallen("relay's waiting room"))));
    }
}
