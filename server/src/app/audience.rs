//! Who hears which mailbox. Pruning and failing writes do not touch it.

use std::{collections::HashMap, sync::Arc};

use actix::{Recipient, prelude::SendError};
use wormhole_protocol::name::MailboxId;

use super::{Join, seats::Hold};
use crate::{
    engine::{Heard, Refusal, SessionId, StoredMessage},
    guest::{Joining, Kind, Used, Visit},
    limits::Exceeded,
    network::Network,
    quota::Share,
    usage::{Subscription, Tally},
    watch::{Condemn, Shed},
};

/// The sessions of one app, each with the mailbox that it has open.
pub(crate) struct Audience {
    watch: Recipient<Condemn>,
    shed: Recipient<Shed>,
    tally: Tally,
    members: HashMap<SessionId, Member>,
    /// In the order of their opens.
    listeners: HashMap<MailboxId, Vec<SessionId>>,
}

/// The one stored recipient bounds what waits for a session: every clone would have a place more.
struct Member {
    ears: Recipient<Heard>,
    visit: Arc<Visit>,
    open: Option<Open>,
}

/// The mailbox that a session has open.
struct Open {
    mailbox: MailboxId,
    _subscription: Subscription,
}

impl Audience {
    /// Makes an empty one; the watchdog is told of who is too slow, and of who is left when the
    /// app ends.
    pub(crate) fn new(watch: Recipient<Condemn>, shed: Recipient<Shed>, tally: Tally) -> Self {
        Self { watch, shed, tally, members: HashMap::new(), listeners: HashMap::new() }
    }

    pub(crate) fn join(&mut self, Join { session, visit, ears }: Join) {
        self.members.insert(session, Member { ears, visit, open: None });
    }

    /// Notes the messages that a session is about to be sent at once.
    ///
    /// # Errors
    /// [`Exceeded`] where too much waits at its address already.
    pub(crate) fn reserve(&self, session: SessionId, bytes: u64) -> Result<(), Exceeded> {
        self.members.get(&session).map_or(Ok(()), |member| member.visit.reserve(bytes))
    }

    /// The network for whose account a session is.
    pub(crate) fn network(&self, session: SessionId) -> Option<Network> {
        self.members.get(&session).map(|member| member.visit.network())
    }

    /// Counts something that a session is about to make.
    ///
    /// # Errors
    /// [`Exceeded`] where its connection or address has made too many.
    pub(crate) fn make(&self, session: SessionId, kind: Kind) -> Result<Option<Share>, Exceeded> {
        self.members.get(&session).map(|member| member.visit.make(kind)).transpose()
    }

    /// Counts that a session wants a seat at what `maker` has made, where it does not sit yet.
    ///
    /// # Errors
    /// [`Refusal::NotYet`] where it has to wait.
    pub(crate) fn join_other(
        &self,
        session: SessionId,
        seat: &Result<Option<Hold>, Refusal>,
        maker: Option<Network>,
    ) -> Result<Option<Joining>, Refusal> {
        if matches!(seat, Ok(Some(_))) {
            return Ok(None);
        }
        let Some(member) = self.members.get(&session) else { return Ok(None) };
        member.visit.join(maker).map_err(|Used| Refusal::NotYet)
    }

    /// The address of a session's client, if that is known.
    pub(crate) fn own(&self, session: SessionId) -> Option<Network> {
        self.members.get(&session).and_then(|member| member.visit.own())
    }

    pub(crate) fn leave(&mut self, session: SessionId) {
        self.unsubscribe(session);
        self.members.remove(&session);
    }

    pub(crate) fn subscribe(&mut self, session: SessionId, mailbox: &MailboxId) {
        self.unsubscribe(session);
        let Some(member) = self.members.get_mut(&session) else { return };
        let subscription = self.tally.subscribe();
        member.open = Some(Open { mailbox: mailbox.clone(), _subscription: subscription });
        self.listeners.entry(mailbox.clone()).or_default().push(session);
    }

    pub(crate) fn unsubscribe(&mut self, session: SessionId) {
        let open = self.members.get_mut(&session).and_then(|member| member.open.take());
        let Some(Open { mailbox, .. }) = open else { return };
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
        let open = self.members.get(&session).and_then(|member| member.open.as_ref());
        open.is_some_and(|open| open.mailbox == *mailbox)
    }

