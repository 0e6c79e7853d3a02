//! The relay's end of the handshake: a line is awaited, and judged when it is whole.

use super::{BAD_HANDSHAKE, Request};

/// The longest line that is answered, without its end.
const LONGEST: usize = 1024;

/// The longest line that may be right, without its end: more of it need not be kept.
const KEPT: usize = 103;

/// A client that has not yet asked for anything.
///
/// It is fed whatever was read, however it is cut, and is used up by each step.
#[derive(Default)]
pub struct Asking {
    line: Vec<u8>,
    /// How long the line is so far; more than what is kept of it where it cannot be right.
    length: usize,
}

/// What became of the bytes that were fed.
#[must_use]
pub enum Heard<'a> {
    /// The line does not end there: read more and feed that.
    More(Asking),
    /// This is asked for.
    Request {
        /// By the line.
        request: Request,
        /// What came behind the line: meant for the peer, and said too early where that has not
        /// come yet.
        surplus: &'a [u8],
    },
}

/// The client did not ask as it should: say the [answer](Self::answer) and close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRequest {
    /// The line is something else.
    #[error("the client did not say \"please relay TOKEN for side SIDE\"")]
    Line,
    /// The line does not end within 1024 bytes.
    #[error("the client sent no line")]
    TooLong,
}

impl BadRequest {
    /// What the client is told; nothing where it would not understand.
    pub fn answer(self) -> &'static [u8] {
        match self {
            Self::Line => BAD_HANDSHAKE,
            Self::TooLong => b"",
        }
    }
}

impl Asking {
    /// Gives the request, where what has come so far lacks only the end of its line. Over a
    /// websocket the end of a message is as good.
    pub fn whole(&self) -> Option<Request> {
        Request::parse(&self.line)
    }

    /// Goes on with the bytes that were read.
    ///
    /// # Errors
    /// [`BadRequest`] at the end of a line that is wrong, or at the byte that makes it too long.
    pub fn feed(mut self, bytes: &[u8]) -> Result<Heard<'_>, BadRequest> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (now, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.length += now.len();
        if self.length > LONGEST {
            return Err(BadRequest::TooLong);
        }
        let room = (KEPT + 1).saturating_sub(self.line.len());
        self.line.extend_from_slice(&now[..now.len().min(room)]);
        match rest.split_first() {
            None => Ok(Heard::More(self)),
            Some((_, surplus)) => {
                let request = Request::parse(&self.line).ok_or(BadRequest::Line)?;
                Ok(Heard::Request { request, surplus })
            }
        }
    }
}
