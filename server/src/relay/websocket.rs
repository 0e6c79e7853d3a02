//! A connection that is a websocket [transit-relay.md: listeners; RFC 6455].
//!
//! actix-http's codec wants each frame whole before it gives any of it. Here they are read and
//! written as they come, so that an idle connection holds no buffer, and no message is too long
//! for the memory.

mod frames;
mod outgoing;
mod upgrade;

use std::{
    cell::RefCell,
    io::{self, ErrorKind::WouldBlock},
    ops::Range,
    time::Duration,
};

use actix_http::ws::CloseCode;
use tokio::{io::Interest, time::timeout};

use super::{socket::Socket, tally::Counting};
use crate::limits::{Limit, Limits};
use frames::{Event, Fault, Frames};
use outgoing::Outgoing;

pub(super) use upgrade::{Head, Upgrade};

/// What is between the relay and one websocket, beside its socket.
pub(super) struct WebSocket {
    incoming: RefCell<Incoming>,
    outgoing: RefCell<Outgoing>,
    limits: Limits,
    /// How long nothing is heard before the client is asked whether it is there, and how long it
    /// may take to answer.
    silence: Duration,
    _counts: Counting,
}

#[derive(Default)]
struct Incoming {
    frames: Frames,
    /// Whether nothing more is heard.
    ended: bool,
}

/// Part of a message, in the bytes that were read.
pub(super) struct Piece {
    pub(super) range: Range<usize>,
    /// Whether the message ends with it.
    pub(super) last: bool,
}

/// How far what is said has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// All was taken.
    Whole,
    /// Some is left to be sent.
    Partly,
    /// The client wants to hear nothing any more.
    Nothing,
}

impl WebSocket {
    pub(super) fn new(limits: Limits, silence: Duration, counts: Counting) -> Self {
        let (incoming, outgoing) = Default::default();
        Self { incoming, outgoing, limits, silence, _counts: counts }
    }

    /// Comes back when something may be read, or the end.
    ///
    /// # Errors
    /// Where the client does not answer any more.
    pub(super) async fn ready(&self, socket: &Socket) -> io::Result<()> {
        let mut asked = false;
        while !self.has_ended() {
            match timeout(self.silence, self.stirred(socket)).await {
                Ok(stirred) => return stirred,
                Err(_) if asked => return Err(io::ErrorKind::TimedOut.into()),
                Err(_) => self.outgoing.borrow_mut().ping(socket)?,
            }
            asked = true;
        }
        Ok(())
    }

    /// Sends meanwhile what is left.
    async fn stirred(&self, socket: &Socket) -> io::Result<()> {
        while !self.outgoing.borrow().is_empty() {
            if socket.ready(Interest::READABLE | Interest::WRITABLE).await?.is_readable() {
                return Ok(());
            }
            self.outgoing.borrow_mut().flush(socket)?;
        }
        socket.readable().await
    }

    /// Reads what is here of messages; nothing at the end.
    ///
    /// # Errors
    /// [`WouldBlock`] where there is none.
    pub(super) fn try_receive(&self, socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_ended() {
            return Ok(0);
        }
        let count = socket.try_read(buffer)?;
        if count == 0 {
            // One that hangs up without a goodbye hears none.
            self.incoming.borrow_mut().ended = true;
            return Ok(0);
        }
        let (mut at, mut filled) = (0, 0);
        while let Some(Piece { range, .. }) = self.next(socket, &mut buffer[..count], &mut at)? {
            let length = range.len();
            buffer.copy_within(range, filled);
            filled += length;
        }
        match filled {
            0 if !self.has_ended() => Err(WouldBlock.into()),
            filled => Ok(filled),
        }
    }

    /// Goes on with bytes that were read, at `at`, up to the end of the next piece of a message;
    /// none where there is no more. What else the client says is answered.
    ///
    /// # Errors
    /// Where the connection is lost.
    pub(super) fn next(
        &self,
        socket: &Socket,
        raw: &mut [u8],
        at: &mut usize,
    ) -> io::Result<Option<Piece>> {
        let mut incoming = self.incoming.borrow_mut();
        let most = self.limits.most(Limit::RelayMessageBytes).unwrap_or(u64::MAX);
        while !incoming.ended {
            let code = match incoming.frames.next(raw, at, most) {
                Ok(None) => return Ok(None),
                Ok(Some(Event::Data { range, last })) => return Ok(Some(Piece { range, last })),
                Ok(Some(Event::Ping(payload))) => {
                    self.outgoing.borrow_mut().pong(socket, payload)?;
                    continue;
                }
                Ok(Some(Event::Close)) => CloseCode::Normal,
                Err(fault) => {
                    if fault == Fault::TooLong {
                        self.limits.exceed(Limit::RelayMessageBytes, most);
                    }
                    fault.code()
                }
            };
            incoming.ended = true;
            let mut outgoing = self.outgoing.borrow_mut();
            outgoing.close(socket, code)?;
            outgoing.over(socket)?;
        }
        Ok(None)
    }

    /// Whether nothing more is heard.
    pub(super) fn has_ended(&self) -> bool {
        self.incoming.borrow().ended
    }

    /// Says so much in a message.
    ///
    /// # Errors
    /// Where the connection is lost.
    pub(super) fn try_say(&self, socket: &Socket, bytes: &[u8]) -> io::Result<Said> {
        let mut outgoing = self.outgoing.borrow_mut();
        if outgoing.is_closed() {
            return Ok(Said::Nothing);
        }
        outgoing.say(socket, bytes)?;
        Ok(if outgoing.is_empty() { Said::Whole } else { Said::Partly })
    }

    /// Comes back when all was taken that was said.
    pub(super) async fn flush(&self, socket: &Socket) -> io::Result<()> {
        while !self.outgoing.borrow().is_empty() {
            socket.writable().await?;
            self.outgoing.borrow_mut().flush(socket)?;
        }
        Ok(())
    }

    /// Says goodbye, if that was not done.
    pub(super) fn close(&self, socket: &Socket) -> io::Result<()> {
        self.outgoing.borrow_mut().close(socket, CloseCode::Normal)
    }
}
