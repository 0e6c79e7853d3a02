//! A stream of bytes in the binary messages of a websocket, as relays take it [transit.md: abilities
//! and hints].
//!
//! Where messages begin and end means nothing. Memory is bounded whatever their size: of an
//! incoming one as much is held as was read at once, and of ours one frame, which has to leave
//! before the next is taken.

mod frame;
mod pulse;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use self::{
    frame::{Decoder, Opcode, Unit, encode},
    pulse::{Beat, Pulse},
};

/// The most bytes of a frame of ours: what servers take that have no option for it.
const MAX_FRAME: usize = 64 * 1024;
/// How much is read at once.
const READ: usize = 64 * 1024;
/// How much may wait to be sent before pings go unanswered; the answer to a later one is as good.
const MAX_WAITING: usize = MAX_FRAME + 1024;

/// A websocket that stands, as the client's end sees it.
pub(super) struct WebSocket<S> {
    io: S,
    wakers: Arc<Wakers>,
    /// Read, and not looked at.
    raw: BytesMut,
    decoder: Decoder,
    /// Bytes of the stream that nobody has taken.
    data: Bytes,
    /// Frames that are to be sent.
    outgoing: BytesMut,
    /// Whether something was written that may still be held below.
    unflushed: bool,
    pulse: Pulse,
    said_goodbye: bool,
    /// Why nothing more can be sent.
    unsendable: Option<Broken>,
    /// Why nothing more comes.
    end: Option<End>,
}

enum End {
    /// The other end closed it.
    Closed,
    Broken(Broken),
}

/// An error that can be told again.
struct Broken {
    kind: io::ErrorKind,
    text: String,
}

impl From<&io::Error> for Broken {
    fn from(error: &io::Error) -> Self {
        Self { kind: error.kind(), text: error.to_string() }
    }
}

impl From<&Broken> for io::Error {
    fn from(Broken { kind, text }: &Broken) -> Self {
        Self::new(*kind, text.clone())
    }
}

/// Who reads and who writes: each of them moves both directions, for a ping has to be answered and
/// a pong to be heard whichever of the two is at work.
#[derive(Default)]
struct Wakers {
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Begins with what was read behind the handshake's end. The relay may be silent for so long
    /// before it counts as gone.
    pub(super) fn new(io: S, read: BytesMut, silence: Duration) -> Self {
        Self {
            io,
            wakers: Arc::default(),
            raw: read,
            decoder: Decoder::default(),
            data: Bytes::new(),
            outgoing: BytesMut::new(),
            unflushed: false,
            pulse: Pulse::new(silence),
            said_goodbye: false,
            unsendable: None,
            end: None,
        }
    }

    /// Moves what can be moved in both directions.
    fn turn(&mut self) {
        let waker = Waker::from(Arc::clone(&self.wakers));
        let cx = &mut Context::from_waker(&waker);
        let pushed = self.push(cx);
        if let Err(error) = self.pull(cx) {
            self.end.get_or_insert(End::Broken(Broken::from(&error)));
        }
        // What was read may have to be answered, and the silence may have to be broken.
        if let Err(error) = pushed.and_then(|()| self.push(cx)) {
            // What comes is still read: it may be more than the end.
            self.unsendable.get_or_insert(Broken::from(&error));
        }
    }

    /// Sends as much as is taken.
    fn push(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match Pin::new(&mut self.io).poll_write(cx, &self.outgoing)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(n) => self.outgoing.advance(n),
                Poll::Pending => return Ok(()),
            }
            self.unflushed = true;
        }
        if self.unflushed && Pin::new(&mut self.io).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
        }
        Ok(())
    }

    /// Reads until there is data, and no further before that is taken.
    fn pull(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.data.is_empty() && self.end.is_none() {
            match self.decoder.next(&mut self.raw)? {
                Some(Unit::Data(data)) => self.data = data,
                Some(Unit::Ping(payload)) if self.outgoing.len() < MAX_WAITING => {
                    self.queue(Opcode::Pong, &payload);
                }
                Some(Unit::Ping(_) | Unit::Pong) => {}
                Some(Unit::Close) => {
                    self.say_goodbye();
                    self.end = Some(End::Closed);
                }
                None => {
                    self.raw.reserve(READ);
                    match poll_read_buf(Pin::new(&mut self.io), cx, &mut self.raw)? {
                        Poll::Ready(0) => self.end = Some(End::Closed),
                        Poll::Ready(_) => self.pulse.heard(),
                        Poll::Pending => return self.listen(cx),
                    }
                }
            }
        }
        Ok(())
    }

    /// Minds the silence.
    fn listen(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.pulse.poll(cx) {
            Beat::Well => Ok(()),
            Beat::Ask => {
                self.queue(Opcode::Ping, &[]);
                Ok(())
            }
            Beat::Dead => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the relay does not answer pings"))
            }
        }
    }

    fn queue(&mut self, opcode: Opcode, payload: &[u8]) {
        encode(opcode, payload, crate::random::random(), &mut self.outgoing);
    }

    fn say_goodbye(&mut self) {
        if !self.said_goodbye {
            self.said_goodbye = true;
            self.queue(Opcode::Close, &[]);
        }
    }

    fn is_flushed(&self) -> bool {
        self.outgoing.is_empty() && !self.unflushed
    }

    /// The error of one who writes.
    fn check(&self) -> io::Result<()> {
        match (&self.unsendable, &self.end) {
            (Some(broken), _) | (None, Some(End::Broken(broken))) => Err(broken.into()),
            (None, Some(End::Closed)) => Err(io::ErrorKind::BrokenPipe.into()),
            (None, None) => Ok(()),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wakers.reader.register(cx.waker());
        this.turn();
        if !this.data.is_empty() {
            let n = this.data.len().min(buffer.remaining());
            buffer.put_slice(&this.data.split_to(n));
            return Poll::Ready(Ok(()));
        }
        match &this.end {
            None => Poll::Pending,
            Some(End::Closed) => Poll::Ready(Ok(())),
            Some(End::Broken(broken)) => Poll::Ready(Err(broken.into())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.wakers.writer.register(cx.waker());
        this.turn();
        this.check()?;
        if !this.is_flushed() {
            return Poll::Pending;
        }
        let n = bytes.len().min(MAX_FRAME);
        this.queue(Opcode::Binary, &bytes[..n]);
        this.turn();
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wakers.writer.register(cx.waker());
        this.turn();
        if this.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        this.check()?;
        Poll::Pending
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.say_goodbye();
        ready!(self.poll_flush(cx))?;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
