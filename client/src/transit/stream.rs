//! The stream of bytes beneath a connection: TCP, or a websocket to a relay.

use std::{io, time::Duration};

use awc::BoxedSocket;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{
    TcpStream,
    tcp::{OwnedReadHalf, OwnedWriteHalf},
};
use tokio_util::either::Either;

use super::websocket::WebSocket;

/// How long the other end of a connection, or the network on the way to it, may give no sign of
/// life before it counts as gone. As long a stop the Rust program allows as well.
///
/// The system of the other end answers for a program that is stopped, but takes no data for it
/// once its buffers are full: then this is the end, too.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(120);
/// The part of that after which the other end is asked whether it is there.
pub(super) const ASK_AFTER: u32 = 4;
/// How many questions may go unanswered in the rest of it.
const QUESTIONS: u32 = 9;

/// A connection's bytes.
pub(super) type Stream = Either<TcpStream, Box<WebSocket<BoxedSocket>>>;
/// Those that come.
pub(super) type ReadHalf = Either<OwnedReadHalf, tokio::io::ReadHalf<Box<WebSocket<BoxedSocket>>>>;
/// Those that go.
pub(super) type WriteHalf =
    Either<OwnedWriteHalf, tokio::io::WriteHalf<Box<WebSocket<BoxedSocket>>>>;

/// Parts the two directions, so that one need not wait for the other.
pub(super) fn split(stream: Stream) -> (ReadHalf, WriteHalf) {
    match stream {
        Either::Left(tcp) => {
            let (reader, writer) = tcp.into_split();
            (Either::Left(reader), Either::Left(writer))
        }
        Either::Right(websocket) => {
            let (reader, writer) = tokio::io::split(websocket);
            (Either::Right(reader), Either::Right(writer))
        }
    }
}

/// Sets a socket up so that the system notices within the limit that the other end is gone, whether
/// something is being sent or not.
pub(crate) fn tune(stream: &TcpStream, limit: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // In whole seconds.
    let asked = (limit / ASK_AFTER).max(Duration::from_secs(1));
    let again = (limit.saturating_sub(asked) / QUESTIONS).max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(asked).with_interval(again);
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku")))]
    let keepalive = keepalive.with_retries(QUESTIONS);
    socket.set_tcp_keepalive(&keepalive)?;
    // Without it, what was sent is sent again for a quarter of an hour.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(limit))?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[actix::test]
    async fn sockets_are_watched_by_the_system() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        tune(&stream, SILENCE_LIMIT).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert!(stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(SILENCE_LIMIT));
            let idle = socket.tcp_keepalive_time().unwrap();
            let (interval, questions) =
                (socket.tcp_keepalive_interval().unwrap(), socket.tcp_keepalive_retries().unwrap());
            assert_eq!(idle + interval * questions, SILENCE_LIMIT);
        }
    }
}
