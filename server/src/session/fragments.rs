//! A message that comes in several frames.

use actix_http::ws::Item;
use actix_web::web::{Bytes, BytesMut};

/// The frames so far of a message whose last frame has not come; the codec sees to their order.
#[derive(Default)]
pub(crate) struct Fragments(BytesMut);

/// The message is longer than the server takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Fragments {
    /// Takes a frame, and gives the message where it is whole.
    ///
    /// # Errors
    /// [`TooLong`] for more than `limit` bytes.
    pub(crate) fn push(&mut self, item: Item, limit: usize) -> Result<Option<Bytes>, TooLong> {
        let (bytes, last) = match item {
            Item::FirstText(bytes) | Item::FirstBinary(bytes) | Item::Continue(bytes) => {
                (bytes, false)
            }
            Item::Last(bytes) => (bytes, true),
        };
        if self.0.len() + bytes.len() > limit {
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
            assert_eq!(fragments.push(Item::FirstText("ab".into()), 4), Ok(None));
            assert_eq!(fragments.push(Item::Continue("c".into()), 4), Ok(None));
            assert_eq!(fragments.push(Item::Last("d".into()), 4), Ok(Some("abcd".into())));
        }
        assert_eq!(fragments.push(Item::FirstBinary("abc".into()), 4), Ok(None));
        assert_eq!(fragments.push(Item::Last("de".into()), 4), Err(TooLong));
    }
}
