//! Dialling: TCP to whatever a name stands for, and websockets to relays. What a peer named is
//! judged at each address that is dialled.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::{StreamExt, future::pending, stream::FuturesUnordered};
use tokio::{
    net::{TcpStream, lookup_host},
    time::sleep,
};
use tokio_util::either::Either;
use wormhole_protocol::{transit::DirectHint, uri::WebSocketUrl};

use super::{
    policy::{DialPolicy, Forbidden},
    stream::{Stream, tune},
    websocket::WebSocket,
};
use crate::socket::{self, Trust};

/// How long an address of several has before the next is tried beside it.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// How many addresses of a name are dialled.
const MAX_ADDRESSES: usize = 16;

/// Who named what is dialled.
#[derive(Clone, Copy)]
pub(super) enum NamedBy<'a> {
    /// The person or our configuration: that is not judged.
    Us,
    /// The peer, who is judged by this.
    Peer(&'a DialPolicy),
}

/// Nothing was dialled, or nothing answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

/// Dials by TCP. Of several addresses the families take turns, and one that does not answer holds
/// the others up for a moment only.
pub(super) async fn tcp(
    hint: &DirectHint,
    named_by: NamedBy<'_>,
    silence: Duration,
) -> Result<Stream, DialError> {
    let found = resolved(&hint.hostname, hint.port.get(), named_by).await?;
    let stream = first_of(found).await?;
    tune(&stream, silence)?;
    Ok(Either::Left(stream))
}

/// Dials a relay that speaks websocket, which is trusted as the mailbox server is.
pub(super) async fn websocket(
    url: &WebSocketUrl,
    named_by: NamedBy<'_>,
    trust: &Trust,
    silence: Duration,
) -> Result<Stream, DialError> {
    let addresses = match named_by {
        NamedBy::Us => vec![None],
        NamedBy::Peer(_) => {
            let found = resolved(url.host(), url.port(), named_by).await?;
            found.into_iter().map(Some).collect()
        }
    };
    let mut failed = no_address();
    for address in addresses {
        match Box::pin(socket::raw(url.as_str(), address, trust)).await {
            Ok((io, read)) => {
                return Ok(Either::Right(Box::new(WebSocket::new(io, read, silence))));
            }
            Err(reason) => failed = io::Error::other(reason),
        }
    }
    Err(failed.into())
}

/// Gives the addresses of a name in the order in which they are dialled.
async fn resolved(
    name: &str,
    port: u16,
    named_by: NamedBy<'_>,
) -> Result<VecDeque<SocketAddr>, DialError> {
    let found = match name.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => lookup_host((name, port)).await?.collect(),
    };
    let NamedBy::Peer(policy) = named_by else { return Ok(in_turns(found.into_iter())) };
    let mut refused = None;
    let mut allowed = |address: &SocketAddr| match policy.address(address.ip()) {
        Ok(()) => true,
        Err(reason) => {
            refused = Some(reason);
            false
        }
    };
    let turns = in_turns(found.into_iter().filter(&mut allowed));
    match refused {
        Some(reason) if turns.is_empty() => Err(reason.into()),
        _ => Ok(turns),
    }
}

fn no_address() -> io::Error {
    io::Error::other("the name stands for no address")
}

/// Sorts addresses so that none of a family comes twice before one of the other does.
fn in_turns(found: impl Iterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let (mut first, mut second) = (VecDeque::new(), VecDeque::new());
    for address in found {
        let family = first.front().map_or(address.is_ipv6(), SocketAddr::is_ipv6);
        if address.is_ipv6() == family { &mut first } else { &mut second }.push_back(address);
    }
    let mut turns = VecDeque::new();
    while !first.is_empty() || !second.is_empty() {
        turns.extend(first.pop_front());
        turns.extend(second.pop_front());
    }
    turns.truncate(MAX_ADDRESSES);
    turns
}

async fn first_of(mut addresses: VecDeque<SocketAddr>) -> io::Result<TcpStream> {
    let mut dials = FuturesUnordered::new();
    let mut failed = no_address();
    loop {
        match addresses.pop_front() {
            Some(address) => dials.push(TcpStream::connect(address)),
            None if dials.is_empty() => return Err(failed),
            None => {}
        }
        let patience = async {
            if addresses.is_empty() { pending().await } else { sleep(NEXT_ADDRESS).await }
        };
        tokio::select! {
            Some(dialled) = dials.next() => match dialled {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            },
            () = patience => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[test]
    fn families_take_turns() {
        let turns = |list: &[&str]| {
            let found = list.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 1));
            in_turns(found).iter().map(|a| a.ip().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(turns(&["::1", "::2", "::3", "1.1.1.1"]), ["::1", "1.1.1.1", "::2", "::3"]);
        assert_eq!(turns(&["1.1.1.1", "1.1.1.2", "::1"]), ["1.1.1.1", "::1", "1.1.1.2"]);
        assert_eq!(turns(&[]), [""; 0]);
    }

    #[actix::test]
    async fn the_second_address_is_dialled_where_the_first_refuses_or_is_silent() {
        let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = good.local_addr().unwrap();
        let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        // Its backlog is full, so that the system answers nobody else.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = socket.listen(0).unwrap();
        let silent = full.local_addr().unwrap();
        let _queued = TcpStream::connect(silent).await.unwrap();
        for bad in [refusing, silent] {
            let stream = first_of([bad, good].into()).await;
            // The listener is gone by name only: the system kept its port for this test.
            assert!(stream.is_err() || stream.unwrap().peer_addr().unwrap() == good);
        }
        assert!(first_of([refusing].into()).await.is_err());
        assert!(first_of([].into()).await.is_err());
    }
}
