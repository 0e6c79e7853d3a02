//! A client of a relay that does as little as it can.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// What a client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Tcp,
    WebSocket,
}

/// A connection that has said what it wants.
pub(crate) struct Caller {
    stream: TcpStream,
    form: Form,
}

/// How much is written at once, and a websocket's frame holds.
const PORTION: usize = 64 << 10;

/// The header of a masked frame that holds so much; the mask is zero, and costs only its reader.
const HEADER: [u8; 14] = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

impl Caller {
    /// Asks for the peer that shows the same number, and has another side.
    pub(crate) fn ask(address: &str, form: Form, number: usize, side: char) -> Self {
        let mut stream = TcpStream::connect(address).expect("a relay that listens");
        let side = String::from_iter([side; 16]);
        let line = format!("please relay {number:064} for side {side}\n");
        if form == Form::WebSocket {
            stream.write_all(UPGRADE.as_bytes()).expect("a relay that reads");
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("an answer");
                answer.extend(byte);
            }
            let length = u8::try_from(line.len()).expect("a short line");
            stream.write_all(&[0x82, 0x80 | length, 0, 0, 0, 0]).expect("a relay that reads");
        }
        stream.write_all(line.as_bytes()).expect("a relay that reads");
        Self { stream, form }
    }

    /// Waits until it is joined to its peer.
    pub(crate) fn joined(mut self) -> Self {
        let expected: &[u8] = match self.form {
            Form::Tcp => b"ok\n",
            Form::WebSocket => b"\x82\x03ok\n",
        };
        let mut heard = vec![0; expected.len()];
        self.stream.read_exact(&mut heard).expect("a relay that answers");
        assert_eq!(heard, expected);
        self
    }

    /// Says so many bytes.
    ///
    /// # Errors
    /// Where the relay takes no more in the time that the [`stream`](Self::stream) allows.
    pub(crate) fn say(&mut self, bytes: u64) -> std::io::Result<()> {
        let portion = match self.form {
            Form::Tcp => vec![0; PORTION],
            Form::WebSocket => [&HEADER[..], &[0; PORTION]].concat(),
        };
        for _ in 0..bytes / PORTION as u64 {
            self.stream.write_all(&portion)?;
        }
        Ok(())
    }

    /// The stream itself.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads so many bytes at least.
    pub(crate) fn hear(&mut self, mut bytes: u64) {
        let mut buffer = vec![0; 256 << 10];
        while bytes > 0 {
            let count = self.stream.read(&mut buffer).expect("a relay that carries") as u64;
            assert_ne!(count, 0, "it ends too soon");
            bytes = bytes.saturating_sub(count);
        }
    }
}
