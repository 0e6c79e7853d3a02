//! A limit on the size of a frame that holds before the frame is here.

use std::{cell::Cell, rc::Rc};

use actix_web::{error::PayloadError, web::Bytes};
use futures_util::{Stream, StreamExt};
use wormhole_protocol::wire::FrameSize;

/// Set once a client has announced a frame over the limit; its stream has ended then.
#[derive(Clone, Default)]
pub(crate) struct TooLarge(Rc<Cell<bool>>);

impl TooLarge {
    /// Whether that was the reason for the end.
    pub(crate) fn is_set(&self) -> bool {
        self.0.get()
    }
}

/// Passes the bytes of a websocket on until a frame announces more than `limit` bytes of payload.
pub(crate) fn limited(
    stream: impl Stream<Item = Result<Bytes, PayloadError>>,
    limit: usize,
    too_large: TooLarge,
) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let mut frames = Frames::default();
    stream.map(move |piece| {
        let piece = piece?;
        if too_large.is_set() || !frames.follow(&piece, limit as u64) {
            too_large.0.set(true);
            return Err(PayloadError::Overflow);
        }
        Ok(piece)
    })
}

/// Where in a frame the bytes are, however they are cut into pieces.
enum Frames {
    /// Too few of a frame's bytes are here to know its size.
    Begun(Vec<u8>),
    /// So many more belong to the frame.
    Within(u64),
}

impl Default for Frames {
    fn default() -> Self {
        Self::Begun(Vec::new())
    }
}

impl Frames {
    /// Goes through one more piece; false where a frame in it has more than `limit` bytes.
    fn follow(&mut self, mut piece: &[u8], limit: u64) -> bool {
        loop {
            match self {
                Self::Begun(seen) => {
                    let Some((byte, rest)) = piece.split_first() else { return true };
                    piece = rest;
                    seen.push(*byte);
                    let Some(FrameSize { header, payload }) = FrameSize::announced(seen) else {
                        continue;
                    };
                    if payload > limit {
                        return false;
                    }
                    *self = Self::Within(payload + u64::from(header) - seen.len() as u64);
                }
                Self::Within(left) => {
                    let now = piece.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    piece = &piece[now..];
                    *left -= now as u64;
                    if *left > 0 {
                        return true;
                    }
                    *self = Self::default();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame of so many bytes, as a client sends it.
    fn frame(payload: u16) -> Vec<u8> {
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(payload.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(vec![7; payload.into()]);
        frame
    }

    #[test]
    fn any_cut_of_the_bytes_gives_the_same_verdict() {
        let good = [frame(300), vec![0x89, 0x80, 1, 2, 3, 4], frame(0), frame(300)].concat();
        let bad = [good.clone(), frame(301)[..4].to_vec()].concat();
        for cut in 1..good.len() {
            let mut frames = Frames::default();
            assert!(good.chunks(cut).all(|piece| frames.follow(piece, 300)), "{cut}");
            let mut frames = Frames::default();
            assert!(!bad.chunks(cut).all(|piece| frames.follow(piece, 300)), "{cut}");
        }
    }
}
