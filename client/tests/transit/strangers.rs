//! Whoever else finds the open port.

use tokio::{io::AsyncWriteExt, net::TcpStream, task::spawn_local};
use wormhole_client::{
    protocol::transit::{Hints, Role},
    transit::{Connection, Remarks},
};

use super::{
    peer::{Peer, greet, key, port, rest, transit},
    scripted::guarded,
};

pub(crate) async fn dial(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

/// One of ours listens while the test is somebody else.
pub(crate) fn listening(role: Role) -> (u16, impl Future<Output = Connection>) {
    let ours = transit(role, true, &[]);
    let port = port(&ours);
    let connecting = spawn_local(async move { ours.connect(&key(), &Hints::default()).await });
    (port, async { connecting.await.unwrap().unwrap() })
}

/// The peer comes as well, and the connection is good; gives what was odd until then.
pub(crate) async fn peer_comes(
    role: Role,
    port: u16,
    connected: impl Future<Output = Connection>,
) -> Remarks {
    let mut peer = Peer::meet(dial(port).await, role.peer()).await;
    let connection = connected.await;
    peer.send(b"it is me").await;
    assert_eq!(connection.receive_record(100).await.unwrap(), b"it is me");
    connection.remarks().clone()
}

#[actix::test]
async fn strangers_do_not_keep_the_peer_out() {
    guarded(async {
        for role in [Role::Sender, Role::Receiver] {
            let (port, connected) = listening(role);
            let mut silent = dial(port).await;
            drop(dial(port).await);
            let mut garbage = dial(port).await;
            garbage.write_all(&[0xff; 3000]).await.unwrap();
            let mut nearly = dial(port).await;
            let mut line = key().line(role.peer());
            *line.last_mut().unwrap() = b' ';
            nearly.write_all(&line).await.unwrap();
            let remarks = peer_comes(role, port, connected).await;
            assert_eq!(rest(&mut nearly).await, key().line(role));
            assert_eq!(rest(&mut silent).await, key().line(role));
            assert_eq!(remarks.strangers, 2, "{remarks}");
        }
    })
    .await;
}

#[actix::test]
async fn two_hundred_silent_strangers_do_not_keep_the_peer_out() {
    guarded(async {
        for role in [Role::Sender, Role::Receiver] {
            let (port, connected) = listening(role);
            let mut strangers = Vec::new();
            for _ in 0..200 {
                strangers.push(dial(port).await);
            }
            // Those who came first had to go.
            assert_eq!(rest(&mut strangers[0]).await, key().line(role));
            peer_comes(role, port, connected).await;
            for stranger in &mut strangers {
                let heard = rest(stranger).await;
                assert!(heard.is_empty() || heard == key().line(role));
            }
        }
    })
    .await;
}

#[actix::test]
async fn a_flood_of_wrong_lines_does_not_keep_the_peer_out() {
    guarded(async {
        for role in [Role::Sender, Role::Receiver] {
            let (port, connected) = listening(role);
            let mut strangers = Vec::new();
            for _ in 0..300 {
                let mut stranger = dial(port).await;
                stranger.write_all(&key().line(role)).await.unwrap();
                stranger.write_all(b"xx").await.unwrap();
                strangers.push(stranger);
            }
            let first = strangers[0].local_addr().unwrap();
            // No more than some are kept open for later.
            assert_eq!(rest(&mut strangers[0]).await, key().line(role));
            let remarks = peer_comes(role, port, connected).await;
            assert!(remarks.strangers > 128, "{remarks}");
            assert_eq!(remarks.first_stranger, Some(first));
        }
    })
    .await;
}

#[actix::test]
async fn a_peer_that_comes_back_is_greeted_again() {
    guarded(async {
        let (port, connected) = listening(Role::Receiver);
        for _ in 0..3 {
            greet(&mut dial(port).await, Role::Sender).await;
        }
        peer_comes(Role::Receiver, port, connected).await;
    })
    .await;
}
