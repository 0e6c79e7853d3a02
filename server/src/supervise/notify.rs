//! The socket of the service manager: takes datagrams of lines `NAME=VALUE` [sd_notify(3)].

#[cfg(target_os = "linux")]
mod datagram {
    use std::{
        ffi::OsStr,
        io,
        os::{
            linux::net::SocketAddrExt,
            unix::{
                ffi::OsStrExt,
                net::{SocketAddr, UnixDatagram},
            },
        },
        time::Duration,
    };

    use rustix::time::{ClockId, clock_gettime};

    /// The way to the manager.
    pub(crate) struct Notify {
        /// Opened once, so that it is there when file descriptors are short; not connected, so that
        /// it reaches a manager that has restarted.
        socket: UnixDatagram,
        address: SocketAddr,
    }

    /// How long to wait for room in the manager's queue. Nobody is served meanwhile.
    const PATIENCE: Duration = Duration::from_secs(5);

    impl Notify {
        /// Takes the absolute path of a socket, or `@` and an abstract name.
        ///
        /// # Errors
        /// Where the address is neither of them, or too long.
        pub(crate) fn to(address: &OsStr) -> io::Result<Self> {
            let address = match address.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
                [b'/', ..] => SocketAddr::from_pathname(address)?,
                _ => return Err(io::Error::other("expected an absolute path, or @ and a name")),
            };
            let socket = UnixDatagram::unbound()?;
            socket.set_write_timeout(Some(PATIENCE))?;
            Ok(Self { socket, address })
        }

        /// Sends a datagram, and waits for room in the manager's queue.
        pub(crate) fn send(&self, state: &str) -> io::Result<()> {
            self.socket.set_nonblocking(false)?;
            self.socket.send_to_addr(state.as_bytes(), &self.address).map(drop)
        }

        #[cfg(test)]
        pub(super) fn wait_for_ever(&self) {
            self.socket.set_write_timeout(None).unwrap();
        }

        /// Sends a datagram if there is room for it.
        pub(crate) fn try_send(&self, state: &str) -> io::Result<()> {
            self.socket.set_nonblocking(true)?;
            self.socket.send_to_addr(state.as_bytes(), &self.address).map(drop)
        }
    }

    /// Gives the time of the clock by which the manager orders a reload and its end.
    pub(crate) fn monotonic() -> Duration {
        clock_gettime(ClockId::Monotonic).try_into().unwrap_or_default()
    }
}

#[cfg(not(target_os = "linux"))]
mod datagram {
    use std::{ffi::OsStr, io, time::Duration};

    /// There is no manager here.
    pub(crate) enum Notify {}

    impl Notify {
        pub(crate) fn to(_: &OsStr) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn send(&self, _: &str) -> io::Result<()> {
            match *self {}
        }

        pub(crate) fn try_send(&self, _: &str) -> io::Result<()> {
            match *self {}
        }
    }

    pub(crate) fn monotonic() -> Duration {
        Duration::ZERO
    }
}

pub(crate) use datagram::{Notify, monotonic};

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_manager_that_does_not_listen_can_keep_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _deaf = UnixDatagram::bind(&path).unwrap();
        let notify = Notify::to(path.as_os_str()).unwrap();
        notify.wait_for_ever();
        let full = (0..1_000_000).find_map(|_| notify.try_send("WATCHDOG=1").err());
        assert_eq!(full.unwrap().kind(), std::io::ErrorKind::WouldBlock);
    }
}
