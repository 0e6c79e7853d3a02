//! Where peers reach us directly.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU16,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use wormhole_protocol::transit::DirectHint;

/// How many connections the kernel holds before they are accepted.
const BACKLOG: i32 = 128;

/// A listening socket on all addresses, of both families where the machine has both.
pub(super) struct Listener {
    socket: TcpListener,
    port: NonZeroU16,
}

impl Listener {
    /// Listens on a port that the system chooses.
    pub(super) fn open() -> io::Result<Self> {
        let socket = bind(Domain::IPV6, Ipv6Addr::UNSPECIFIED.into())
            .or_else(|_| bind(Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()))?;
        let socket = TcpListener::from_std(socket)?;
        let port = NonZeroU16::new(socket.local_addr()?.port())
            .ok_or_else(|| io::Error::other("the system chose no port"))?;
        Ok(Self { socket, port })
    }

    pub(super) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, from) = self.socket.accept().await?;
        Ok((stream, SocketAddr::new(from.ip().to_canonical(), from.port())))
    }

    /// One hint for each address of this machine that another one can dial; loopback only where
    /// there is nothing else.
    pub(super) fn hints(&self) -> Vec<DirectHint> {
        let hint =
            |ip: IpAddr| DirectHint { hostname: ip.to_string(), port: self.port, priority: 0.0 };
        addresses().into_iter().map(hint).collect()
    }
}

/// The addresses of this machine that another one can dial, IPv4 first; `127.0.0.1` where there is
/// none.
pub fn addresses() -> Vec<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    worth_offering(found.into_iter().map(|interface| interface.ip()))
}

fn bind(domain: Domain, ip: IpAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(ip, 0).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn worth_offering(found: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for ip in found {
        let own_machine_or_wire = match ip {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
        };
        if !own_machine_or_wire && !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    addresses.sort_by_key(IpAddr::is_ipv6);
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    addresses
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn offers_what_others_can_dial() {
        let offered = |list: &[&str]| {
            let found = list.iter().map(|ip| ip.parse().unwrap());
            worth_offering(found).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let found = ["127.0.0.1", "::1", "2001:db8::1", "fe80::1", "192.0.2.7", "192.0.2.7"];
        assert_eq!(offered(&found), ["192.0.2.7", "2001:db8::1"]);
        assert_eq!(offered(&["127.0.0.1", "::1"]), ["127.0.0.1"]);
        assert_eq!(offered(&[]), ["127.0.0.1"]);
    }

    #[actix::test]
    async fn both_families_reach_it() {
        let listener = Listener::open().unwrap();
        let dialled = TcpStream::connect((Ipv4Addr::LOCALHOST, listener.port.get())).await.unwrap();
        let (_, from) = listener.accept().await.unwrap();
        assert_eq!(from, dialled.local_addr().unwrap());
    }
}
