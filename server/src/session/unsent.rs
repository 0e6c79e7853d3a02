//! Counts what is on its way to the client, as far as this process knows.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::{Error, web::Bytes};
use futures_util::Stream;

use crate::guest::Visit;

/// The frames of one session.
struct Counted<S> {
    frames: Pin<Box<S>>,
    visit: Arc<Visit>,
    /// Bytes that were given out and may not have left.
    given: usize,
}

/// Passes the frames of a session on, and takes them off what its client is owed once they have
/// left: nobody asks for more before most of the last piece is with the system.
pub(crate) fn counted(
    frames: impl Stream<Item = Result<Bytes, Error>>,
    visit: Arc<Visit>,
) -> impl Stream<Item = Result<Bytes, Error>> {
    Counted { frames: Box::pin(frames), visit, given: 0 }
}

impl<S: Stream<Item = Result<Bytes, Error>>> Stream for Counted<S> {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let given = std::mem::take(&mut self.given);
        self.visit.settle(given);
        let polled = self.frames.as_mut().poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.given = bytes.len();
            self.visit.owe(bytes.len());
        }
        polled
    }
}
