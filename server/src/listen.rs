//! The listening socket.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// The connections that may wait to be accepted; the standard library allows 128.
const BACKLOG: i32 = 1024;

/// Binds a listening socket. `[::]` takes IPv4 too, and stands for `0.0.0.0` where the machine has
/// no IPv6; port 0 takes a free one.
///
/// # Errors
/// What the system says: the port is in use, the address is not this machine's.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let bound = bind(addr);
    if !addr.is_ipv6() || !addr.ip().is_unspecified() {
        return bound;
    }
    match bound {
        Err(reason) if reason.kind() != io::ErrorKind::AddrInUse => {
            bind((Ipv4Addr::UNSPECIFIED, addr.port()).into()).map_err(|_| reason)
        }
        bound => bound,
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    // On Windows the option would let two servers share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn all_interfaces_are_reached_over_ipv4() {
        let listener = listen("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn a_port_in_use_is_refused() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let taken = listen(listener.local_addr().unwrap()).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }
}
