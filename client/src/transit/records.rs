//! Sealed records on a stream, whole ones, and what goes wrong with them.

use std::{
    future::pending,
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::BufMut;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, Chain, ReadBuf,
};
use wormhole_protocol::transit::record::{CHUNK, OVERHEAD, RecordLength};

use super::{
    pump::LandError,
    stream::WriteHalf,
    tally::{Doing, Lost, Tally},
};

/// Reads records.
pub(super) struct Reader<R> {
    bytes: BufReader<Chain<io::Cursor<Vec<u8>>, Watched<R>>>,
    tally: Rc<Tally>,
}

/// A stream of which it is noted when something came.
struct Watched<R> {
    inner: R,
    tally: Rc<Tally>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Begins with what was read with the greeting.
    pub(super) fn new(inner: R, leftover: Vec<u8>, tally: Rc<Tally>) -> Self {
        let watched = Watched { inner, tally: Rc::clone(&tally) };
        let bytes = AsyncReadExt::chain(io::Cursor::new(leftover), watched);
        Self { bytes: BufReader::with_capacity(CHUNK, bytes), tally }
    }

    /// Reads the length field of a record with at most `limit` bytes of plaintext.
    pub(super) async fn announced(&mut self, limit: u64) -> Result<RecordLength, LandError> {
        let mut field = [0; 4];
        self.bytes.read_exact(&mut field).await.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => LandError::Short { missing: limit },
            _ => self.lost(error),
        })?;
        let length = RecordLength::parse(field)?;
        if plaintext_of(length.bytes()) > limit {
            return Err(LandError::Overshoot);
        }
        Ok(length)
    }

    /// Reads what follows the length field into `record`, whose memory grows only as bytes come in.
    pub(super) async fn fill(
        &mut self,
        record: &mut Vec<u8>,
        length: RecordLength,
        limit: u64,
    ) -> Result<(), LandError> {
        record.clear();
        while record.len() < length.bytes() {
            let missing = length.bytes() - record.len();
            if record.len() == record.capacity() {
                record.reserve_exact(missing.min(record.len().max(CHUNK)));
            }
            let room = &mut (&mut *record).limit(missing);
            match self.bytes.read_buf(room).await {
                Ok(0) => return Err(LandError::Short { missing: limit }),
                Ok(_) => {}
                Err(error) => return Err(self.lost(error)),
            }
        }
        self.tally.add(Doing::Receiving, plaintext_of(record.len()));
        Ok(())
    }

    /// Waits until the peer hangs up without having said anything, and gives the reason; for ever
    /// where it says something, which is left to be read. A call that is dropped loses nothing.
    pub(super) async fn hung_up(&mut self) -> io::Error {
        match self.bytes.fill_buf().await {
            Ok([]) => io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => pending().await,
            Err(error) => error,
        }
    }

    /// Waits until the peer hangs up, or says something that nobody wants to hear.
    pub(super) async fn end(mut self) {
        let _ = self.bytes.read(&mut [0; 1]).await;
    }

    fn lost(&self, cause: io::Error) -> LandError {
        self.tally.lost(Doing::Receiving, Arc::new(cause)).into()
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.tally.moved();
        Poll::Ready(Ok(()))
    }
}

/// How much plaintext is in what follows the length field of a record.
pub(super) fn plaintext_of(length: usize) -> u64 {
    (length - RecordLength::MIN.bytes()) as u64
}

/// Writes records.
pub(super) struct Writer {
    half: WriteHalf,
    tally: Rc<Tally>,
}

impl Writer {
    pub(super) fn new(half: WriteHalf, tally: Rc<Tally>) -> Self {
        Self { half, tally }
    }

    /// Writes a record with its length field.
    pub(super) async fn write(&mut self, record: &[u8]) -> Result<(), Lost> {
        let written = self.write_all(record).await;
        written.map_err(|cause| self.tally.lost(Doing::Sending, Arc::new(cause)))?;
        self.tally.add(Doing::Sending, (record.len() - OVERHEAD) as u64);
        Ok(())
    }

    async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = self.half.write(bytes).await?;
            self.tally.moved();
            bytes = &bytes[n..];
        }
        self.half.flush().await
    }

    /// Says that nothing more comes.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        self.half.shutdown().await
    }

    pub(super) fn tally(&self) -> &Rc<Tally> {
        &self.tally
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::transit::record::RecordError;

    use super::*;

    fn reader(bytes: &[u8]) -> Reader<&[u8]> {
        Reader::new(bytes, Vec::new(), Rc::new(Tally::new()))
    }

    #[actix::test]
    async fn memory_grows_with_what_comes_not_with_what_is_announced() {
        let mut record = Vec::new();
        let error = reader(&[0; 1000]).fill(&mut record, RecordLength::MAX, 1).await.unwrap_err();
        assert!(matches!(error, LandError::Short { .. }), "{error}");
        assert!(record.capacity() <= CHUNK, "{}", record.capacity());
    }

    #[actix::test]
    async fn lengths_outside_the_window_are_refused_by_their_field() {
        for length in [0, 1, 39, (64 << 20) + 1, u32::MAX] {
            let error = reader(&length.to_be_bytes()).announced(u64::MAX).await.unwrap_err();
            let refused = RecordError::Length(length.into());
            assert!(matches!(error, LandError::Record(error) if error == refused), "{error}");
        }
        for length in [40, 41, (64 << 20) - 1, 64 << 20] {
            let taken = reader(&u32::to_be_bytes(length)).announced(u64::MAX).await;
            assert_eq!(taken.unwrap().bytes(), length as usize);
        }
    }
}
