//! Accepting connections.

use std::{io, net::TcpListener as Bound, sync::Arc, time::Duration};

use actix::{Actor, Addr};
use tokio::{net::TcpListener, sync::watch, task::spawn_local, time::sleep};

use super::{caller::Caller, hearing, hub::Hub, room::Room};

/// How long nobody is accepted where the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts on the thread that this is called on, until `closed` says so.
pub(super) fn open(hub: Arc<Hub>, listeners: Vec<Bound>, closed: watch::Receiver<()>) {
    let room = Room::new(Arc::clone(&hub)).start();
    for listener in listeners {
        let (hub, room, mut closed) = (Arc::clone(&hub), room.clone(), closed.clone());
        spawn_local(async move {
            tokio::select! {
                // Nothing is ever sent: it comes back when the sender is gone.
                _ = closed.changed() => (),
                ended = accept(listener, hub, room) => {
                    if let Err(reason) = ended {
                        tracing::error!("the relay cannot listen: {reason}");
                    }
                }
            }
        });
    }
}

async fn accept(listener: Bound, hub: Arc<Hub>, room: Addr<Room>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                failing = false;
                // One too many is closed without a word: it may be one of several spares.
                if let Ok(caller) = Caller::admit(&hub, stream, address.ip()) {
                    spawn_local(hearing::hear(caller, room.clone()));
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

/// Whether it concerns the one connection alone, which has gone before it was accepted.
fn is_of_one(reason: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(reason.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
