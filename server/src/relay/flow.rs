//! One direction of a pair: from one connection to the other, as fast as that takes it. Between
//! two portions it holds nothing.

use std::io::{self, ErrorKind::WouldBlock};

use tokio::task::coop::consume_budget;

#[cfg(target_os = "linux")]
use super::splice::{self, Pipe};
use super::{buffer, line::Line, story::Story};

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
    /// A websocket keeps it, as no frame may come into the midst of another.
    Kept,
    /// The reader wants no more.
    Unwanted,
    #[cfg(target_os = "linux")]
    Pipe(Pipe, usize),
}

/// Carries everything, and then the end.
pub(super) async fn flow(from: &Line, to: &Line, story: &Story) -> io::Result<()> {
    loop {
        // Two that are always ready are not alone in the world.
        consume_budget().await;
        from.ready().await?;
        let moved = match step(from, to) {
            Err(reason) if reason.kind() == WouldBlock => continue,
            moved => moved?,
        };
        if moved.bytes == 0 {
            return to.end().await;
        }
        if let Rest::Unwanted = moved.rest {
            continue;
        }
        moved.rest.deliver(to).await?;
        story.carry(moved.bytes).await?;
    }
}

fn step(from: &Line, to: &Line) -> io::Result<Moved> {
    #[cfg(target_os = "linux")]
    if from.websocket().is_none()
        && to.websocket().is_none()
        && let Some(pipe) = Pipe::spare()
    {
        return splice::step(&from.socket, &to.socket, pipe);
    }
    buffer::step(from, to)
}

impl Rest {
    /// Writes it all.
    pub(super) async fn deliver(self, to: &Line) -> io::Result<()> {
        match self {
            Self::Nothing | Self::Unwanted => Ok(()),
            Self::Bytes(bytes) => to.write_all(&bytes).await,
            Self::Kept => to.flush().await,
            #[cfg(target_os = "linux")]
            Self::Pipe(pipe, length) => splice::deliver(&to.socket, pipe, length).await,
        }
    }
}
