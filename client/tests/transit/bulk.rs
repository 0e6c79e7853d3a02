//! What goes over an established connection.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use tokio::{io::AsyncWriteExt, sync::watch, task::spawn_local};
use wormhole_client::{
    protocol::transit::{
        Role,
        record::{CHUNK, RecordError},
    },
    transit::{Connection, LandError},
};

use super::{
    peer::{Peer, linked},
    scripted::guarded,
};

/// Bytes that do not repeat with any chunk.
pub(crate) fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n % 251) as u8).collect()
}

pub(crate) fn progress() -> watch::Sender<u64> {
    watch::channel(0).0
}

/// Lands what the peer sends, of which so much is announced.
async fn landed(
    announced: u64,
    send: impl AsyncFnOnce(&mut Peer),
) -> (Result<Vec<u8>, LandError>, Connection) {
    let (connection, mut peer) = linked(Role::Receiver).await;
    let sending = async {
        send(&mut peer).await;
        peer
    };
    let (landed, peer) = tokio::join!(connection.land(Vec::new(), announced, progress()), sending);
    drop(peer);
    let landed = landed.map(|(sink, digest)| {
        assert_eq!(digest, *Sha256::digest(&sink));
        sink
    });
    (landed, connection)
}

#[actix::test]
async fn every_size_arrives() {
    guarded(async {
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5_000_000] {
            let (connection, mut peer) = linked(Role::Sender).await;
            let data = bytes(size);
            let (progress, done) = watch::channel(0);
            let source = Box::new(io::Cursor::new(data.clone()));
            let receiving = async {
                let mut received = Vec::new();
                while received.len() < size {
                    let record = peer.receive().await;
                    assert!((1..=CHUNK).contains(&record.len()));
                    received.extend(record);
                }
                received
            };
            let (digest, received) =
                tokio::join!(connection.ship(source, size as u64, progress), receiving);
            assert!(received == data);
            assert_eq!(digest.unwrap(), *Sha256::digest(&data));
            assert_eq!(*done.borrow(), size as u64);
            // The connection goes on with its counts of records.
            connection.send_record(b"more".to_vec()).await.unwrap();
            assert_eq!(peer.receive().await, b"more");
            peer.send(b"ack").await;
            assert_eq!(connection.receive_record(3).await.unwrap(), b"ack");
        }
    })
    .await;
}

#[actix::test]
async fn records_of_every_size_are_taken() {
    guarded(async {
        for (size, record) in [(2000, 1), (40_000, 16 * 1024), (3_000_000, 1_000_000)] {
            let data = bytes(size);
            let sent = data.clone();
            let (received, _) = landed(size as u64, async |peer: &mut Peer| {
                for plaintext in sent.chunks(record) {
                    peer.send(b"").await;
                    peer.send(plaintext).await;
                }
            })
            .await;
            assert!(received.unwrap() == data);
        }
        let (nothing, _) = landed(0, async |_: &mut Peer| {}).await;
        assert_eq!(nothing.unwrap(), b"");
    })
    .await;
}

/// A sink that is busy for as long as more than `allowed` beyond it might still be taken in.
struct Busy {
    taken_in: watch::Receiver<u64>,
    written: u64,
    allowed: u64,
}

impl Write for Busy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.written + self.allowed;
        // Long enough to read another record; a slow machine only tests less.
        let limit = Instant::now() + Duration::from_millis(100);
        while Instant::now() < limit {
            assert!(*self.taken_in.borrow() <= most, "more is held than one record");
            std::thread::yield_now();
        }
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[actix::test]
async fn of_long_records_one_is_held() {
    guarded(async {
        const LONG: usize = 2 << 20;
        let (connection, mut peer) = linked(Role::Receiver).await;
        let (progress, taken_in) = watch::channel(0);
        let sink = Busy { taken_in, written: 0, allowed: LONG as u64 };
        let sending = async {
            for _ in 0..3 {
                peer.send(&bytes(LONG)).await;
            }
        };
        let (landed, ()) = tokio::join!(connection.land(sink, 3 * LONG as u64, progress), sending);
        assert_eq!(landed.unwrap().0.written, 3 * LONG as u64);
    })
    .await;
}

