//! What is sent to a websocket.

use std::io::{self, ErrorKind::WouldBlock, IoSlice};

use actix_http::ws::CloseCode;

use super::super::socket::Socket;

/// What waits for its reader: frames go one after the other, and only whole ones.
#[derive(Default)]
pub(super) struct Outgoing {
    /// The rest of what was begun.
    unsent: Vec<u8>,
    /// Goes behind that: only the latest ping has to be answered.
    pong: Option<Vec<u8>>,
    stage: Stage,
}

/// How far the goodbye is.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Open,
    /// The closing frame is said: nothing goes behind it.
    Closed,
    /// And the client's is heard: the connection ends behind ours.
    Over,
    /// It has ended.
    Ended,
}

const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The longest header that we send.
const HEADER: usize = 10;

impl Outgoing {
    /// Tells whether all was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.unsent.is_empty() && self.pong.is_none()
    }

    /// Tells whether nothing more may be said.
    pub(super) fn is_closed(&self) -> bool {
        self.stage > Stage::Open
    }

    /// Says so much in one message; what is not taken at once is kept.
    pub(super) fn say(&mut self, socket: &Socket, payload: &[u8]) -> io::Result<()> {
        self.frame(socket, BINARY, payload)
    }

    /// Asks whether the client is there.
    pub(super) fn ping(&mut self, socket: &Socket) -> io::Result<()> {
        // One to whom so much is to be said has something to answer.
        if self.is_empty() { self.frame(socket, PING, &[]) } else { Ok(()) }
    }

    /// Answers a ping.
    pub(super) fn pong(&mut self, socket: &Socket, payload: Vec<u8>) -> io::Result<()> {
        if !self.is_closed() {
            self.pong = Some(payload);
        }
        self.flush(socket)
    }

    /// Says goodbye, once.
    pub(super) fn close(&mut self, socket: &Socket, code: CloseCode) -> io::Result<()> {
        self.flush(socket)?;
        if self.is_closed() {
            return Ok(());
        }
        self.frame(socket, CLOSE, &u16::from(code).to_be_bytes())?;
        self.stage = Stage::Closed;
        Ok(())
    }

    /// Ends the connection behind all that was said: the client expects nothing more.
    pub(super) fn over(&mut self, socket: &Socket) -> io::Result<()> {
        self.stage = self.stage.max(Stage::Over);
        self.flush(socket)
    }

    fn frame(&mut self, socket: &Socket, kind: u8, payload: &[u8]) -> io::Result<()> {
        let (header, length) = header(kind, payload.len());
        let header = &header[..length];
        let taken = match self.unsent.is_empty() {
            true => {
                attempt(socket.try_write_vectored(&[IoSlice::new(header), IoSlice::new(payload)]))?
            }
            false => 0,
        };
        let (before, behind) = (taken.min(length), taken.saturating_sub(length));
        self.unsent.extend_from_slice(&header[before..]);
        self.unsent.extend_from_slice(&payload[behind..]);
        Ok(())
    }

    /// Sends as much as is taken at once.
    pub(super) fn flush(&mut self, socket: &Socket) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let taken = attempt(socket.try_write(&self.unsent))?;
            self.unsent.drain(..taken);
        }
        if self.unsent.is_empty() {
            // One who has taken all costs nothing.
            self.unsent = Vec::new();
        }
        if self.unsent.is_empty()
            && let Some(pong) = self.pong.take()
        {
            self.frame(socket, PONG, &pong)?;
        }
        if self.is_empty() && self.stage == Stage::Over {
            self.stage = Stage::Ended;
            socket.end()?;
        }
        Ok(())
    }
}

/// Nothing is taken where there is no room.
fn attempt(taken: io::Result<usize>) -> io::Result<usize> {
    match taken {
        Err(reason) if reason.kind() == WouldBlock => Ok(0),
        taken => taken,
    }
}

/// Writes the header of a frame that is a whole message, unmasked as those of servers are.
fn header(kind: u8, length: usize) -> ([u8; HEADER], usize) {
    let mut header = [0; HEADER];
    header[0] = 0x80 | kind;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => {
            header[1] = length;
            (header, 2)
        }
        (_, Ok(length)) => {
            header[1] = 126;
            header[2..4].copy_from_slice(&length.to_be_bytes());
            (header, 4)
        }
        _ => {
            header[1] = 127;
            header[2..].copy_from_slice(&(length as u64).to_be_bytes());
            (header, 10)
        }
    }
}
