//! The frames of a websocket, of which the payload is not waited for [RFC 6455: section 5.2].

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use wormhole_protocol::wire::FrameSize;

/// What a frame of ours is.
#[derive(Clone, Copy)]
pub(super) enum Opcode {
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// What comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Some bytes of the stream.
    Data(Bytes),
    /// An answer is wanted, with these bytes.
    Ping(Bytes),
    /// Somebody is there.
    Pong,
    /// Nothing more comes.
    Close,
}

/// This frame is a message's last.
const LAST: u8 = 0x80;
/// Meanings that nobody has agreed on.
const RESERVED: u8 = 0x70;
/// The payload is masked, as only clients do it.
const MASKED: u8 = 0x80;

/// Takes frames apart that a server sends.
#[derive(Default)]
pub(super) struct Decoder {
    /// How much of a frame's data has not come.
    missing: u64,
}

impl Decoder {
    /// Takes the next unit from what was read; `None` until there is more.
    ///
    /// # Errors
    /// Where the server breaks the protocol, by what it announces.
    pub(super) fn next(&mut self, raw: &mut BytesMut) -> io::Result<Option<Unit>> {
        while self.missing == 0 {
            let Some(size) = FrameSize::announced(raw) else { return Ok(None) };
            let header = usize::from(size.header);
            if raw[0] & RESERVED != 0 || raw[1] & MASKED != 0 {
                return Err(broken("a frame that no server may send"));
            }
            match raw[0] & 0x0f {
                // Of which message it is the continuation does not matter.
                0 | 2 if raw.len() < header => return Ok(None),
                0 | 2 => {
                    let _ = raw.split_to(header);
                    self.missing = size.payload;
                }
                opcode @ 8..=10 => return control(opcode, size, raw),
                1 => return Err(broken("text in place of bytes")),
                _ => return Err(broken("a frame of an unknown kind")),
            }
        }
        let here = usize::try_from(self.missing).unwrap_or(usize::MAX).min(raw.len());
        if here == 0 {
            return Ok(None);
        }
        self.missing -= here as u64;
        Ok(Some(Unit::Data(raw.split_to(here).freeze())))
    }
}

fn control(opcode: u8, size: FrameSize, raw: &mut BytesMut) -> io::Result<Option<Unit>> {
    if size.payload > FrameSize::MAX_CONTROL || raw[0] & LAST == 0 {
        return Err(broken("a malformed control frame"));
    }
    let header = usize::from(size.header);
    let whole = header + size.payload as usize;
    if raw.len() < whole {
        return Ok(None);
    }
    let payload = raw.split_to(whole).freeze().slice(header..);
    Ok(Some(match opcode {
        8 => Unit::Close,
        9 => Unit::Ping(payload),
        _ => Unit::Pong,
    }))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the relay sent {what}"))
}

/// Appends a frame, masked as a client has to.
pub(super) fn encode(opcode: Opcode, payload: &[u8], mask: [u8; 4], wire: &mut BytesMut) {
    wire.reserve(14 + payload.len());
    wire.put_u8(LAST | opcode as u8);
    match payload.len() {
        short @ 0..=125 => wire.put_u8(MASKED | short as u8),
        medium @ 126..=0xffff => {
            wire.put_u8(MASKED | 126);
            wire.put_u16(medium as u16);
        }
        long => {
            wire.put_u8(MASKED | 127);
            wire.put_u64(long as u64);
        }
    }
    wire.put_slice(&mask);
    let start = wire.len();
    wire.put_slice(payload);
    for (i, byte) in wire[start..].iter_mut().enumerate() {
        *byte ^= mask[i % 4];
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_codec::Decoder as _;
    use actix_http::ws::{Codec, Frame};

    use super::*;

    /// Feeds bytes by pieces of this size and joins the data.
    fn read(wire: &[u8], piece: usize) -> io::Result<(Vec<u8>, Vec<Unit>)> {
        let (mut decoder, mut raw) = (Decoder::default(), BytesMut::new());
        let (mut data, mut others) = (Vec::new(), Vec::new());
        for piece in wire.chunks(piece) {
            raw.extend_from_slice(piece);
            while let Some(unit) = decoder.next(&mut raw)? {
                match unit {
                    Unit::Data(bytes) => data.extend(bytes),
                    other => others.push(other),
                }
            }
        }
        Ok((data, others))
    }

    #[test]
    fn the_cut_of_messages_and_of_reads_means_nothing() {
        let long = [7; 70_000];
        let wire = [
            &[0x82, 0][..],
            &[0x82, 3, 1, 2, 3],
            // A message in two pieces, with a ping in between.
            &[0x02, 1, 4],
            &[0x89, 2, 8, 9],
            &[0x80, 126, 0, 1, 5],
            &[0x8a, 0],
            &[0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70],
            &long,
            &[0x88, 2, 3, 0xe8],
        ]
        .concat();
        for piece in [1, 2, 3, 7, 1000, usize::MAX] {
            let (data, others) = read(&wire, piece).unwrap();
            assert_eq!(data[..5], [1, 2, 3, 4, 5]);
            assert_eq!(data[5..], long);
            assert_eq!(others, [Unit::Ping(vec![8, 9].into()), Unit::Pong, Unit::Close]);
        }
    }

    #[test]
    fn data_is_not_waited_for() {
        let (mut decoder, mut raw) = (Decoder::default(), BytesMut::new());
        raw.extend_from_slice(&[0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 42]);
        assert_eq!(decoder.next(&mut raw).unwrap(), Some(Unit::Data(vec![42].into())));
        assert_eq!(decoder.next(&mut raw).unwrap(), None);
    }

    #[test]
    fn what_no_server_may_send_is_refused() {
        let bad: [&[u8]; 8] = [
            &[0x81, 1, b'x'],
            &[0xc2, 0],
            &[0x82, 0x80, 1, 2, 3, 4],
            &[0x83, 0],
            &[0x8b, 0],
            &[0x09, 0],
            &[0x89, 126, 0, 126],
            &[0x88, 127, 0, 0, 0, 0, 0, 0, 1, 0],
        ];
        for wire in bad {
            let error = read(wire, usize::MAX).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{wire:?}");
        }
    }

    #[test]
    fn another_codec_reads_what_we_write() {
        for size in [0, 1, 125, 126, 0xffff, 0x10000, 70_001] {
            let payload: Vec<u8> = (0..size).map(|n| n as u8).collect();
            let mut wire = BytesMut::new();
            encode(Opcode::Binary, &payload, [1, 2, 3, 4], &mut wire);
            let frame = Codec::new().max_size(1 << 20).decode(&mut wire).unwrap().unwrap();
            assert!(matches!(frame, Frame::Binary(read) if read == payload), "{size}");
            assert!(wire.is_empty());
        }
    }
}