    /// Gives those who have the mailbox open.
    pub(crate) fn of(&self, mailbox: &MailboxId) -> &[SessionId] {
        self.listeners.get(mailbox).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Tells a session of a message; one that is too slow to take it hears no more.
    pub(crate) fn tell(&mut self, session: SessionId, message: &Arc<StoredMessage>) {
        let Some(member) = self.members.get(&session) else { return };
        if let Err(exceeded) = member.tell(message) {
            self.watch.do_send(Condemn { session, exceeded });
            self.leave(session);
        }
    }
}

impl Drop for Audience {
    /// An app that nobody needs any more has none; those of one that has fallen hear nothing any
    /// more, and have to come back.
    fn drop(&mut self) {
        for session in self.members.keys() {
            self.shed.do_send(Shed(*session));
        }
    }
}

impl Member {
    fn tell(&self, message: &Arc<StoredMessage>) -> Result<(), Exceeded> {
        self.visit.judge_unsent()?;
        self.visit.owe(message.size());
        let Err(SendError::Full(news)) = self.ears.try_send(Heard(Arc::clone(message))) else {
            // It has it, or has ended and wants it no more.
            return Ok(());
        };
        if let Some(exceeded) = self.visit.too_slow() {
            return Err(exceeded);
        }
        self.ears.do_send(news);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::{
        name::{Phase, Side},
        wire::Body,
    };

    use super::*;
    use crate::{
        guest::Guests,
        limits::{Limit, Limits},
        probe::probe,
    };

    fn message() -> Arc<StoredMessage> {
        let (side, body) = (Side::new("a"), Body::from_text("x".repeat(100)));
        Arc::new(StoredMessage { side, phase: Phase::Pake, body, server_rx: 1.0, id: None })
    }

    fn join(audience: &mut Audience, limits: Limits) -> SessionId {
        let session = SessionId::fresh();
        let visit = Guests::new(limits).arrive([192, 0, 2, 1].into(), None, || false).unwrap();
        audience.join(Join { session, visit, ears: probe().0 });
        session
    }

    #[actix::test]
    async fn everybody_hears_one_mailbox_at_most() {
        let tally = Tally::default();
        let mut audience = Audience::new(probe().0, probe().0, tally.clone());
        let [m, n] = ["m", "n"].map(MailboxId::new);
        let sessions = [(); 2].map(|()| join(&mut audience, Limits::default()));
        for session in sessions {
            audience.subscribe(session, &m);
        }
        assert_eq!(audience.of(&m), sessions);
        audience.subscribe(sessions[0], &n);
        assert_eq!(tally.subscriptions(), 2);
        assert_eq!(audience.of(&m), [sessions[1]]);
        audience.end(&m);
        assert!(!audience.hears(sessions[1], &m) && audience.of(&m).is_empty());
        assert_eq!(tally.subscriptions(), 1);
        audience.leave(sessions[0]);
        assert_eq!(tally.subscriptions(), 0);
        assert!(audience.of(&n).is_empty() && !audience.is_empty());
    }

    #[actix::test]
    async fn those_who_are_left_at_the_end_have_to_come_back() {
        let (shed, mut told) = probe();
        let mut audience = Audience::new(probe().0, shed, Tally::default());
        let [gone, left] = [(); 2].map(|()| join(&mut audience, Limits::default()));
        audience.leave(gone);
        drop(audience);
        assert_eq!(told.recv().await.unwrap().0, left);
        assert!(told.try_recv().is_err());
    }

    #[actix::test]
    async fn one_that_is_too_slow_is_condemned() {
        // By the places of its mailbox, of which a probe has sixteen, or by bytes.
        for (limits, told) in [(1 << 20, 17), (1_000, 11)] {
            let (watch, mut condemned) = probe();
            let mut audience = Audience::new(watch, probe().0, Tally::default());
            let limits = Limits::default().with(Limit::UnsentBytes, limits);
            let (m, session) = (MailboxId::new("m"), join(&mut audience, limits));
            audience.subscribe(session, &m);
            let taken = (1..100).find(|_| {
                audience.tell(session, &message());
                !audience.hears(session, &m)
            });
            assert!(audience.is_empty() && taken.is_some_and(|taken| taken <= told), "{taken:?}");
            let Condemn { session: who, exceeded } = condemned.recv().await.unwrap();
            assert_eq!((who, exceeded.limit), (session, Limit::UnsentBytes));
        }
    }
}
