//! Listening sockets that the service manager has bound [sd_listen_fds(3)].

use wormhole_server::Listener;

/// A socket that was handed over.
pub(crate) struct Passed {
    pub(crate) listener: Listener,
    /// Its `FileDescriptorName=`, or its number.
    pub(crate) name: String,
}

/// What was handed over is not for connections: the socket unit has to be changed.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nobody hands any over"))]
pub(crate) enum BadSocket {
    /// Such as a datagram socket, or a file.
    #[error(
        "the service manager's socket {0:?} is no stream socket of TCP or unix: expected ListenStream= in its unit"
    )]
    NotStream(String),
    /// Such as a connection.
    #[error("the service manager's socket {0:?} does not listen: expected Accept=no in its unit")]
    NotListening(String),
}

/// Takes the sockets, none where there is no manager or they are for another process. To be called
/// once, before anything opens a file or starts a thread.
///
/// # Errors
/// [`BadSocket`], with the socket's `FileDescriptorName=`.
#[cfg(target_os = "linux")]
pub(crate) fn sockets() -> Result<Vec<Passed>, BadSocket> {
    use std::{env, process};

    // The crate takes sockets for nobody too.
    if env::var("LISTEN_PID").ok().and_then(|id| id.parse().ok()) != Some(process::id()) {
        return Ok(Vec::new());
    }
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(str::to_owned);
    let mut handed = listenfd::ListenFd::from_env();
    (0..handed.len())
        .map(|number| {
            let name = names.next().filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| format!("number {number}"));
            take(&mut handed, number, name)
        })
        .collect()
}

#[cfg(target_os = "linux")]
fn take(handed: &mut listenfd::ListenFd, number: usize, name: String) -> Result<Passed, BadSocket> {
    use socket2::SockRef;

    let (listener, listens): (Listener, _) = if let Ok(Some(tcp)) = handed.take_tcp_listener(number)
    {
        let listens = SockRef::from(&tcp).is_listener();
        (tcp.into(), listens)
    } else if let Ok(Some(unix)) = handed.take_unix_listener(number) {
        let listens = SockRef::from(&unix).is_listener();
        (unix.into(), listens)
    } else {
        return Err(BadSocket::NotStream(name));
    };
    match listens {
        Ok(true) => Ok(Passed { listener, name }),
        Ok(false) | Err(_) => Err(BadSocket::NotListening(name)),
    }
}

/// Only systemd hands over sockets in this way.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sockets() -> Result<Vec<Passed>, BadSocket> {
    Ok(Vec::new())
}
