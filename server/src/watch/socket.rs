//! A second handle of a connection's socket, by which it can be cut from outside.

use std::net::Shutdown;

use socket2::SockRef;

/// The handle.
pub(crate) struct Socket(socket2::Socket);

impl Socket {
    /// Takes the handle of a connection of any kind.
    #[cfg(unix)]
    pub(crate) fn of(connection: &impl std::os::fd::AsFd) -> Option<Self> {
        SockRef::from(connection).try_clone().ok().map(Self)
    }

    /// Takes the handle of a connection of any kind.
    #[cfg(windows)]
    pub(crate) fn of(connection: &impl std::os::windows::io::AsSocket) -> Option<Self> {
        SockRef::from(connection).try_clone().ok().map(Self)
    }

    /// Ends the connection in both directions. Whoever waits for it is woken.
    pub(crate) fn cut(&self) {
        // One that has ended by itself cannot be cut.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
