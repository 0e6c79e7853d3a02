//! Where a relay listens.

use crate::Listener;

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Tcp,
    WebSocket,
    /// Either, which is told by the first byte: no request of a client begins as one of HTTP.
    Both,
}

/// A listening socket, and what is spoken there: bytes as they are, unless it is made otherwise.
#[derive(Debug)]
pub struct Port {
    pub(super) listener: Listener,
    pub(super) speaks: Speaks,
}

impl Port {
    /// Bytes as they are.
    pub fn tcp(listener: impl Into<Listener>) -> Self {
        Self { listener: listener.into(), speaks: Speaks::Tcp }
    }

    /// Websocket.
    pub fn websocket(listener: impl Into<Listener>) -> Self {
        Self { listener: listener.into(), speaks: Speaks::WebSocket }
    }

    /// Either, as each client likes it.
    pub fn both(listener: impl Into<Listener>) -> Self {
        Self { listener: listener.into(), speaks: Speaks::Both }
    }
}

impl<L: Into<Listener>> From<L> for Port {
    fn from(listener: L) -> Self {
        Self::tcp(listener)
    }
}