#[actix::test]
async fn a_record_may_come_in_pieces() {
    guarded(async {
        let (received, _) = landed(5, async |peer: &mut Peer| {
            for byte in peer.sealed(b"hello") {
                peer.tcp.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(received.unwrap(), b"hello");
    })
    .await;
}

#[actix::test]
async fn more_than_announced_is_refused() {
    guarded(async {
        let (received, connection) = landed(7, async |peer: &mut Peer| {
            peer.send(b"1234").await;
            peer.send(b"5678").await;
        })
        .await;
        assert!(matches!(received, Err(LandError::Overshoot)), "{received:?}");
        // Nothing can follow.
        let next = connection.receive_record(100).await;
        assert!(matches!(next, Err(LandError::Internal(_))), "{next:?}");
    })
    .await;
}

#[actix::test]
async fn less_than_announced_is_told() {
    guarded(async {
        for cut in [0, 1, 4, 30, 50] {
            let (received, _) = landed(20, async |peer: &mut Peer| {
                peer.send(b"123").await;
                let record = peer.sealed(b"the next ten");
                peer.tcp.write_all(&record[..cut]).await.unwrap();
                peer.tcp.shutdown().await.unwrap();
            })
            .await;
            assert!(matches!(received, Err(LandError::Short { missing: 17 })), "{received:?}");
        }
    })
    .await;
}

#[actix::test]
async fn a_missing_record_is_told() {
    guarded(async {
        for cut in [0, 3, 20] {
            let (connection, mut peer) = linked(Role::Sender).await;
            let record = peer.sealed(b"ack");
            peer.tcp.write_all(&record[..cut]).await.unwrap();
            drop(peer);
            let received = connection.receive_record(100).await;
            assert!(matches!(received, Err(LandError::NoRecord)), "{received:?}");
        }
        let (connection, mut peer) = linked(Role::Sender).await;
        peer.send(&[0; 101]).await;
        let received = connection.receive_record(100).await;
        assert!(matches!(received, Err(LandError::Overshoot)), "{received:?}");
    })
    .await;
}

#[actix::test]
async fn what_is_no_record_of_the_peer_is_refused() {
    async fn refused(bend: impl FnOnce(&mut Vec<u8>)) -> RecordError {
        let (received, _) = landed(1 << 30, async |peer: &mut Peer| {
            peer.send(b"good").await;
            let mut record = peer.sealed(b"the second record");
            bend(&mut record);
            peer.tcp.write_all(&record).await.unwrap();
        })
        .await;
        match received {
            Err(LandError::Record(error)) => error,
            other => panic!("{other:?}"),
        }
    }
    guarded(async {
        assert_eq!(refused(|record| record[60] ^= 1).await, RecordError::Sealed);
        assert_eq!(refused(|record| record[30] ^= 1).await, RecordError::Sealed);
        assert_eq!(refused(|record| record[27] = 2).await, RecordError::Nonce);
        assert_eq!(refused(|record| record[4] = 1).await, RecordError::Nonce);
        for length in [0, 39, (64 << 20) + 1, u32::MAX] {
            let error = refused(|record| record[..4].copy_from_slice(&length.to_be_bytes())).await;
            assert_eq!(error, RecordError::Length(length.into()));
        }
    })
    .await;
}

#[actix::test]
async fn one_thing_is_done_at_a_time() {
    guarded(async {
        let (connection, mut peer) = linked(Role::Receiver).await;
        let connection = std::rc::Rc::new(connection);
        let first = std::rc::Rc::clone(&connection);
        let first = spawn_local(async move { first.receive_record(100).await });
        tokio::task::yield_now().await;
        let second = connection.receive_record(100).await;
        assert!(matches!(second, Err(LandError::Internal(_))), "{second:?}");
        peer.send(b"for the first").await;
        assert_eq!(first.await.unwrap().unwrap(), b"for the first");
    })
    .await;
}
