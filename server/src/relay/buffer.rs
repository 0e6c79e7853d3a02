//! Carrying by way of a buffer that all connections of the thread share.

use std::{cell::RefCell, io};

use super::{
    flow::{Moved, Rest},
    line::Line,
};

/// How much is read at once.
const PORTION: usize = 64 << 10;

thread_local! {
    static SHARED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads a portion and writes what is taken of it at once.
pub(super) fn step(from: &Line, to: &Line) -> io::Result<Moved> {
    SHARED.with_borrow_mut(|buffer| {
        buffer.resize(PORTION, 0);
        let bytes = from.try_receive(buffer)?;
        let rest = match bytes {
            0 => Rest::Nothing,
            bytes => to.try_say(&buffer[..bytes])?,
        };
        Ok(Moved { bytes, rest })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::ErrorKind::WouldBlock;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::{super::socket::Socket, *};

    async fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn what_a_full_reader_does_not_take_is_the_rest() {
        let ((mut sender, from), (to, mut reader)) = (connected().await, connected().await);
        let [from, to] = [from, to].map(|stream| Line::new(Socket::Tcp(stream)));
        let writing = tokio::spawn(async move {
            let words: Vec<u8> = (0..32_000_000_u32).map(|number| number as u8).collect();
            sender.write_all(&words).await
        });
        let mut moved = 0;
        let rest = loop {
            from.ready().await.unwrap();
            match step(&from, &to) {
                Err(reason) if reason.kind() == WouldBlock => (),
                step => {
                    let Moved { bytes, rest } = step.unwrap();
                    moved += bytes;
                    if !matches!(rest, Rest::Nothing) {
                        break rest;
                    }
                }
            }
        };
        let mut heard = vec![0; moved];
        let (delivered, read) = tokio::join!(rest.deliver(&to), reader.read_exact(&mut heard));
        delivered.unwrap();
        read.unwrap();
        drop(from);
        writing.abort();
        let expected: Vec<u8> = (0..moved).map(|number| number as u8).collect();
        assert!(heard == expected);
    }
}
