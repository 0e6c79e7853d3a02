//! Where to listen, as Python's `--port` says it [mailbox-server.md: options].

use std::{
    fmt, io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroU16,
    path::{Path, PathBuf},
    str::FromStr,
};

use wormhole_server::{Listener, listen};

/// One place to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A TCP port; without an interface the caller says which address.
    Tcp { port: u16, interface: Option<IpAddr> },
    /// A unix socket, with the mode of its file.
    Unix { path: PathBuf, mode: u32 },
    /// The sockets that systemd passes.
    Systemd,
}

/// A text is no place to listen at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadEndpoint {
    #[error("expected a port, tcp:PORT[:interface=ADDRESS], unix:PATH[:mode=666] or systemd")]
    Unknown,
    #[error("expected a port from 0 to 65535")]
    Port,
    #[error("expected the address of an interface; each : in it as \\:")]
    Interface,
    #[error("expected an octal mode such as 660")]
    Mode,
    #[error("expected an absolute path")]
    Path,
    #[error("expected only port, interface and backlog after tcp, address and mode after unix")]
    Key,
}

/// As Twisted makes them: anybody of this machine may connect, as over TCP.
const MODE: u32 = 0o666;

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let port = text.parse().map_err(|_| BadEndpoint::Port)?;
            return Ok(Self::Tcp { port, interface: None });
        }
        let mut parts = parts(text);
        let rest = parts.split_off(1);
        match parts[0].as_str() {
            "tcp" => tcp(&rest),
            "unix" => unix(&rest),
            "systemd" => Ok(Self::Systemd),
            _ => Err(BadEndpoint::Unknown),
        }
    }
}

/// Splits at colons that no backslash stands in front of.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, parts.last_mut()) {
            (':', _) => parts.push(String::new()),
            ('\\', Some(part)) => part.extend(characters.next()),
            (other, Some(part)) => part.push(other),
            _ => (),
        }
    }
    parts
}

fn tcp(parts: &[String]) -> Result<Endpoint, BadEndpoint> {
    let (mut port, mut interface) = (None, None);
    for (place, part) in parts.iter().enumerate() {
        match part.split_once('=') {
            None if place == 0 => port = Some(part.as_str()),
            Some(("port", value)) => port = Some(value),
            Some(("interface", "")) => (),
            Some(("interface", value)) => interface = Some(value),
            // The server's own is larger than Twisted's.
            Some(("backlog", _)) => (),
            _ => return Err(BadEndpoint::Key),
        }
    }
    let port = port.and_then(|port| port.parse().ok()).ok_or(BadEndpoint::Port)?;
    let interface = match interface {
        Some(interface) => Some(interface.parse().map_err(|_| BadEndpoint::Interface)?),
        None => None,
    };
    Ok(Endpoint::Tcp { port, interface })
}

fn unix(parts: &[String]) -> Result<Endpoint, BadEndpoint> {
    let (mut path, mut mode) = (None, MODE);
    for (place, part) in parts.iter().enumerate() {
        match part.split_once('=') {
            None if place == 0 => path = Some(part.as_str()),
            Some(("address", value)) => path = Some(value),
            Some(("mode", value)) => {
                let octal = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o777);
                mode = octal.ok_or(BadEndpoint::Mode)?;
            }
            Some(("backlog" | "lockfile", _)) => (),
            _ => return Err(BadEndpoint::Key),
        }
    }
    match path.map(PathBuf::from) {
        Some(path) if path.is_absolute() => Ok(Endpoint::Unix { path, mode }),
        _ => Err(BadEndpoint::Path),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { port, interface: Some(interface) } => {
                SocketAddr::new(*interface, *port).fmt(f)
            }
            Self::Tcp { port, interface: None } => write!(f, "port {port}"),
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            Self::Systemd => f.write_str("systemd"),
        }
    }
}

impl Endpoint {
    /// Tells whether the caller has to say at which address.
    pub(crate) fn names_no_address(&self) -> bool {
        matches!(self, Self::Tcp { interface: None, .. })
    }

    /// Listens at `host` where it names no address.
    pub(crate) fn at(self, host: Option<IpAddr>) -> Self {
        match self {
            Self::Tcp { port, interface: None } => Self::Tcp { port, interface: host },
            other => other,
        }
    }

