//! Carrying by way of a buffer that all connections of the thread share.

use std::{
    cell::RefCell,
    io::{self, ErrorKind::WouldBlock},
};

use tokio::net::TcpStream;

use super::flow::{Moved, Rest};

/// How much is read at once.
const PORTION: usize = 64 << 10;

thread_local! {
    static SHARED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads a portion and writes what is taken of it at once.
pub(super) fn step(from: &TcpStream, to: &TcpStream) -> io::Result<Moved> {
    SHARED.with_borrow_mut(|buffer| {
        buffer.resize(PORTION, 0);
        let bytes = from.try_read(buffer)?;
        let taken = match to.try_write(&buffer[..bytes]) {
            Err(reason) if reason.kind() == WouldBlock => 0,
            taken => taken?,
        };
        let rest = match &buffer[taken..bytes] {
            [] => Rest::Nothing,
            rest => Rest::Bytes(rest.to_vec()),
        };
        Ok(Moved { bytes, rest })
    })
}
