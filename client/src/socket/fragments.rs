//! A message that the server sends in pieces.

use actix_http::ws::Item;
use bytes::{Bytes, BytesMut};
use wormhole_protocol::wire::MAX_ANSWER;

/// The pieces so far.
#[derive(Default)]
pub(super) struct Fragments {
    begun: Option<BytesMut>,
}

impl Fragments {
    /// Adds a piece, and gives the message where it was the last.
    ///
    /// # Errors
    /// What the server did wrong.
    pub(super) fn add(&mut self, item: Item) -> Result<Option<Bytes>, &'static str> {
        let (piece, last) = match item {
            Item::FirstText(piece) => {
                self.begun = Some(BytesMut::new());
                (piece, false)
            }
            Item::FirstBinary(_) => return Err("it sent a binary frame"),
            Item::Continue(piece) => (piece, false),
            Item::Last(piece) => (piece, true),
        };
        let begun = self.begun.as_mut().ok_or("a fragment continues nothing")?;
        if begun.len() + piece.len() > MAX_ANSWER {
            return Err("a message is too large");
        }
        begun.extend_from_slice(&piece);
        Ok(if last { self.begun.take().map(BytesMut::freeze) } else { None })
    }
}
