//! What waits for the disk: an answer, a message, what has ended, or nothing.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{
    engine::{Done, Refusal, SessionId, StoredMessage},
    usage::Retired,
};

/// Who waits for an answer.
pub(crate) type Waiting = oneshot::Sender<Result<Done, Refusal>>;

/// A message, and those who had its mailbox open when it came.
pub(crate) struct Delivery {
    pub(crate) message: Arc<StoredMessage>,
    pub(crate) to: Vec<SessionId>,
}

/// What leaves when a decision is on disk: first the message, its sender's copy included, then
/// the answer, which lets the sender's next command in.
#[derive(Default)]
pub(crate) struct Release {
    pub(crate) delivery: Option<Delivery>,
    pub(crate) answer: Option<(Waiting, Result<Done, Refusal>)>,
    /// What the usage records tell.
    pub(crate) retired: Vec<Retired>,
}

impl Release {
    /// Makes one for an answer and, maybe, a message.
    pub(crate) fn of(
        answer: Waiting,
        result: Result<Done, Refusal>,
        delivery: Option<Delivery>,
    ) -> Self {
        Self { delivery, answer: Some((answer, result)), retired: Vec::new() }
    }

    /// Answers; `replay` is what an open brought up.
    pub(crate) fn answer(self, replay: Vec<Arc<StoredMessage>>) {
        let Some((waiting, done)) = self.answer else { return };
        let done = match done {
            Ok(Done::Opened(_)) => Ok(Done::Opened(replay)),
            other => other,
        };
        // A connection that ended meanwhile wants no answer.
        let _ = waiting.send(done);
    }

    /// Answers that the store has failed.
    pub(crate) fn fail(self) {
        let Some((waiting, _)) = self.answer else { return };
        let _ = waiting.send(Err(Refusal::Broken));
    }
}
