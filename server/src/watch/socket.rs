//! A second handle of a connection's socket, by which it can be cut from outside.

use std::{io, mem::MaybeUninit, net::Shutdown};

/// The handle.
pub(crate) struct Socket(socket2::Socket);

impl Socket {
    /// Takes the handle of a connection of any kind; the system may have none left.
    pub(crate) fn of(connection: &socket2::Socket) -> Option<Self> {
        connection.try_clone().ok().map(Self)
    }

    /// Tells whether the client has closed its end, and all that it said before was read.
    pub(crate) fn has_hung_up(&self) -> bool {
        match self.0.peek(&mut [MaybeUninit::uninit()]) {
            Ok(bytes) => bytes == 0,
            Err(reason) => reason.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Ends the connection in both directions. Whoever waits for it is woken.
    pub(crate) fn cut(&self) {
        // One that has ended by itself cannot be cut.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
