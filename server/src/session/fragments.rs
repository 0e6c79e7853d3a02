//! A message that comes in several frames.

use actix_http::ws::Item;
use actix_web::web::{Bytes, BytesMut};

/// The frames so far of a message whose last frame has not come; the codec sees to their order.
#[derive(Default)]
pub(crate) struct Fragments(BytesMut);

/// The message is longer than the server takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// A frame with fewer bytes costs as much as a message.
const DEAR: usize = 1 << 10;

/// Tells whether a frame counts beside its message: one that carries next to nothing.
pub(crate) fn is_dear(item: &Item) -> bool {
    match item {
        Item::FirstText(bytes) | Item::FirstBinary(bytes) | Item::Continue(bytes) => {
            bytes.len() < DEAR
        }
        Item::Last(_) => false,
    }
}

impl Fragments {
    /// Takes a frame, and gives the message where it is whole.
    ///
    /// # Errors
    /// [`TooLong`] for more than `limit` bytes, where there is one.
    pub(crate) fn push(
        &mut self,
        item: Item,
        limit: Option<u64>,
    ) -> Result<Option<Bytes>, TooLong> {
        let (bytes, last) = match item {
            Item::FirstText(bytes) | Item::FirstBinary(bytes) | Item::Continue(bytes) => {
                (bytes, false)
            }
            Item::Last(bytes) => (bytes, true),
        };
        let length = (self.0.len() + bytes.len()) as u64;
        if limit.is_some_and(|limit| length > limit) {
            return Err(TooLong);
        }
        self.0.extend_from_slice(&bytes);
        Ok(last.then(|| std::mem::take(&mut self.0).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_make_a_message_up_to_the_limit() {
        let mut fragments = Fragments::default();
        for _ in 0..2 {
            assert_eq!(fragments.push(Item::FirstText("ab".into()), Some(4)), Ok(None));
            assert_eq!(fragments.push(Item::Continue("c".into()), Some(4)), Ok(None));
            assert_eq!(fragments.push(Item::Last("d".into()), Some(4)), Ok(Some("abcd".into())));
        }
        assert_eq!(fragments.push(Item::FirstBinary("abc".into()), Some(4)), Ok(None));
        assert_eq!(fragments.push(Item::Last("de".into()), Some(4)), Err(TooLong));
    }
}
