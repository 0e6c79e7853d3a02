//! Where peers reach us directly.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU16,
    ops::RangeInclusive,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use wormhole_protocol::transit::{DirectHint, Scope};

/// How many connections the kernel holds before they are accepted.
const BACKLOG: i32 = 128;

/// A listening socket on all addresses, of both families where the machine has both.
pub(super) struct Listener {
    socket: TcpListener,
    port: NonZeroU16,
    /// Where the mailbox server sees us, if that is an address of the whole internet's.
    outside: Option<IpAddr>,
}

impl Listener {
    /// Listens on a port that the system chooses.
    pub(super) fn any() -> io::Result<Self> {
        Self::on(0)
    }

    /// Listens on the first of these ports that is free.
    ///
    /// # Errors
    /// Why the last was not.
    pub(super) fn one_of(ports: RangeInclusive<NonZeroU16>) -> io::Result<Self> {
        let mut reason = io::Error::other("there are no ports in the range");
        for port in ports.start().get()..=ports.end().get() {
            match Self::on(port) {
                Ok(listener) => return Ok(listener),
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }

    fn on(port: u16) -> io::Result<Self> {
        let socket = bind(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, port).into())
            .or_else(|_| bind(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, port).into()))?;
        let socket = TcpListener::from_std(socket)?;
        let port = NonZeroU16::new(socket.local_addr()?.port())
            .ok_or_else(|| io::Error::other("the system chose no port"))?;
        Ok(Self { socket, port, outside: None })
    }

    /// Offers this address as well, where anybody may dial it.
    pub(super) fn seen_at(&mut self, ip: IpAddr) {
        self.outside = Some(ip.to_canonical()).filter(|ip| Scope::of(*ip) == Scope::Global);
    }

    pub(super) fn port(&self) -> NonZeroU16 {
        self.port
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
        let mut addresses = addresses();
        addresses.extend(self.outside.filter(|outside| !addresses.contains(outside)));
        addresses.into_iter().map(hint).collect()
    }
}

/// The addresses of this machine that another one can dial, IPv4 first; where there is none, the
/// one by which it dials itself.
pub fn addresses() -> Vec<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    worth_offering(found.into_iter().map(|interface| interface.ip()))
}

fn bind(domain: Domain, address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(false)?;
    }
    // A port of one's own is free again at once; elsewhere than on Unix the option means that it
    // may be shared.
    #[cfg(unix)]
    socket.set_reuse_address(address.port() != 0)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn worth_offering(found: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut loopback = None;
    for ip in found {
        if ip.is_loopback() && loopback.is_none_or(|other: IpAddr| other.is_ipv6()) {
            loopback = Some(ip);
        }
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
        // There are machines without IPv4.
        addresses.push(loopback.unwrap_or(Ipv4Addr::LOCALHOST.into()));
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
        assert_eq!(offered(&["::1", "127.0.0.1"]), ["127.0.0.1"]);
        assert_eq!(offered(&["::1", "fe80::1"]), ["::1"]);
        assert_eq!(offered(&[]), ["127.0.0.1"]);
    }

    #[actix::test]
    async fn both_families_reach_it() {
        let listener = Listener::any().unwrap();
        let dialled = TcpStream::connect((Ipv4Addr::LOCALHOST, listener.port.get())).await.unwrap();
        let (_, from) = listener.accept().await.unwrap();
        assert_eq!(from, dialled.local_addr().unwrap());
    }

    #[actix::test]
    async fn the_first_free_port_of_a_range_is_taken() {
        let taken = Listener::any().unwrap();
        let port = taken.port();
        let error = Listener::one_of(port..=port).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let last = NonZeroU16::MAX;
        let next = Listener::one_of(port..=last).unwrap();
        assert!(next.port() > port);
        assert!(next.hints().iter().all(|hint| hint.port == next.port()));
        let free = next.port();
        drop(next);
        assert_eq!(Listener::one_of(free..=free).unwrap().port(), free);
        #[allow(clippy::reversed_empty_ranges)]
        let none = Listener::one_of(NonZeroU16::MAX..=NonZeroU16::MIN);
        assert!(none.is_err());
    }

    #[actix::test]
    async fn where_the_server_sees_us_is_offered_once_if_others_can_dial_it() {
        let mut listener = Listener::any().unwrap();
        let own = listener.hints();
        let mut offered = |ip: &str| {
            listener.seen_at(ip.parse().unwrap());
            listener.hints().split_off(own.len()).pop().map(|hint| hint.hostname)
        };
        for public in ["203.0.113.7", "2001:db8::7"] {
            assert_eq!(offered(public).as_deref(), Some(public));
        }
        assert_eq!(offered("::ffff:203.0.113.7").as_deref(), Some("203.0.113.7"));
        for useless in [
            "127.0.0.1",
            "10.1.2.3",
            "172.17.0.1",
            "192.168.1.2",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            &own[0].hostname,
        ] {
            assert_eq!(offered(useless), None, "{useless}");
        }
    }
}
