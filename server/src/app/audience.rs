//! Who hears which mailbox. Pruning and failing writes do not touch it.

use std::collections::HashMap;

use actix::Recipient;
use wormhole_protocol::name::MailboxId;

use crate::engine::{Heard, SessionId};

/// The sessions of one app, each with the mailbox that it has open.
#[derive(Default)]
pub(crate) struct Audience {
    members: HashMap<SessionId, Member>,
    /// In the order of their opens.
    listeners: HashMap<MailboxId, Vec<SessionId>>,
}

/// The one stored recipient bounds what waits for a session: every clone would have a place more.
struct Member {
    ears: Recipient<Heard>,
    open: Option<MailboxId>,
}

impl Audience {
    pub(crate) fn join(&mut self, session: SessionId, ears: Recipient<Heard>) {
        self.members.insert(session, Member { ears, open: None });
    }

    pub(crate) fn leave(&mut self, session: SessionId) {
        self.unsubscribe(session);
        self.members.remove(&session);
    }

    pub(crate) fn subscribe(&mut self, session: SessionId, mailbox: &MailboxId) {
        self.unsubscribe(session);
        let Some(member) = self.members.get_mut(&session) else { return };
        member.open = Some(mailbox.clone());
        self.listeners.entry(mailbox.clone()).or_default().push(session);
    }

    pub(crate) fn unsubscribe(&mut self, session: SessionId) {
        let Some(mailbox) = self.members.get_mut(&session).and_then(|member| member.open.take())
        else {
            return;
        };
        let Some(listeners) = self.listeners.get_mut(&mailbox) else { return };
        listeners.retain(|other| *other != session);
        if listeners.is_empty() {
            self.listeners.remove(&mailbox);
        }
    }

    /// Nobody hears a mailbox any more that is gone.
    pub(crate) fn end(&mut self, mailbox: &MailboxId) {
        for session in self.listeners.remove(mailbox).unwrap_or_default() {
            if let Some(member) = self.members.get_mut(&session) {
                member.open = None;
            }
        }
    }

    /// Tells whether `session` has the mailbox open.
    pub(crate) fn hears(&self, session: SessionId, mailbox: &MailboxId) -> bool {
        self.members.get(&session).is_some_and(|member| member.open.as_ref() == Some(mailbox))
    }

    /// Gives those who have the mailbox open.
    pub(crate) fn of(&self, mailbox: &MailboxId) -> &[SessionId] {
        self.listeners.get(mailbox).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Tells a session something; one that has no room for it hears no more.
    pub(crate) fn tell(&mut self, session: SessionId, news: Heard) {
        let Some(member) = self.members.get(&session) else { return };
        if member.ears.try_send(news).is_err() {
            member.ears.do_send(Heard::Cut);
            self.leave(session);
        }
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler};

    use super::*;

    struct Deaf;

    impl Actor for Deaf {
        type Context = Context<Self>;
    }

    impl Handler<Heard> for Deaf {
        type Result = ();

        fn handle(&mut self, _: Heard, _: &mut Self::Context) {}
    }

    #[actix::test]
    async fn everybody_hears_one_mailbox_at_most() {
        let mut audience = Audience::default();
        let [m, n] = ["m", "n"].map(MailboxId::new);
        let sessions = [SessionId::fresh(), SessionId::fresh()];
        for session in sessions {
            audience.join(session, Deaf.start().recipient());
            audience.subscribe(session, &m);
        }
        assert_eq!(audience.of(&m), sessions);
        audience.subscribe(sessions[0], &n);
        assert_eq!(audience.of(&m), [sessions[1]]);
        audience.end(&m);
        assert!(!audience.hears(sessions[1], &m) && audience.of(&m).is_empty());
        audience.leave(sessions[0]);
        assert!(audience.of(&n).is_empty() && !audience.is_empty());
    }

    #[actix::test]
    async fn one_that_does_not_listen_is_cut() {
        let mut audience = Audience::default();
        let (m, session) = (MailboxId::new("m"), SessionId::fresh());
        audience.join(session, Deaf.start().recipient());
        audience.subscribe(session, &m);
        let mut told = 0;
        while audience.hears(session, &m) {
            audience.tell(session, Heard::Cut);
            told += 1;
            assert!(told < 100, "a mailbox has sixteen places");
        }
        assert!(audience.is_empty());
    }
}
