//! Asks a running server something, on this machine: for `healthcheck` and `status`.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
#[cfg(unix)]
use std::{os::unix::net::UnixStream, path::Path};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

use wormhole_server::protocol::transit::relay::BAD_HANDSHAKE;

use crate::endpoint::Endpoint;

/// Where to ask.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// Finds the way to what listens at an endpoint; none where only the server knows it.
    pub(crate) fn of(endpoint: &Endpoint) -> Option<Self> {
        match endpoint {
            Endpoint::Tcp { port: 0, .. } | Endpoint::Systemd => None,
            Endpoint::Unix { path, .. } => Some(Self::Unix(path.clone())),
            Endpoint::Tcp { port, interface } => {
                let interface = match interface {
                    Some(IpAddr::V4(any)) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                    Some(IpAddr::V6(any)) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                    Some(interface) => *interface,
                    None => Ipv6Addr::LOCALHOST.into(),
                };
                Some(Self::Tcp(SocketAddr::new(interface, *port)))
            }
        }
    }
}

/// The server did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// Nobody listens there, or the server hangs.
    #[error("the server does not answer: {0}")]
    Connection(#[from] io::Error),
    /// It does not show the certificate with which it was configured.
    #[error("the server shows no such certificate: {0}")]
    Tls(#[from] rustls::Error),
    /// Somebody else listens there.
    #[error("what answers is no mailbox server: expected HTTP")]
    Foreign,
    /// Somebody else listens at the relay's port.
    #[error("what answers is no transit relay")]
    NoRelay,
    /// It answers that it is not well.
    #[error("the server answers {status}: {body}")]
    Unwell { status: u16, body: String },
}

/// A server that is well answers sooner: its own patience with its database is two seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// No answer of the server is longer.
const LONGEST: u64 = 1 << 20;

/// Gets what is at `path`; with TLS where `tls` is given.
pub(crate) fn get(
    address: &Address,
    tls: Option<Arc<ClientConfig>>,
    path: &str,
) -> Result<String, Unanswered> {
    match address {
        Address::Tcp(address) => {
            let stream = connect(*address)?;
            match tls {
                None => exchange(stream, path),
                Some(settings) => {
                    let name = ServerName::from(address.ip());
                    let connection = ClientConnection::new(settings, name)?;
                    exchange(StreamOwned::new(connection, stream), path)
                }
            }
        }
        #[cfg(unix)]
        Address::Unix(socket) => exchange(connect_unix(socket)?, path),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
    }
}

/// Asks a relay for nothing, and hears whether it answers as relays do.
pub(crate) fn knock(address: &Address) -> Result<(), Unanswered> {
    match address {
        Address::Tcp(address) => refused(connect(*address)?),
        #[cfg(unix)]
        Address::Unix(socket) => refused(connect_unix(socket)?),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
    }
}

fn refused(mut stream: impl Read + Write) -> Result<(), Unanswered> {
    stream.write_all(b"\n")?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    if answer == BAD_HANDSHAKE { Ok(()) } else { Err(Unanswered::NoRelay) }
}

#[cfg(unix)]
fn connect_unix(socket: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A server without IPv6 listens on IPv4 instead.
fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).or_else(|reason| {
        match address.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST) {
            true => {
                let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port());
                TcpStream::connect_timeout(&address, PATIENCE)
            }
            false => Err(reason),
        }
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// One request of HTTP/1.0, so that the answer ends with the connection.
fn exchange(mut stream: impl Read + Write, path: &str) -> Result<String, Unanswered> {
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    match stream.take(LONGEST).read_to_end(&mut answer) {
        Ok(_) => (),
        // A server that closes without TLS's own goodbye has still said all.
        Err(reason) if reason.kind() == io::ErrorKind::UnexpectedEof => (),
        Err(reason) => return Err(reason.into()),
    }
    read(&String::from_utf8_lossy(&answer))
}

fn read(answer: &str) -> Result<String, Unanswered> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(Unanswered::Foreign)?;
    let status = head.strip_prefix("HTTP/1.").and_then(|line| line.split(' ').nth(1));
    match status.and_then(|status| status.parse().ok()).ok_or(Unanswered::Foreign)? {
        200 => Ok(body.to_owned()),
        status => {
            let body: String = body.trim().chars().filter(|c| !c.is_control()).collect();
            Err(Unanswered::Unwell { status, body })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        assert_eq!(read("HTTP/1.0 200 OK\r\nA: b\r\n\r\nready\n").unwrap(), "ready\n");
        let unwell = read("HTTP/1.1 503 No\r\n\r\nslow\n").unwrap_err().to_string();
        assert_eq!(unwell, "the server answers 503: slow");
        for foreign in ["", "220 smtp\r\n\r\n", "HTTP/1.1 x\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
            assert!(matches!(read(foreign), Err(Unanswered::Foreign)), "{foreign}");
        }
    }

    #[test]
    fn every_interface_is_asked_on_this_machine() {
        let asked = |text: &str| {
            let Some(Address::Tcp(address)) = Address::of(&text.parse().unwrap()) else {
                return None;
            };
            Some(address.to_string())
        };
        assert_eq!(asked("4000"), Some("[::1]:4000".to_owned()));
        assert_eq!(asked("tcp:4000:interface=0.0.0.0"), Some("127.0.0.1:4000".to_owned()));
        assert_eq!(asked("tcp:4000:interface=192.0.2.1"), Some("192.0.2.1:4000".to_owned()));
        assert_eq!(asked("0"), None);
    }
}
