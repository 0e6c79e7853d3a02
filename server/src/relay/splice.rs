//! Carrying within the kernel [splice(2)]: the bytes never come into this process.

use std::{
    cell::RefCell,
    io::{self, ErrorKind::WouldBlock},
    os::fd::OwnedFd,
};

use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use tokio::io::Interest;

use super::{
    flow::{Moved, Rest},
    socket::Socket,
};

/// What the kernel puts in between; empty whenever it is nobody's.
pub(super) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// How much is moved at once; a pipe takes no more by default.
const PORTION: usize = 64 << 10;

/// How many are kept for later.
const SPARE: usize = 16;

thread_local! {
    static PIPES: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

impl Pipe {
    /// Gives one that is empty; none where the system has no descriptors left.
    pub(super) fn spare() -> Option<Self> {
        PIPES.with_borrow_mut(Vec::pop).or_else(|| {
            let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
            pipe_with(flags).ok().map(|(read, write)| Self { read, write })
        })
    }

    /// Takes one back that is empty.
    fn keep(self) {
        PIPES.with_borrow_mut(|pipes| {
            if pipes.len() < SPARE {
                pipes.push(self);
            }
        });
    }

    fn fill(&self, from: &Socket) -> io::Result<usize> {
        let fill = || Ok(splice(from, None, &self.write, None, PORTION, flags())?);
        from.try_io(Interest::READABLE, fill)
    }

    /// Writes as much of `length` bytes as is taken at once, and gives what is left.
    fn pour(&self, to: &Socket, mut length: usize) -> io::Result<usize> {
        while length > 0 {
            let pour = || Ok(splice(&self.read, None, to, None, length, flags())?);
            match to.try_io(Interest::WRITABLE, pour) {
                Err(reason) if reason.kind() == WouldBlock => break,
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                taken => length -= taken?,
            }
        }
        Ok(length)
    }
}

/// Reads a portion and writes what is taken of it at once.
pub(super) fn step(from: &Socket, to: &Socket, pipe: Pipe) -> io::Result<Moved> {
    let bytes = match pipe.fill(from) {
        Ok(bytes) => bytes,
        Err(reason) => {
            pipe.keep();
            return Err(reason);
        }
    };
    let rest = match pipe.pour(to, bytes)? {
        0 => {
            pipe.keep();
            Rest::Nothing
        }
        left => Rest::Pipe(pipe, left),
    };
    Ok(Moved { bytes, rest })
}

/// Writes what is left in a pipe.
pub(super) async fn deliver(to: &Socket, pipe: Pipe, mut left: usize) -> io::Result<()> {
    while left > 0 {
        to.writable().await?;
        left = pipe.pour(to, left)?;
    }
    pipe.keep();
    Ok(())
}

fn flags() -> SpliceFlags {
    SpliceFlags::MOVE | SpliceFlags::NONBLOCK
}
