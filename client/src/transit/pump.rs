//! The bulk futures: a blocking thread reads and seals, or opens and writes, while this thread
//! only moves sealed records between it and the socket.
//!
//! A bounded number of buffers goes round between the two, and those of one direction hold a
//! bounded number of bytes, or one record that is longer.

use std::{
    io::{self, Read, Write},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::{JoinError, spawn_blocking},
    time::timeout,
};
use wormhole_protocol::transit::record::{CHUNK, OVERHEAD, Opener, RecordError, Sealer};

use super::{
    race::Winner,
    records::{Reader, Writer, plaintext_of},
    stream::{self, ReadHalf},
    tally::{Doing, Lost, Tally},
};

/// How many buffers go round between the two threads.
const BUFFERS: usize = 4;
/// How many bytes of received records are held at a time, unless one alone has more.
const ROOM: usize = BUFFERS * (OVERHEAD + CHUNK);
/// How long the peer has to hang up after the last record.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// Where bytes to be sent come from; read on a blocking thread.
pub type Source = Box<dyn Read + Send>;

/// A connection's socket with its ciphers.
pub(super) struct Wire {
    reader: Reader<ReadHalf>,
    writer: Writer,
    sealer: Sealer,
    opener: Opener,
}

/// A received record, still sealed, with what it takes of the [`ROOM`].
struct Held {
    record: Vec<u8>,
    room: OwnedSemaphorePermit,
}

