//! Whether the other end of a websocket is there: it is asked after a silence, and has to answer.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use crate::transit::stream::ASK_AFTER;

pub(super) struct Pulse {
    /// When something last came.
    heard: Instant,
    /// When it was asked, if it was.
    asked: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    /// How long it may be silent.
    limit: Duration,
}

/// How it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Well,
    /// It has to be asked now.
    Ask,
    /// It has not answered in time.
    Dead,
}

impl Pulse {
    pub(super) fn new(limit: Duration) -> Self {
        let timer = Box::pin(sleep(limit / ASK_AFTER));
        Self { heard: Instant::now(), asked: None, timer, limit }
    }

    /// Something came.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// To be called whenever all that has come is read: of a time in which nobody listened the
    /// other end must not be accused.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Beat {
        let patience = self.limit / ASK_AFTER;
        while self.timer.as_mut().poll(cx) == Poll::Ready(()) {
            let next = match self.asked {
                Some(asked) if self.heard < asked => return Beat::Dead,
                Some(_) => {
                    self.asked = None;
                    self.heard + patience
                }
                None if self.heard.elapsed() < patience => self.heard + patience,
                None => {
                    let now = Instant::now();
                    self.asked = Some(now);
                    self.timer.as_mut().reset(now + (self.limit - patience));
                    // Registers the timer that was set.
                    let _ = self.timer.as_mut().poll(cx);
                    return Beat::Ask;
                }
            };
            self.timer.as_mut().reset(next);
        }
        Beat::Well
    }
}
