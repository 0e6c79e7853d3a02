//! The size of a websocket frame, known before the frame is here [RFC 6455: section 5.2].
//!
//! The codecs at hand read a frame of any announced size to its end before they look at their own
//! limit, so both sides look first.

/// How long a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSize {
    /// Bytes before the payload, 2 to 14.
    pub header: u8,
    /// Bytes of the payload.
    pub payload: u64,
}

impl FrameSize {
    /// The most bytes before a payload.
    pub const MAX_HEADER: usize = 14;

    /// The longest payload of a frame that carries no data, in bytes.
    pub const MAX_CONTROL: u64 = 125;

    /// Reads the size from the first bytes of a frame; `None` until enough of them are there,
    /// which is 10 at most.
    pub fn announced(frame: &[u8]) -> Option<Self> {
        let second = frame.get(1)?;
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let (length, payload) = match second & 0x7f {
            126 => (4, u16::from_be_bytes(*frame.get(2..)?.first_chunk()?).into()),
            127 => (10, u64::from_be_bytes(*frame.get(2..)?.first_chunk()?)),
            short => (2, short.into()),
        };
        Some(Self { header: length + mask, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_length_are_read_as_soon_as_they_are_there() {
        let forms: [(&[u8], u8, u64); 5] = [
            (&[0x81, 0], 2, 0),
            (&[0x81, 0x80 | 125], 6, 125),
            (&[0x82, 126, 1, 2], 4, 258),
            (&[0x82, 0x80 | 126, 1, 2], 8, 258),
            (&[0x81, 0x80 | 127, 0xff, 0, 0, 0, 0, 0, 0, 1], 14, 0xff00_0000_0000_0001),
        ];
        for (bytes, header, payload) in forms {
            for short in 0..bytes.len() {
                assert_eq!(FrameSize::announced(&bytes[..short]), None);
            }
            assert_eq!(FrameSize::announced(bytes), Some(FrameSize { header, payload }));
        }
    }
}
