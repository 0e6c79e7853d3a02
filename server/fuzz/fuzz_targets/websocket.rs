#![no_main]

use libfuzzer_sys::fuzz_target;

/// What the relay reads of clients.
#[path = "."]
mod relay {
    #[path = "../../src/relay/websocket/frames.rs"]
    mod frames;

    use frames::{Event, Frames};

    /// The longest message that is taken.
    const MOST: u64 = 1 << 16;

    /// The bytes of all messages, how many of these have ended, and what else was said.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub(super) struct Read {
        pub(super) data: Vec<u8>,
        ended: usize,
        pings: Vec<Vec<u8>>,
        closed: bool,
    }

    /// Gives also the code by which the client is told that it does what it must not.
    pub(super) fn read(pieces: &[&[u8]]) -> Result<Read, u16> {
        let (mut frames, mut read, mut message) = (Frames::default(), Read::default(), 0);
        for piece in pieces {
            let (mut piece, mut at) = (piece.to_vec(), 0);
            while let Some(event) = frames.next(&mut piece, &mut at, MOST).map_err(|fault| fault.code())? {
                match event {
                    Event::Data { range, last } => {
                        message += range.len() as u64;
                        assert!(message <= MOST);
                        read.data.extend_from_slice(&piece[range]);
                        if last {
                            (message, read.ended) = (0, read.ended + 1);
                        }
                    }
                    Event::Ping(payload) => {
                        assert!(payload.len() <= 125);
                        read.pings.push(payload);
                    }
                    Event::Close => read.closed = true,
                }
            }
            assert_eq!(at, piece.len());
        }
        Ok(read)
    }
}

/// What the client reads of relays, and writes.
#[path = "."]
mod client {
    #[path = "../../../client/src/transit/websocket/frame.rs"]
    mod frame;

    use bytes::BytesMut;
    use frame::{Decoder, Opcode, Unit, encode};

    pub(super) fn read(pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<String>), String> {
        let (mut decoder, mut raw) = (Decoder::default(), BytesMut::new());
        let (mut data, mut others) = (Vec::new(), Vec::new());
        for piece in pieces {
            raw.extend_from_slice(piece);
            while let Some(unit) = decoder.next(&mut raw).map_err(|error| error.to_string())? {
                match unit {
                    Unit::Data(bytes) => data.extend(bytes),
                    other => others.push(format!("{other:?}")),
                }
            }
        }
        // No more than a header and a control frame is held.
        assert!(raw.len() < 14 + 126);
        Ok((data, others))
    }

    pub(super) fn written(payload: &[u8], mask: [u8; 4]) -> BytesMut {
        let mut wire = BytesMut::new();
        for opcode in [Opcode::Ping, Opcode::Binary, Opcode::Pong, Opcode::Close] {
            let control = &payload[..payload.len().min(125)];
            let is_data = matches!(opcode, Opcode::Binary);
            encode(opcode, if is_data { payload } else { control }, mask, &mut wire);
        }
        wire
    }
}

/// What the client reads of mailbox servers.
#[path = "."]
mod mailbox {
    #[path = "../../../client/src/socket/fragments.rs"]
    mod fragments;
    #[path = "../../../client/src/socket/limited.rs"]
    mod limited;

    use actix_codec::Decoder as _;
    use actix_http::ws::{Codec, Frame};
    use bytes::BytesMut;
    use fragments::Fragments;
    use limited::Limited;

    /// The longest frame that is taken.
    const LIMIT: usize = 1 << 12;

    /// The texts, up to what is refused.
    pub(super) fn read(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
        let mut limited = Limited { codec: Codec::new().client_mode(), limit: LIMIT };
        let (mut raw, mut fragments, mut texts) =
            (BytesMut::new(), Fragments::default(), Vec::new());
        for piece in pieces {
            raw.extend_from_slice(piece);
            loop {
                match limited.decode(&mut raw) {
                    Ok(Some(Frame::Text(text))) => {
                        assert!(text.len() <= LIMIT);
                        texts.push(text.to_vec());
                    }
                    Ok(Some(Frame::Continuation(item))) => match fragments.add(item) {
                        Ok(whole) => texts.extend(whole.map(|whole| whole.to_vec())),
                        Err(_) => return (texts, false),
                    },
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return (texts, false),
                }
            }
            // Of a frame no more is waited for than it may have.
            assert!(raw.len() <= LIMIT + 14);
        }
        (texts, true)
    }
}

// Cut in two anywhere, it means the same; and the relay reads what the client writes.
fuzz_target!(|input: (usize, [u8; 4], &[u8])| {
    let (cut, mask, bytes) = input;
    let (front, back) = bytes.split_at(cut % (bytes.len() + 1));
    assert_eq!(relay::read(&[front, back]), relay::read(&[bytes]));
    let client = client::read(&[bytes]);
    match (client::read(&[front, back]), &client) {
        (cut, Ok(_)) => assert_eq!(cut.as_ref(), client.as_ref()),
        (cut, Err(_)) => assert!(cut.is_err()),
    }
    assert_eq!(mailbox::read(&[front, back]), mailbox::read(&[bytes]));
    let heard = relay::read(&[&client::written(bytes, mask)]).expect("what we write is read");
    assert_eq!(heard.data, bytes);
});
