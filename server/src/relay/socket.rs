//! The socket of a connection: of TCP, or of a unix socket, which a proxy on the same machine may
//! prefer.

use std::{
    io::{self, IoSlice},
    net::{Shutdown, SocketAddr},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{Interest, Ready},
    net::TcpStream,
};

use crate::connections::Dismiss;

/// An accepted connection.
pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Does the same with either.
macro_rules! each {
    ($socket:expr, $stream:ident => $what:expr) => {
        match $socket {
            Self::Tcp($stream) => $what,
            #[cfg(unix)]
            Self::Unix($stream) => $what,
        }
    };
}

impl Socket {
    /// Tells where it comes from; none for a unix socket.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// Has the system look for a peer that has gone without a word, after `silence` and as long
    /// again. A connection works without that, if less well.
    pub(super) fn prepare(&self, silence: Duration) {
        /// How often it is asked in the second half.
        const PROBES: u32 = 3;
        let Self::Tcp(stream) = self else { return };
        let keepalive = TcpKeepalive::new().with_time(silence).with_interval(silence / PROBES);
        #[cfg(not(windows))]
        let keepalive = keepalive.with_retries(PROBES);
        let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
        let _ = stream.set_nodelay(true);
    }

    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        each!(self, stream => stream.ready(interest).await)
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        each!(self, stream => stream.readable().await)
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        each!(self, stream => stream.writable().await)
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        each!(self, stream => stream.try_read(buffer))
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        each!(self, stream => stream.try_write(bytes))
    }

    pub(super) fn try_write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        each!(self, stream => stream.try_write_vectored(parts))
    }

    /// Ends what is sent, behind all that was.
    pub(super) fn end(&self) -> io::Result<()> {
        each!(self, stream => SockRef::from(stream).shutdown(Shutdown::Write))
    }
}

impl Dismiss for Socket {
    fn cut(&self) {
        // One that has ended by itself cannot be cut.
        let _ = each!(self, stream => SockRef::from(stream).shutdown(Shutdown::Both));
    }

    fn shed(&self) {
        self.cut();
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::{
        io,
        os::fd::{AsFd, BorrowedFd},
    };

    use tokio::io::Interest;

    use super::Socket;

    impl Socket {
        pub(in super::super) fn try_io<R>(
            &self,
            interest: Interest,
            work: impl FnOnce() -> io::Result<R>,
        ) -> io::Result<R> {
            match self {
                Self::Tcp(stream) => stream.try_io(interest, work),
                Self::Unix(stream) => stream.try_io(interest, work),
            }
        }
    }

    impl AsFd for Socket {
        fn as_fd(&self) -> BorrowedFd<'_> {
            match self {
                Self::Tcp(stream) => stream.as_fd(),
                Self::Unix(stream) => stream.as_fd(),
            }
        }
    }
}
