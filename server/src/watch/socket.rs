//! A second handle of a connection's socket, by which it can be cut from outside.

use std::net::Shutdown;

/// The handle.
pub(crate) struct Socket(socket2::Socket);

impl Socket {
    /// Takes the handle of a connection of any kind; the system may have none left.
    pub(crate) fn of(connection: &socket2::Socket) -> Option<Self> {
        connection.try_clone().ok().map(Self)
    }

    /// Ends the connection in both directions. Whoever waits for it is woken.
    pub(crate) fn cut(&self) {
        // One that has ended by itself cannot be cut.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
