//! A websocket that does as it is told, also what no client would do.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use actix_codec::{Decoder, Encoder};
use actix_http::ws::{CloseCode, CloseReason, Codec, Frame, Message, hash_key};
use bytes::BytesMut;

/// Longer than any frame of the recorded conversations.
const MAX_FRAME: usize = 16 << 20;

/// Any 16 bytes in base64 will do: the server's answer to them is not what is tested.
const KEY: &str = "d29ybWhvbGUtdGVzdHMtMQ==";

/// Is an open client's connection to a mailbox server. Dropping it ends TCP without a close frame.
pub struct Socket {
    stream: TcpStream,
    codec: Codec,
    inbox: BytesMut,
    patience: Duration,
}

/// Names what came from the server.
#[derive(Debug)]
pub enum Event {
    /// A text frame.
    Text(String),
    /// A frame that a mailbox server never sends.
    Unexpected(String),
    /// The end: a close frame with its code, or TCP's.
    Closed(Option<u16>),
}

impl Socket {
    /// Connects and upgrades; `address` is `HOST:PORT`, `patience` how long any wait may last.
    ///
    /// # Errors
    ///
    /// When TCP fails or the answer is not 101.
    pub fn open(
        address: &str,
        path: &str,
        headers: &[(String, String)],
        patience: Duration,
    ) -> io::Result<Self> {
        Self::upgrade(TcpStream::connect(address)?, address, path, headers, patience)
    }

    /// Upgrades a connection that is already there, for example one from an address of choice.
    ///
    /// # Errors
    ///
    /// When TCP fails or the answer is not 101.
    pub fn upgrade(
        mut stream: TcpStream,
        address: &str,
        path: &str,
        headers: &[(String, String)],
        patience: Duration,
    ) -> io::Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes())?;

        let head = read_head(&mut stream)?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status != "101" {
            return Err(io::Error::other(format!("the upgrade was refused with status {status}")));
        }
        Ok(Self {
            stream,
            codec: Codec::new().client_mode().max_size(MAX_FRAME),
            inbox: BytesMut::new(),
            patience,
        })
    }

    /// Sends a text frame.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn text(&mut self, text: String) -> io::Result<()> {
        self.write(Message::Text(text.into()))
    }

    /// Sends a binary frame.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn binary(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.write(Message::Binary(bytes.into()))
    }

    /// Returns what the server sends next; its websocket pings are answered on the way.
    ///
    /// # Errors
    ///
    /// When nothing comes within the socket's patience, or what comes is not websocket.
    pub fn hear(&mut self) -> io::Result<Event> {
        // Pings must not prolong the wait.
        let deadline = Instant::now() + self.patience;
        while Instant::now() < deadline {
            match self.codec.decode(&mut self.inbox).map_err(io::Error::other)? {
                Some(Frame::Text(text)) => {
                    return Ok(Event::Text(String::from_utf8_lossy(&text).into_owned()));
                }
                Some(Frame::Ping(payload)) => self.write(Message::Pong(payload))?,
                Some(Frame::Pong(_)) => (),
                Some(Frame::Close(reason)) => {
                    return Ok(Event::Closed(reason.map(|reason| reason.code.into())));
                }
                Some(other) => return Ok(Event::Unexpected(format!("{other:?}"))),
                None if self.read()? == 0 => return Ok(Event::Closed(None)),
                None => (),
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Says goodbye with a close code and waits for the server's end.
    ///
    /// # Errors
    ///
    /// When that does not come within the socket's patience.
    pub fn close(mut self, code: u16) -> io::Result<()> {
        let reason = CloseReason { code: CloseCode::from(code), description: None };
        self.write(Message::Close(Some(reason)))?;
        while !matches!(self.hear()?, Event::Closed(_)) {}
        Ok(())
    }

    fn write(&mut self, message: Message) -> io::Result<()> {
        let mut frame = BytesMut::new();
        self.codec.encode(message, &mut frame).map_err(io::Error::other)?;
        self.stream.write_all(&frame)
    }

    fn read(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16384];
        let n = match self.stream.read(&mut piece) {
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => 0,
            read => read?,
        };
        self.inbox.extend_from_slice(&piece[..n]);
        Ok(n)
    }
}

/// Answers a client's upgrade as a server would, then sends one text frame of any content.
///
/// # Errors
///
/// When the connection fails.
pub fn accept_upgrade(stream: &mut TcpStream, first_frame: &'static str) -> io::Result<()> {
    let head = read_head(stream)?;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key").then_some(value)
    });
    let accept = hash_key(key.unwrap_or_default().as_bytes());
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")?;
    stream.write_all(b"Connection: Upgrade\r\nSec-WebSocket-Accept: ")?;
    stream.write_all(&accept)?;
    stream.write_all(b"\r\n\r\n")?;
    let mut frame = BytesMut::new();
    Codec::new().encode(Message::Text(first_frame.into()), &mut frame).map_err(io::Error::other)?;
    stream.write_all(&frame)
}

/// Reads up to and including the empty line, a byte at a time so that no frame is swallowed.
fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut lines = BufReader::with_capacity(1, stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}
