//! The store of a server that keeps nothing: messages alone, since the apps hold all other rows
//! themselves.

use std::{collections::HashMap, sync::Arc};

use wormhole_protocol::name::{AppId, MailboxId};

use super::{Change, Rows, Task, Work, Yield};
use crate::engine::StoredMessage;

/// The messages of every mailbox that has any, in the order in which they came.
#[derive(Default)]
pub(super) struct Memory(HashMap<AppId, HashMap<MailboxId, Vec<Arc<StoredMessage>>>>);

impl Memory {
    /// Does what a task says; whoever loads has lost its rows, and begins anew.
    pub(super) fn perform(&mut self, Task { app, work }: Task) -> Yield {
        let Work::Write { changes, replay } = work else {
            self.0.remove(&app);
            return Yield::Loaded(Rows::default());
        };
        for change in changes {
            match change {
                Change::Added { mailbox, message } => {
                    let app = self.0.entry(app.clone()).or_default();
                    app.entry(mailbox.id().clone()).or_default().push(message);
                }
                Change::MailboxGone { mailbox } => self.forget(&app, mailbox.id()),
                _ => (),
            }
        }
        let messages = replay.and_then(|mailbox| self.0.get(&app)?.get(&mailbox).cloned());
        let mut replay = messages.unwrap_or_default();
        // The clock may have been set back.
        replay.sort_by(|one, other| one.server_rx.total_cmp(&other.server_rx));
        Yield::Written { replay }
    }

    fn forget(&mut self, app: &AppId, mailbox: &MailboxId) {
        let Some(mailboxes) = self.0.get_mut(app) else { return };
        mailboxes.remove(mailbox);
        if mailboxes.is_empty() {
            self.0.remove(app);
        }
    }
}

#[cfg(test)]
mod tests {
    use wormhole_protocol::{
        name::{Phase, Side},
        wire::Body,
    };

    use super::*;
    use crate::store::Key;

    #[test]
    fn messages_stay_until_their_mailbox_goes() {
        let (mut memory, m) = (Memory::default(), MailboxId::new("m"));
        let added = |server_rx| {
            let (side, body) = (Side::new("a"), Body::from_text("00"));
            let message = StoredMessage { side, phase: Phase::Pake, body, server_rx, id: None };
            Change::Added { mailbox: Key::of_invented(&m), message: Arc::new(message) }
        };
        let mut times = |app: &str, changes: Vec<Change>| -> Vec<f64> {
            let work = Work::Write { changes, replay: Some(m.clone()) };
            match memory.perform(Task { app: AppId::new(app), work }) {
                Yield::Written { replay } => replay.iter().map(|m| m.server_rx).collect(),
                Yield::Loaded(_) => Vec::new(),
            }
        };
        assert_eq!(times("app", vec![added(3.0), added(2.5)]), [2.5, 3.0]);
        assert!(times("other", Vec::new()).is_empty());
        let gone = Change::MailboxGone { mailbox: Key::of_invented(&m) };
        assert!(times("app", vec![gone]).is_empty());
        assert!(memory.0.is_empty());
    }
}
