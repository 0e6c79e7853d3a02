//! The frames of a websocket as they come [RFC 6455: section 5]. Payloads are given as far as
//! they are here, so that nobody holds a frame, however long it is.

use std::ops::Range;

use actix_http::ws::CloseCode;
use wormhole_protocol::wire::FrameSize;

/// Where in the stream of frames the last bytes ended.
#[derive(Default)]
pub(super) struct Frames {
    place: Place,
    /// The bytes so far of a message that has not ended.
    message: Option<u64>,
}

enum Place {
    /// In a frame's header, of which so many bytes are here.
    Header([u8; FrameSize::MAX_HEADER], usize),
    Data(Within),
    Control(Control, Within, Vec<u8>),
}

/// The rest of a payload.
struct Within {
    left: u64,
    mask: [u8; 4],
    /// Whether the message ends with it.
    last: bool,
}

/// What a client may say between its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    Ping,
    Pong,
    Close,
}

/// Something has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Part of a message, unmasked, where it was in the bytes that were given; none where a
    /// message ends with nothing.
    Data { range: Range<usize>, last: bool },
    /// It wants to hear this again.
    Ping(Vec<u8>),
    /// It says nothing more.
    Close,
}

/// The client does what it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It breaks the rules of the protocol.
    Protocol,
    /// It sends text, which is not for a relay.
    Text,
    /// Its message is longer than the relay takes.
    TooLong,
}

impl Fault {
    pub(super) fn code(self) -> CloseCode {
        match self {
            Self::Protocol => CloseCode::Protocol,
            Self::Text => CloseCode::Unsupported,
            Self::TooLong => CloseCode::Size,
        }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::Header([0; FrameSize::MAX_HEADER], 0)
    }
}

