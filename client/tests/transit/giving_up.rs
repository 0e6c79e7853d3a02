//! Sources, sinks and programs that give up in the middle.

use std::{
    io::{self, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};
use wormhole_client::{
    protocol::transit::{Role, record::CHUNK},
    transit::{Connection, LandError, ShipError},
};

use super::{
    bulk::{bytes, progress},
    peer::{linked, rest},
    scripted::guarded,
};

/// A source or sink that tells when it is dropped, and fails after so many bytes.
struct Fragile {
    left: u64,
    read: Arc<AtomicU64>,
    _dropped: oneshot::Sender<()>,
}

fn fragile(left: u64) -> (Fragile, oneshot::Receiver<()>) {
    let (tx, rx) = oneshot::channel();
    (Fragile { left, read: Arc::default(), _dropped: tx }, rx)
}

impl Fragile {
    fn take(&mut self, bytes: usize) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = self.left.min(bytes as u64);
        self.left -= taken;
        self.read.fetch_add(taken, Ordering::Relaxed);
        Ok(taken as usize)
    }
}

impl Read for Fragile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.take(buffer.len())
    }
}

impl Write for Fragile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn dropped(signal: oneshot::Receiver<()>) {
    assert!(signal.await.is_err());
}

#[actix::test]
async fn a_source_that_is_not_as_announced_is_an_error() {
    guarded(async {
        for (has, announced) in [(99_999, 100_000), (100_001, 100_000), (0, 1), (1, 0)] {
            let (connection, mut peer) = linked(Role::Sender).await;
            let source = Box::new(io::Cursor::new(bytes(has)));
            let shipped = connection.ship(source, announced, progress()).await;
            assert!(matches!(shipped, Err(ShipError::Source(_))), "{has}: {shipped:?}");
            rest(&mut peer.tcp).await;
        }
        let (connection, mut peer) = linked(Role::Sender).await;
        let (source, gone) = fragile(200_000);
        let (shipped, _) = tokio::join!(
            connection.ship(Box::new(source), 1_000_000, progress()),
            rest(&mut peer.tcp)
        );
        let Err(ShipError::Source(error)) = shipped else { panic!("{shipped:?}") };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        dropped(gone).await;
    })
    .await;
}

#[actix::test]
async fn a_sink_that_fails_is_told_though_the_peer_is_silent() {
    guarded(async {
        let (connection, mut peer) = linked(Role::Receiver).await;
        let (sink, gone) = fragile(10);
        peer.send(b"more than ten bytes").await;
        let landed = connection.land(sink, 1_000_000, progress()).await;
        let Err(LandError::Sink(error)) = landed else { panic!("it landed") };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        dropped(gone).await;
        assert_eq!(rest(&mut peer.tcp).await, b"");
    })
    .await;
}

#[actix::test]
async fn a_peer_that_does_not_read_is_not_read_ahead_for() {
    guarded(async {
        let (connection, peer) = linked(Role::Sender).await;
        SockRef::from(&peer.tcp).set_recv_buffer_size(CHUNK).unwrap();
        let (source, gone) = fragile(u64::MAX);
        let read = Arc::clone(&source.read);
        let (progress, written) = watch::channel(0);
        let ship = connection.ship(Box::new(source), 1 << 40, progress);
        // Long enough to fill all buffers; a slow machine only tests less.
        assert!(timeout(Duration::from_millis(300), ship).await.is_err());
        let ahead = read.load(Ordering::Relaxed) - *written.borrow();
        assert!(ahead <= 6 * CHUNK as u64, "{ahead} bytes are held in memory");
        dropped(gone).await;
    })
    .await;
}

#[actix::test]
async fn whoever_stops_half_way_hangs_up_and_lets_go() {
    guarded(async {
        for whole in [true, false] {
            let (connection, mut peer) = linked(Role::Sender).await;
            let (source, gone) = fragile(u64::MAX);
            let connection = give_up(connection, whole, async |connection: &Connection| {
                connection.ship(Box::new(source), 1 << 40, progress()).await.map(drop).err()
            });
            let connection = connection.await;
            dropped(gone).await;
            rest(&mut peer.tcp).await;
            if let Some(connection) = connection {
                let next = connection.send_record(Vec::new()).await;
                assert!(matches!(next, Err(ShipError::Internal(_))), "{next:?}");
            }

            let (connection, mut peer) = linked(Role::Receiver).await;
            peer.send(b"a beginning").await;
            let (sink, gone) = fragile(u64::MAX);
            let _connection = give_up(connection, whole, async |connection: &Connection| {
                connection.land(sink, 1 << 40, progress()).await.map(drop).err()
            })
            .await;
            dropped(gone).await;
            assert_eq!(rest(&mut peer.tcp).await, b"");
        }
    })
    .await;
}

/// Begins a job, and drops its future, and the `whole` connection with it, while it is under way.
async fn give_up<E: std::fmt::Debug + 'static>(
    connection: Connection,
    whole: bool,
    job: impl AsyncFnOnce(&Connection) -> Option<E>,
) -> Option<Connection> {
    {
        let mut job = Box::pin(job(&connection));
        for _ in 0..100 {
            tokio::select! {
                biased;
                ended = &mut job => panic!("it ended: {ended:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    (!whole).then_some(connection)
}
