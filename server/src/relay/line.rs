//! What the relay and a client speak over: bytes as they are, or websocket messages, whose
//! contents are such bytes.

use std::{
    io::{self, ErrorKind::WouldBlock},
    mem,
    sync::Arc,
};

use super::{
    flow::Rest,
    socket::Socket,
    websocket::{Said, WebSocket},
};

/// It is open as long as this lives; a websocket is told when it ends, if it listens.
pub(super) struct Line {
    /// Shared with those who may end the connection.
    pub(super) socket: Arc<Socket>,
    websocket: Option<Box<WebSocket>>,
}

impl Line {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket: Arc::new(socket), websocket: None }
    }

    /// Speaks in messages from now on.
    pub(super) fn upgrade(&mut self, websocket: WebSocket) {
        self.websocket = Some(Box::new(websocket));
    }

    /// Gives what a websocket has beside its socket.
    pub(super) fn websocket(&self) -> Option<&WebSocket> {
        self.websocket.as_deref()
    }

    /// Comes back when something may be received.
    ///
    /// # Errors
    /// Where the connection is lost.
    pub(super) async fn ready(&self) -> io::Result<()> {
        match &self.websocket {
            None => self.socket.readable().await,
            Some(websocket) => websocket.ready(&self.socket).await,
        }
    }

    /// Receives what is here; nothing at the end.
    ///
    /// # Errors
    /// [`WouldBlock`] where there is none; others where the connection is lost.
    pub(super) fn try_receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.websocket {
            None => self.socket.try_read(buffer),
            Some(websocket) => websocket.try_receive(&self.socket, buffer),
        }
    }

    /// Says as much as is taken at once, and gives what is left.
    ///
    /// # Errors
    /// Where the connection is lost.
    pub(super) fn try_say(&self, bytes: &[u8]) -> io::Result<Rest> {
        let Some(websocket) = &self.websocket else {
            let taken = match self.socket.try_write(bytes) {
                Err(reason) if reason.kind() == WouldBlock => 0,
                taken => taken?,
            };
            return Ok(match &bytes[taken..] {
                [] => Rest::Nothing,
                rest => Rest::Bytes(rest.to_vec()),
            });
        };
        Ok(match websocket.try_say(&self.socket, bytes)? {
            Said::Whole => Rest::Nothing,
            Said::Partly => Rest::Kept,
            Said::Nothing => Rest::Unwanted,
        })
    }

    /// Says it all, in one message.
    pub(super) async fn say(&self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.try_say(bytes)?.deliver(self).await
    }

    /// Sends what was kept.
    pub(super) async fn flush(&self) -> io::Result<()> {
        match &self.websocket {
            None => Ok(()),
            Some(websocket) => websocket.flush(&self.socket).await,
        }
    }

    /// Tells that nothing more is said, behind all that was.
    pub(super) async fn end(&self) -> io::Result<()> {
        match &self.websocket {
            None => self.socket.end(),
            Some(websocket) => {
                websocket.close(&self.socket)?;
                self.flush().await
            }
        }
    }

    /// Writes bytes as they are.
    pub(super) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.socket.writable().await?;
            match self.socket.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(reason) if reason.kind() == WouldBlock => (),
                Err(reason) => return Err(reason),
            }
        }
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(websocket) = mem::take(&mut self.websocket) {
            // Whoever does not read is not waited for.
            let _ = websocket.close(&self.socket);
        }
    }
}
