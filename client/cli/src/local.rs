//! A mailbox server inside the sender, for two computers of which one reaches the other.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{sync::oneshot, task::JoinHandle};
use wormhole_client::transit;
use wormhole_server::{Config, Limit, Limits, launch, listen};

use crate::exit::Failure;

/// How long the other computer has to say goodbye after the transfer.
const GOODBYE: Duration = Duration::from_secs(5);

/// Anybody on the network reaches the server, which two computers need for one wormhole: for that
/// this is plenty, also where they come back again and again, and the sender's memory is safe.
const LIMITS: [(Limit, u64); 10] = [
    (Limit::StoredBytes, 16 << 20),
    (Limit::AddressStoredBytes, 6 << 20),
    (Limit::UnsentBytes, 6 << 20),
    (Limit::AddressUnsentBytes, 12 << 20),
    (Limit::Connections, 64),
    (Limit::AddressConnections, 16),
    (Limit::AddressNameplates, 16),
    (Limit::AddressMailboxes, 16),
    (Limit::Apps, 8),
    (Limit::AddressApps, 4),
];

/// A server in memory, on all addresses of this machine, until it is [stopped](Self::stop).
pub(crate) struct LocalServer {
    port: u16,
    loopback: IpAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), wormhole_server::Error>>,
}

impl LocalServer {
    pub(crate) fn start() -> Result<Self, Failure> {
        let failed = |error| Failure::Io("cannot start the mailbox server", error);
        if SystemTime::now() < UNIX_EPOCH {
            // What it stands on panics then.
            return Err(failed(io::Error::other("the clock of this computer stands before 1970")));
        }
        let listener = listen((Ipv6Addr::UNSPECIFIED, 0).into()).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (port, loopback) = (address.port(), loopback(address.ip()));
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let limits =
            LIMITS.into_iter().fold(Limits::default(), |all, (limit, most)| all.with(limit, most));
        let config = Config { workers: 1, goodbye: GOODBYE, limits, ..Config::default() };
        let running = actix::spawn(launch(config, vec![listener], shutdown));
        Ok(Self { port, loopback, stop, running })
    }

    /// Where this computer finds it.
    pub(crate) fn url_here(&self) -> String {
        url(self.loopback, self.port)
    }

    /// Where the other computer probably finds it.
    pub(crate) fn url_there(&self) -> String {
        let address = transit::addresses().into_iter().find(|address| !address.is_loopback());
        url(address.unwrap_or(self.loopback), self.port)
    }

    /// Serves the other computer's goodbye, then stops.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        drop(self.stop);
        let failed = |error| Failure::Io("the mailbox server failed", error);
        let ended = self.running.await.map_err(|error| failed(io::Error::other(error)))?;
        ended.map_err(|error| failed(io::Error::other(error)))
    }
}

/// Where this machine reaches what listens on all its addresses: there are machines without IPv4.
fn loopback(listening: IpAddr) -> IpAddr {
    let is_here = |ip: IpAddr| UdpSocket::bind((ip, 0)).is_ok();
    let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    if listening.is_ipv6() && !is_here(v4) { v6 } else { v4 }
}

/// An IPv6 address gets its brackets.
fn url(ip: IpAddr, port: u16) -> String {
    format!("ws://{}/v1", SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ipv6_address_has_brackets() {
        assert_eq!(url(Ipv4Addr::new(192, 0, 2, 7).into(), 4000), "ws://192.0.2.7:4000/v1");
        let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        assert_eq!(url(ip.into(), 4000), "ws://[2001:db8::1]:4000/v1");
    }
}