/// Bytes were not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShipError {
    /// The source failed, or had more or fewer bytes than announced.
    #[error("reading failed: {0}")]
    Source(io::Error),
    /// The connection broke.
    #[error(transparent)]
    Connection(#[from] Lost),
    /// A pump of ours died.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

/// Bytes were not received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LandError {
    /// The sink failed.
    #[error("writing failed: {0}")]
    Sink(io::Error),
    /// The connection broke.
    #[error(transparent)]
    Connection(#[from] Lost),
    /// The peer hung up before all announced bytes had come.
    #[error("the peer hung up {missing} bytes too early")]
    Short {
        /// How many had not come.
        missing: u64,
    },
    /// The peer hung up before it had said that its data of unknown length is complete.
    #[error("the peer hung up in the midst of its data")]
    NoEnd,
    /// The peer hung up where a record of its was due.
    #[error("the peer hung up without another word")]
    NoRecord,
    /// The peer sent more bytes than it announced.
    #[error("the peer sent more bytes than it announced")]
    Overshoot,
    /// The peer sent something that is no record of its.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A pump of ours died.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

impl From<Winner> for Wire {
    fn from(Winner { stream, leftover, sealer, opener }: Winner) -> Self {
        let (reader, writer) = stream::split(stream);
        let tally = Rc::new(Tally::new());
        let reader = Reader::new(reader, leftover, Rc::clone(&tally));
        Self { reader, writer: Writer::new(writer, tally), sealer, opener }
    }
}

impl Wire {
    /// What has gone over it, which outlives it.
    pub(super) fn tally(&self) -> Rc<Tally> {
        Rc::clone(self.writer.tally())
    }

    /// Sends `size` bytes of `source`, or all and a record of none, counts them in `progress`, and
    /// gives their SHA-256.
    pub(super) async fn ship(
        mut self,
        source: Source,
        size: Option<u64>,
        progress: &watch::Sender<u64>,
    ) -> Result<(Self, [u8; 32]), ShipError> {
        let (full, mut to_send) = mpsc::channel::<Vec<u8>>(BUFFERS);
        let (recycle, empty) = mpsc::channel(BUFFERS);
        for _ in 0..BUFFERS {
            let _ = recycle.try_send(Vec::with_capacity(OVERHEAD + CHUNK));
        }
        let sealer = self.sealer;
        let sealing = spawn_blocking(move || seal_all(source, size, sealer, empty, &full));
        let writing = async {
            let mut missing = size;
            while missing != Some(0)
                && let Some(record) = to_send.recv().await
            {
                self.writer.write(&record).await?;
                let went = (record.len() - OVERHEAD) as u64;
                missing = match missing {
                    Some(missing) => Some(missing.saturating_sub(went)),
                    None => (went == 0).then_some(0),
                };
                progress.send_modify(|done| *done += went);
                let _ = recycle.try_send(record);
            }
            // Who has hung up after the last of it may well have all of it.
            Ok::<_, Lost>(None)
        };
        // Who waits for the source would not notice it by writing.
        let hung_up = tokio::select! {
            biased;
            written = writing => written?,
            cause = self.reader.hung_up() => Some(cause),
        };
        if let Some(cause) = hung_up {
            return Err(self.writer.tally().lost(Doing::Sending, Arc::new(cause)).into());
        }
        let died = |_: JoinError| ShipError::Internal("the sealing thread died");
        let (sealer, digest) = sealing.await.map_err(died)??;
        self.sealer = sealer;
        Ok((self, digest))
    }

    /// Receives `size` bytes, or all before a record of none, into `sink`, counts them in
    /// `progress`, and gives the sink back with their SHA-256.
    pub(super) async fn land<S: Write + Send + 'static>(
        mut self,
        sink: S,
        size: Option<u64>,
        progress: &watch::Sender<u64>,
    ) -> Result<(Self, S, [u8; 32]), LandError> {
        let (full, records) = mpsc::channel(BUFFERS);
        let (recycle, mut empty) = mpsc::channel(BUFFERS);
        let opener = self.opener;
        let opening = spawn_blocking(move || open_all(sink, opener, records, &recycle));
        let room = Arc::new(Semaphore::new(ROOM));
        let mut missing = size;
        let mut lost = None;
        while missing != Some(0) {
            let held = async {
                let missing = missing.unwrap_or(u64::MAX);
                let length = self.reader.announced(missing).await?;
                let room = Arc::clone(&room).acquire_many_owned(length.bytes().min(ROOM) as u32);
                let room = room.await.map_err(|_| LandError::Internal("there is no room"))?;
                let mut record = empty.try_recv().unwrap_or_default();
                self.reader.fill(&mut record, length, missing).await?;
                Ok(Held { record, room })
            };
            // An opener that has stopped has its reason, which is asked for below.
            let held = tokio::select! {
                held = held => held,
                () = full.closed() => break,
            };
            match held {
                Ok(held) => {
                    let came = plaintext_of(held.record.len());
                    missing = match missing {
                        Some(missing) => Some(missing - came),
                        // What has no length ends with a record of none.
                        None => (came == 0).then_some(0),
                    };
                    if full.send(held).await.is_err() {
                        break;
                    }
                    progress.send_modify(|done| *done += came);
                }
                Err(LandError::Short { .. }) if missing.is_none() => {
                    lost = Some(LandError::NoEnd);
                    break;
                }
                Err(error) => {
                    lost = Some(error);
                    break;
                }
            }
        }
        drop(full);
        let died = |_: JoinError| LandError::Internal("the opening thread died");
        let (opener, sink, digest) = opening.await.map_err(died)??;
        if let Some(error) = lost {
            return Err(error);
        }
        self.opener = opener;
        Ok((self, sink, digest))
    }

    /// Sends one record.
    pub(super) async fn send(mut self, plaintext: &[u8]) -> Result<Self, ShipError> {
        let mut record = Vec::new();
        let too_long = |_| ShipError::Internal("a record is too long");
        self.sealer.seal(plaintext, &mut record).map_err(too_long)?;
        self.writer.write(&record).await?;
        Ok(self)
    }

    /// Receives one record of at most `limit` bytes.
    pub(super) async fn receive(mut self, limit: u64) -> Result<(Self, Vec<u8>), LandError> {
        let mut record = Vec::new();
        let received = async {
            let length = self.reader.announced(limit).await?;
            self.reader.fill(&mut record, length, limit).await
        };
        received.await.map_err(|error| match error {
            LandError::Short { .. } => LandError::NoRecord,
            other => other,
        })?;
        let plaintext = self.opener.open(&mut record)?.to_vec();
        Ok((self, plaintext))
    }

    /// Says that nothing more comes and waits for the peer to hang up, so that what was sent last
    /// is not lost on the way.
    pub(super) async fn finish(mut self) {
        let hung_up = async {
            if self.writer.shutdown().await.is_ok() {
                self.reader.end().await;
            }
        };
        let _ = timeout(FINISH_LIMIT, hung_up).await;
    }
}

fn seal_all(
    mut source: Source,
    size: Option<u64>,
    mut sealer: Sealer,
    mut empty: mpsc::Receiver<Vec<u8>>,
    full: &mpsc::Sender<Vec<u8>>,
) -> Result<(Sealer, [u8; 32]), ShipError> {
    let mut hash = Sha256::new();
    let mut missing = size;
    while missing != Some(0) {
        // Either channel ends when the connection has failed; that is the error to tell.
        let Some(mut record) = empty.blocking_recv() else { break };
        let most = missing.and_then(|missing| usize::try_from(missing).ok()).unwrap_or(CHUNK);
        record.resize(OVERHEAD + most.min(CHUNK), 0);
        missing = match missing {
            Some(missing) => {
                source.read_exact(&mut record[OVERHEAD..]).map_err(ShipError::Source)?;
                Some(missing - (record.len() - OVERHEAD) as u64)
            }
            // What comes slowly is passed on as it comes.
            None => {
                let n = read_some(&mut source, &mut record[OVERHEAD..]);
                record.truncate(OVERHEAD + n.map_err(ShipError::Source)?);
                (record.len() == OVERHEAD).then_some(0)
            }
        };
        hash.update(&record[OVERHEAD..]);
        let too_long = |_| ShipError::Internal("a record is too long");
        sealer.seal_in_place(&mut record).map_err(too_long)?;
        if full.blocking_send(record).is_err() {
            break;
        }
    }
    let surplus = match (size, missing) {
        (Some(_), Some(0)) => source.read(&mut [0; 1]),
        _ => Ok(0),
    };
    if surplus.map_err(ShipError::Source)? > 0 {
        return Err(ShipError::Source(io::Error::other("there is more than was announced")));
    }
    Ok((sealer, hash.finalize().into()))
}

/// Reads what there is; 0 only at the end.
fn read_some(source: &mut Source, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

fn open_all<S: Write>(
    mut sink: S,
    mut opener: Opener,
    mut records: mpsc::Receiver<Held>,
    recycle: &mpsc::Sender<Vec<u8>>,
) -> Result<(Opener, S, [u8; 32]), LandError> {
    let mut hash = Sha256::new();
    while let Some(Held { mut record, room }) = records.blocking_recv() {
        let plaintext = opener.open(&mut record)?;
        hash.update(plaintext);
        sink.write_all(plaintext).map_err(LandError::Sink)?;
        if record.capacity() <= CHUNK + OVERHEAD {
            let _ = recycle.try_send(record);
        } else {
            drop(record);
        }
        drop(room);
    }
    sink.flush().map_err(LandError::Sink)?;
    Ok((opener, sink, hash.finalize().into()))
}