    /// Listens there.
    pub(crate) fn bind(&self) -> io::Result<Bound> {
        match self {
            Self::Tcp { port, interface } => {
                let interface = interface.unwrap_or(Ipv6Addr::UNSPECIFIED.into());
                let listener = listen(SocketAddr::new(interface, *port))?;
                Ok(Bound { listener: listener.into(), file: None })
            }
            #[cfg(unix)]
            Self::Unix { path, mode } => bind_unix(path, *mode),
            // Those sockets are there already.
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// A bound socket; the file of a unix socket goes with it.
pub(crate) struct Bound {
    listener: Listener,
    file: Option<SocketFile>,
}

impl Bound {
    /// Takes a socket that somebody else has bound, and keeps.
    pub(crate) fn passed(listener: Listener) -> Self {
        Self { listener, file: None }
    }

    /// Tells how it is reached: `ws://127.0.0.1:4000/v1`, or `unix:PATH`.
    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        match &self.listener {
            Listener::Tcp(tcp) => match tcp.local_addr() {
                Ok(address) => format!("{scheme}://{address}{path}"),
                Err(_) => "a socket without an address".to_owned(),
            },
            #[cfg(unix)]
            Listener::Unix(unix) => {
                match unix.local_addr().ok().as_ref().and_then(|a| a.as_pathname()) {
                    Some(path) => format!("unix:{}", path.display()),
                    None => "a unix socket without a path".to_owned(),
                }
            }
            _ => "a socket".to_owned(),
        }
    }

    /// Tells how a relay there is typed: `tcp:127.0.0.1:4001`, or `unix:PATH`.
    pub(crate) fn hint(&self) -> String {
        self.url("tcp", "").replacen("://", ":", 1)
    }

    /// Tells the port at which every host's name for this machine reaches it; none where it
    /// listens at one address alone.
    pub(crate) fn port_everywhere(&self) -> Option<NonZeroU16> {
        let Listener::Tcp(tcp) = &self.listener else { return None };
        let address = tcp.local_addr().ok().filter(|address| address.ip().is_unspecified())?;
        NonZeroU16::new(address.port())
    }

    /// Gives the listener, and the file that goes when it is dropped.
    pub(crate) fn split(self) -> (Listener, Option<SocketFile>) {
        (self.listener, self.file)
    }
}

/// The file of a unix socket, removed on drop.
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have removed it before.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The file of a server that is gone is taken over; one that still listens keeps it.
#[cfg(unix)]
fn bind_unix(path: &Path, mode: u32) -> io::Result<Bound> {
    use std::{
        fs,
        os::unix::{
            fs::{FileTypeExt, PermissionsExt},
            net::{UnixListener, UnixStream},
        },
    };

    let left_behind = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let refused = |reason: io::Error| reason.kind() == io::ErrorKind::ConnectionRefused;
    // Where we may not connect, somebody may still listen.
    if left_behind && UnixStream::connect(path).is_err_and(refused) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(Bound { listener: listener.into(), file: Some(file) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Endpoint>().map_or_else(|bad| bad.to_string(), |endpoint| endpoint.to_string())
    }

    #[test]
    fn the_endpoints_of_python_are_read() {
        for (text, expected) in [
            ("4000", "port 4000"),
            ("tcp:4000", "port 4000"),
            ("tcp:port=4000:interface=", "port 4000"),
            ("tcp:4000:interface=127.0.0.1:backlog=50", "127.0.0.1:4000"),
            (r"tcp:4000:interface=\:\:", "[::]:4000"),
            ("unix:/run/w.sock", "unix:/run/w.sock"),
            (r"unix:/run/a\:b:mode=660:lockfile=0", "unix:/run/a:b"),
            ("systemd:domain=INET:index=0", "systemd"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        let Endpoint::Unix { mode, .. } = "unix:/x:mode=660".parse().unwrap() else { panic!() };
        assert_eq!(mode, 0o660);
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in [
            "",
            "65536",
            "x",
            "tcp",
            "tcp:",
            "tcp:x",
            "tcp:1:2",
            "tcp:1:interface=x",
            "unix:",
            "unix:relative",
            "unix:/x:mode=9",
            "ssl:443",
            "\\",
            "tcp:1\\",
        ] {
            let refused = text.parse::<Endpoint>().is_err();
            // A lone backslash at the end is nothing.
            assert_eq!(refused, text != "tcp:1\\", "{text}");
        }
    }
}
