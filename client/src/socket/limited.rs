//! The websocket codec with a limit that holds before a frame is here.

use actix_codec::{Decoder, Encoder};
use actix_http::ws::{Codec, Frame, Message, ProtocolError};
use bytes::BytesMut;
use wormhole_protocol::wire::FrameSize;

/// A codec that refuses a frame by the size it announces. The one inside reads a frame of any size
/// to its end before it looks at its own limit.
pub(super) struct Limited {
    pub(super) codec: Codec,
    /// The most bytes of a frame's payload.
    pub(super) limit: usize,
}

impl Decoder for Limited {
    type Item = Frame;
    type Error = ProtocolError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, ProtocolError> {
        if FrameSize::announced(src).is_some_and(|size| size.payload > self.limit as u64) {
            return Err(ProtocolError::Overflow);
        }
        self.codec.decode(src)
    }
}

impl Encoder<Message> for Limited {
    type Error = ProtocolError;

    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), ProtocolError> {
        self.codec.encode(message, dst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<Option<Frame>, ProtocolError> {
        let mut limited = Limited { codec: Codec::new().client_mode(), limit: 300 };
        limited.decode(&mut bytes.into())
    }

    #[test]
    fn a_frame_is_refused_by_its_header() {
        for header in [
            &[0x81, 126, 1, 45][..],
            &[0x81, 127, 0, 0, 0, 0, 0, 0, 1, 45],
            &[0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert!(matches!(decode(header), Err(ProtocolError::Overflow)), "{header:?}");
        }
    }

    #[test]
    fn what_fits_is_waited_for_and_read() {
        let whole = [&[0x81, 126, 1, 44][..], &[b'x'; 300]].concat();
        for length in 0..whole.len() {
            assert!(matches!(decode(&whole[..length]), Ok(None)), "{length}");
        }
        assert!(matches!(decode(&whole), Ok(Some(Frame::Text(text))) if text.len() == 300));
    }
}
