//! What waits for the disk: an answer, a message, both, or nothing.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::engine::{Done, Refusal, SessionId, StoredMessage};

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
}

impl Release {
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