impl Frames {
    /// Goes on with `raw` at `at`, which is moved up to the end of what happens first; none where
    /// nothing more happens in there. A message longer than `most` is a fault.
    pub(super) fn next(
        &mut self,
        raw: &mut [u8],
        at: &mut usize,
        most: u64,
    ) -> Result<Option<Event>, Fault> {
        while *at < raw.len() {
            let event = match &mut self.place {
                Place::Header(header, length) => {
                    header[*length] = raw[*at];
                    *length += 1;
                    *at += 1;
                    let (header, length) = (*header, *length);
                    let size = FrameSize::announced(&header[..length]);
                    let whole = size.filter(|size| usize::from(size.header) == length);
                    let Some(size) = whole else { continue };
                    self.place = self.enter(&header[..length], size.payload, most)?;
                    self.leave(*at..*at)
                }
                Place::Data(within) => {
                    let range = within.advance(raw, at);
                    self.leave(range.clone()).or(Some(Event::Data { range, last: false }))
                }
                Place::Control(_, within, payload) => {
                    let range = within.advance(raw, at);
                    payload.extend_from_slice(&raw[range.clone()]);
                    self.leave(range)
                }
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Reads a header that is whole.
    fn enter(&mut self, header: &[u8], left: u64, most: u64) -> Result<Place, Fault> {
        let (&[first, second, ..], Some(&mask)) = (header, header.last_chunk()) else {
            return Err(Fault::Protocol);
        };
        let (last, reserved, masked) = (first & 0x80 != 0, first & 0x70 != 0, second & 0x80 != 0);
        if reserved || !masked {
            return Err(Fault::Protocol);
        }
        let within = Within { left, mask, last };
        let control = |control| match left <= FrameSize::MAX_CONTROL && last {
            true => Ok(Place::Control(control, Within { left, mask, last }, Vec::new())),
            false => Err(Fault::Protocol),
        };
        let before = match (first & 0x0f, self.message) {
            (0, Some(before)) => before,
            (1, None) => return Err(Fault::Text),
            (2, None) => 0,
            (8, _) => return control(Control::Close),
            (9, _) => return control(Control::Ping),
            (10, _) => return control(Control::Pong),
            _ => return Err(Fault::Protocol),
        };
        let length = before.saturating_add(left);
        if length > most {
            return Err(Fault::TooLong);
        }
        self.message = (!last).then_some(length);
        Ok(Place::Data(within))
    }

    /// Goes behind the frame where its payload has ended, of which `range` was the last.
    fn leave(&mut self, range: Range<usize>) -> Option<Event> {
        match &self.place {
            Place::Data(within) | Place::Control(_, within, _) if within.left > 0 => return None,
            _ => (),
        }
        match std::mem::take(&mut self.place) {
            Place::Data(Within { last, .. }) => Some(Event::Data { range, last }),
            Place::Control(Control::Ping, _, payload) => Some(Event::Ping(payload)),
            Place::Control(Control::Close, ..) => Some(Event::Close),
            Place::Control(Control::Pong, ..) => None,
            header @ Place::Header(..) => {
                self.place = header;
                None
            }
        }
    }
}

impl Within {
    /// Unmasks what is here of the payload.
    fn advance(&mut self, raw: &mut [u8], at: &mut usize) -> Range<usize> {
        let length = usize::try_from(self.left).map_or(raw.len() - *at, |l| l.min(raw.len() - *at));
        let range = *at..*at + length;
        unmask(&mut raw[range.clone()], self.mask);
        self.mask.rotate_left(length % 4);
        self.left -= length as u64;
        *at += length;
        range
    }
}

/// In blocks, which the compiler makes into vectors.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let (blocks, rest) = payload.as_chunks_mut::<4>();
    let key = u32::from_ne_bytes(mask);
    for block in blocks {
        *block = (u32::from_ne_bytes(*block) ^ key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask) {
        *byte ^= key;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_codec::Encoder;
    use actix_http::ws::{Codec, Item, Message};
    use actix_web::web::BytesMut;
    use proptest::prelude::*;

    use super::*;

    /// What a client says.
    fn written(messages: impl IntoIterator<Item = Message>) -> Vec<u8> {
        let (mut codec, mut bytes) = (Codec::new().client_mode(), BytesMut::new());
        for message in messages {
            codec.encode(message, &mut bytes).unwrap();
        }
        bytes.to_vec()
    }

    /// What is read of it in pieces: the messages, and what else happens.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Read {
        messages: Vec<Vec<u8>>,
        pings: Vec<Vec<u8>>,
        closed: bool,
    }

    fn read(bytes: &[u8], cut: usize, most: u64) -> Result<Read, Fault> {
        let (mut frames, mut read, mut message) = (Frames::default(), Read::default(), Vec::new());
        for piece in bytes.chunks(cut) {
            let (mut piece, mut at) = (piece.to_vec(), 0);
            while let Some(event) = frames.next(&mut piece, &mut at, most)? {
                match event {
                    Event::Data { range, last } => {
                        message.extend_from_slice(&piece[range]);
                        if last {
                            read.messages.push(std::mem::take(&mut message));
                        }
                    }
                    Event::Ping(payload) => read.pings.push(payload),
                    Event::Close => read.closed = true,
                }
            }
        }
        Ok(read)
    }

    proptest! {
        #[test]
        fn messages_are_read_however_they_are_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70_000), 0..4),
            cut in 1_usize..5_000,
        ) {
            let said = messages.iter().cloned().map(|message| Message::Binary(message.into()));
            let expected = Read { messages: messages.clone(), ..Read::default() };
            prop_assert_eq!(read(&written(said), cut, 1 << 20).unwrap(), expected);
        }

        #[test]
        fn nothing_that_comes_does_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, 7, 100);
        }
    }

    #[test]
    fn fragments_are_one_message_and_control_frames_stand_between() {
        let said = written([
            Message::Continuation(Item::FirstBinary("ab".into())),
            Message::Ping("are you there".into()),
            Message::Continuation(Item::Continue("".into())),
            Message::Pong("".into()),
            Message::Continuation(Item::Last("c".into())),
            Message::Binary("".into()),
            Message::Close(None),
        ]);
        let expected = Read {
            messages: vec![b"abc".to_vec(), Vec::new()],
            pings: vec![b"are you there".to_vec()],
            closed: true,
        };
        for cut in 1..said.len() {
            assert_eq!(read(&said, cut, 3).unwrap(), expected, "{cut}");
        }
        assert_eq!(read(&said, 1, 2), Err(Fault::TooLong));
    }

    #[test]
    fn what_breaks_the_rules_is_a_fault() {
        assert_eq!(read(&written([Message::Text("x".into())]), 9, 9), Err(Fault::Text));
        let long = [0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        assert_eq!(read(&long, 1, u64::MAX - 1), Ok(Read::default()));
        assert_eq!(read(&long, 1, 1 << 40), Err(Fault::TooLong));
        for (bytes, what) in [
            (&[0x82, 0][..], "no mask"),
            (&[0xc2, 0x80, 0, 0, 0, 0], "a reserved bit"),
            (&[0x83, 0x80, 0, 0, 0, 0], "an unknown kind"),
            (&[0x80, 0x80, 0, 0, 0, 0], "the rest of nothing"),
            (&[0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0], "a message within a message"),
            (&[0x09, 0x80, 0, 0, 0, 0], "a ping in parts"),
            (&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], "a long ping"),
        ] {
            assert_eq!(read(bytes, 1, 9), Err(Fault::Protocol), "{what}");
        }
    }
}
