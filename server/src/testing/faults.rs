//! What goes wrong on purpose, most of it on the way to a client.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use actix_web::{
    Error,
    web::{Bytes, BytesMut},
};
use futures_util::{Stream, StreamExt, stream};
use wormhole_protocol::{name::Nameplate, wire::FrameSize};

use crate::engine::Ask;

/// What goes wrong; by default nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// How long every message waits.
    pub(crate) delay: Duration,
    /// After how many messages the connection is gone.
    pub(crate) drop_after: Option<u64>,
    pub(crate) trap: Option<Trap>,
}

/// An app panics that is ordered to claim a nameplate; only the first time.
#[derive(Clone, Debug)]
pub(crate) struct Trap {
    nameplate: Nameplate,
    sprung: Arc<AtomicBool>,
}

impl Faults {
    /// Tells whether anything is wrong on the way to a client.
    pub(crate) fn on_the_way(&self) -> bool {
        !self.delay.is_zero() || self.drop_after.is_some()
    }
}

impl Trap {
    pub(crate) fn at(nameplate: Nameplate) -> Self {
        Self { nameplate, sprung: Arc::default() }
    }

    /// Looks at an order.
    ///
    /// # Panics
    /// As it is meant to.
    pub(crate) fn spring(&self, ask: &Ask) {
        let is_it = matches!(ask, Ask::Claim(nameplate) if *nameplate == self.nameplate);
        assert!(!is_it || self.sprung.swap(true, Relaxed), "a test wants this app to panic");
    }
}

/// Passes the server's frames on as the faults have it.
pub(crate) fn faulty(
    pieces: impl Stream<Item = Result<Bytes, Error>> + 'static,
    faults: Faults,
) -> impl Stream<Item = Result<Bytes, Error>> {
    let frames = Box::pin(frames(Box::pin(pieces)));
    stream::unfold((frames, 0), move |(mut frames, mut sent)| async move {
        // What was sent before still leaves, unlike after an error.
        if faults.drop_after == Some(sent) {
            return None;
        }
        let frame = frames.next().await?;
        if frame.as_ref().is_ok_and(|frame| is_text(frame)) {
            tokio::time::sleep(faults.delay).await;
            sent += 1;
        }
        Some((frame, (frames, sent)))
    })
}

/// Cuts a stream of bytes into frames; what is behind the last whole one is left out.
fn frames(
    pieces: impl Stream<Item = Result<Bytes, Error>> + Unpin + 'static,
) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::unfold((pieces, BytesMut::new()), |(mut pieces, mut held)| async move {
        loop {
            if let Some(frame) = first(&mut held) {
                return Some((Ok(frame), (pieces, held)));
            }
            match pieces.next().await? {
                Ok(piece) => held.extend_from_slice(&piece),
                Err(error) => return Some((Err(error), (pieces, held))),
            }
        }
    })
}

fn first(held: &mut BytesMut) -> Option<Bytes> {
    let FrameSize { header, payload } = FrameSize::announced(held)?;
    let whole = usize::from(header).checked_add(usize::try_from(payload).ok()?)?;
    (held.len() >= whole).then(|| held.split_to(whole).freeze())
}

/// The server sends all its messages as text, unfragmented.
fn is_text(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 0x0f == 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PING: &[u8] = &[0x89, 0];
    const TEXT: &[u8] = &[0x81, 1, b'x'];

    #[actix::test]
    async fn messages_are_counted_and_delayed_and_pings_are_not() {
        tokio::time::pause();
        let bytes = [PING, TEXT, PING, TEXT, TEXT].concat();
        let pieces = bytes.chunks(2).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let delay = Duration::from_secs(60);
        let faults = Faults { delay, drop_after: Some(2), trap: None };
        let began = tokio::time::Instant::now();
        let sent: Vec<_> = faulty(stream::iter(pieces.collect::<Vec<_>>()), faults).collect().await;
        assert_eq!(began.elapsed().as_secs(), 120);
        let sent: Vec<Option<Bytes>> = sent.into_iter().map(Result::ok).collect();
        let expected = [PING, TEXT, PING, TEXT].map(|frame| Some(Bytes::from_static(frame)));
        assert_eq!(sent, expected, "then the connection ends");
    }
}
