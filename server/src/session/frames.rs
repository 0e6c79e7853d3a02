//! A limit on the size of a frame that holds before the frame is here, and one on the frames that
//! wait for a session that reads slowly on purpose.

use std::{
    cell::Cell,
    rc::Rc,
    task::{Poll, ready},
};

use actix_web::{error::PayloadError, web::Bytes};
use futures_util::{Stream, stream};
use wormhole_protocol::wire::FrameSize;

/// What comes in on one websocket, as its bytes and its session see it; clones are one.
#[derive(Clone, Default)]
pub(crate) struct Inflow(Rc<Gauge>);

#[derive(Default)]
struct Gauge {
    too_large: Cell<bool>,
    /// Whole frames that the session has yet to handle.
    waiting: Cell<u64>,
}

/// How many frames may wait for the session; what comes behind them stays on the wire.
const MOST_WAITING: u64 = 64;

impl Inflow {
    /// Whether the stream has ended since a frame was announced that is over the limit.
    pub(crate) fn is_too_large(&self) -> bool {
        self.0.too_large.get()
    }

    /// Notes that the session handles a frame.
    pub(crate) fn handle(&self) {
        let Self(gauge) = self;
        gauge.waiting.set(gauge.waiting.get().saturating_sub(1));
    }

    fn is_full(&self) -> bool {
        self.0.waiting.get() > MOST_WAITING
    }

    fn add(&self, frames: u64) {
        self.0.waiting.set(self.0.waiting.get() + frames);
    }
}

/// Passes the bytes of a websocket on until a frame announces more than `limit` bytes of payload,
/// and none while too many frames wait.
pub(crate) fn limited(
    stream: impl Stream<Item = Result<Bytes, PayloadError>>,
    limit: usize,
    inflow: Inflow,
) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let (mut frames, mut stream) = (Frames::default(), Box::pin(stream));
    stream::poll_fn(move |cx| {
        if inflow.is_full() {
            // Whoever reads has whole frames left, and asks again after the next of them.
            return Poll::Pending;
        }
        let Some(piece) = ready!(stream.as_mut().poll_next(cx)) else { return Poll::Ready(None) };
        let piece = match piece {
            Ok(piece) if !inflow.is_too_large() => piece,
            Ok(_) => return Poll::Ready(Some(Err(PayloadError::Overflow))),
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        let Some(passed) = frames.follow(&piece, limit as u64) else {
            inflow.0.too_large.set(true);
            return Poll::Ready(Some(Err(PayloadError::Overflow)));
        };
        inflow.add(passed);
        Poll::Ready(Some(Ok(piece)))
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
    /// Goes through one more piece, and tells how many frames end in it; none where a frame in it
    /// has more than `limit` bytes.
    fn follow(&mut self, mut piece: &[u8], limit: u64) -> Option<u64> {
        let mut ended = 0;
        loop {
            match self {
                Self::Begun(seen) => {
                    let Some((byte, rest)) = piece.split_first() else { return Some(ended) };
                    piece = rest;
                    seen.push(*byte);
                    let Some(FrameSize { header, payload }) = FrameSize::announced(seen) else {
                        continue;
                    };
                    if payload > limit {
                        return None;
                    }
                    *self = Self::Within(payload + u64::from(header) - seen.len() as u64);
                }
                Self::Within(left) => {
                    let now = piece.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    piece = &piece[now..];
                    *left -= now as u64;
                    if *left > 0 {
                        return Some(ended);
                    }
                    ended += 1;
                    *self = Self::default();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

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
            let ended: Option<u64> = good.chunks(cut).map(|piece| frames.follow(piece, 300)).sum();
            assert_eq!(ended, Some(4), "{cut}");
            let mut frames = Frames::default();
            let ended: Option<u64> = bad.chunks(cut).map(|piece| frames.follow(piece, 300)).sum();
            assert_eq!(ended, None, "{cut}");
        }
    }

    #[actix::test]
    async fn what_comes_behind_many_frames_stays_where_it_is() {
        let pieces = std::iter::repeat_with(|| Ok(Bytes::from(frame(0).repeat(40)))).take(9);
        let inflow = Inflow::default();
        let mut passed = Box::pin(limited(stream::iter(pieces), 300, inflow.clone()));
        let mut now = || passed.next().now_or_never().flatten().is_some();
        assert_eq!([now(), now(), now()], [true, true, false]);
        (0..16).for_each(|_| inflow.handle());
        assert_eq!([now(), now()], [true, false]);
    }
}
