//! One direction of a pair: from one connection to the other, as fast as that takes it. Between
//! two portions it holds nothing.

use std::{
    io::{self, ErrorKind::WouldBlock},
    net::Shutdown,
};

use socket2::SockRef;
use tokio::{net::TcpStream, task::coop::consume_budget};

#[cfg(target_os = "linux")]
use super::splice::{self, Pipe};
use super::{buffer, story::Story};

/// What one step has moved.
pub(super) struct Moved {
    /// Bytes that were read; zero at the end.
    pub(super) bytes: usize,
    /// What was not taken of them.
    pub(super) rest: Rest,
}

/// Bytes that wait for their reader.
pub(super) enum Rest {
    Nothing,
    Bytes(Vec<u8>),
    #[cfg(target_os = "linux")]
    Pipe(Pipe, usize),
}

/// Carries everything, and then the end.
pub(super) async fn flow(from: &TcpStream, to: &TcpStream, story: &Story) -> io::Result<()> {
    loop {
        // Two that are always ready are not alone in the world.
        consume_budget().await;
        from.readable().await?;
        let moved = match step(from, to) {
            Err(reason) if reason.kind() == WouldBlock => continue,
            moved => moved?,
        };
        if moved.bytes == 0 {
            return SockRef::from(to).shutdown(Shutdown::Write);
        }
        moved.rest.deliver(to).await?;
        story.carry(moved.bytes).await?;
    }
}

fn step(from: &TcpStream, to: &TcpStream) -> io::Result<Moved> {
    #[cfg(target_os = "linux")]
    if let Some(pipe) = Pipe::spare() {
        return splice::step(from, to, pipe);
    }
    buffer::step(from, to)
}

impl Rest {
    /// Writes it all.
    pub(super) async fn deliver(self, to: &TcpStream) -> io::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Bytes(bytes) => super::caller::write_all(to, &bytes).await,
            #[cfg(target_os = "linux")]
            Self::Pipe(pipe, length) => splice::deliver(to, pipe, length).await,
        }
    }
}
