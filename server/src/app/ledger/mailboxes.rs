//! Open, add, close [mailbox-server.md: commands].

use std::sync::Arc;

use wormhole_protocol::name::{MailboxId, Mood, Side};

use super::Ledger;
use crate::{
    app::seats::Hold,
    engine::{Refusal, StoredMessage},
    limits::{Exceeded, Limit, Limits},
    store::{Change, Key, MailboxRow},
    usage::End,
};

/// What a close has done to its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Another side still has it open.
    Stays,
    /// It is gone, or was already.
    Gone,
}

impl Ledger {
    /// Tells whether there is such a mailbox.
    pub(crate) fn has_mailbox(&self, mailbox: &MailboxId) -> bool {
        self.rows.mailboxes.contains_key(mailbox)
    }

    /// Bytes of all messages in the mailbox.
    pub(crate) fn bytes(&self, mailbox: &MailboxId) -> u64 {
        self.rows.mailboxes.get(mailbox).map_or(0, |row| row.held.bytes)
    }

    /// Tells how `side` sits at a mailbox, as [`Seats::of`](crate::app::Seats::of) does; none
    /// where there is none.
    pub(crate) fn seat_in(
        &self,
        mailbox: &MailboxId,
        side: &Side,
    ) -> Option<Result<Option<Hold>, Refusal>> {
        self.rows.mailboxes.get(mailbox).map(|row| row.seats.of(side))
    }

    /// Asks whether `side` may sit at the mailbox.
    ///
    /// # Errors
    /// [`Refusal::Crowded`] where two others sit.
    pub(crate) fn check_seat(&mut self, mailbox: &MailboxId, side: &Side) -> Result<(), Refusal> {
        let row = self.rows.mailboxes.get_mut(mailbox);
        row.map_or(Ok(()), |row| row.seats.receive(side).map(drop))
    }

    /// Seats `side` at the mailbox, which is made where it is missing; a side that had closed it
    /// has it open again.
    ///
    /// # Errors
    /// [`Refusal::Crowded`] where two others sit.
    pub(crate) fn open(
        &mut self,
        mailbox: &MailboxId,
        side: &Side,
        now: f64,
    ) -> Result<(), Refusal> {
        if !self.has_mailbox(mailbox) {
            let row = MailboxRow::new(Key::of_invented(mailbox), now);
            self.changes.push(Change::MailboxMade { mailbox: row.key.clone(), updated: now });
            self.rows.mailboxes.insert(mailbox.clone(), row);
        }
        let Some(row) = self.rows.mailboxes.get_mut(mailbox) else { return Ok(()) };
        let (key, side) = (row.key.clone(), side.clone());
        let change = match row.seats.receive(&side)? {
            None => Some(Change::Opened { mailbox: key, side: side.clone(), added: now }),
            Some(Hold::Left) => Some(Change::Reopened { mailbox: key, side: side.clone() }),
            Some(Hold::Held) => None,
        };
        row.seats.hold(&side, now);
        self.changes.extend(change);
        self.changes.extend(row.touch(now));
        Ok(())
    }

    /// Puts a message into the mailbox, once `take` has found room for its bytes.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`] where there is no such mailbox, [`Refusal::Limit`] where it is full or
    /// there is no room.
    pub(crate) fn add(
        &mut self,
        mailbox: &MailboxId,
        message: Arc<StoredMessage>,
        limits: &Limits,
        take: impl FnOnce(u64) -> Result<(), Exceeded>,
    ) -> Result<(), Refusal> {
        let row = self.rows.mailboxes.get_mut(mailbox).ok_or(Refusal::NotOpen)?;
        let held = row.held.with(message.size());
        limits.check(Limit::MailboxMessages, held.messages)?;
        limits.check(Limit::MailboxBytes, held.bytes)?;
        take(held.bytes - row.held.bytes)?;
        row.held = held;
        self.changes.extend(row.touch(message.server_rx));
        self.changes.push(Change::Added { mailbox: row.key.clone(), message });
        Ok(())
    }

    /// Ends `side`'s part in the mailbox; the last to do so ends the mailbox. One that does not
    /// exist counts as closed.
    ///
    /// # Errors
    /// [`Refusal::Crowded`] where two others sit.
    pub(crate) fn close(
        &mut self,
        mailbox: &MailboxId,
        side: &Side,
        mood: Option<&Mood>,
        now: f64,
    ) -> Result<Closing, Refusal> {
        if !self.has_mailbox(mailbox) {
            return Ok(Closing::Gone);
        }
        self.open(mailbox, side, now)?;
        let Some(row) = self.rows.mailboxes.get_mut(mailbox) else { return Ok(Closing::Gone) };
        row.seats.leave(side, mood.cloned());
        if !row.seats.any_held() {
            self.end_mailbox(mailbox, End::Left, now);
            return Ok(Closing::Gone);
        }
        self.changes.push(Change::Closed {
            mailbox: row.key.clone(),
            side: side.clone(),
            mood: mood.cloned(),
        });
        Ok(Closing::Stays)
    }

    /// Forgets a mailbox, its messages, and the nameplates that lead there. Of those nothing is
    /// recorded where the mailbox was closed: its own record tells it.
    pub(super) fn end_mailbox(&mut self, mailbox: &MailboxId, end: End, now: f64) {
        let Some(row) = self.rows.mailboxes.remove(mailbox) else { return };
        for name in &row.nameplates {
            let nameplate = self.end_nameplate(name);
            if let (Some(nameplate), End::Pruned) = (nameplate, end) {
                self.retire_nameplate(&nameplate.seats, end, now);
            }
        }
        self.retire_mailbox(&row.seats, row.for_nameplate, end, now);
        self.changes.push(Change::MailboxGone { mailbox: row.key });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::{name::Phase, wire::Body};

    use super::*;
    use crate::store::Rows;

    #[test]
    fn the_last_close_ends_mailbox_and_nameplate() {
        let mut ledger = Ledger::new(Rows::default());
        let (m, a, b) = (MailboxId::new("m"), Side::new("a"), Side::new("b"));
        for side in [&a, &b] {
            ledger.claim(&8.into(), side, 1.0, m.clone()).unwrap();
        }
        assert_eq!(ledger.close(&m, &a, None, 2.0), Ok(Closing::Stays));
        assert_eq!(ledger.close(&m, &a, None, 2.0), Ok(Closing::Stays), "again");
        assert_eq!(ledger.list().len(), 1);
        assert_eq!(ledger.close(&m, &b, Some(&Mood::Happy), 3.0), Ok(Closing::Gone));
        assert!(ledger.is_empty());
        ledger.take_changes();
        assert_eq!(ledger.close(&m, &b, None, 4.0), Ok(Closing::Gone), "what is gone stays gone");
        assert!(ledger.take_changes().is_empty());
    }

    #[test]
    fn a_side_that_opens_again_keeps_the_mailbox() {
        let mut ledger = Ledger::new(Rows::default());
        let (m, a, b) = (MailboxId::new("m"), Side::new("a"), Side::new("b"));
        ledger.open(&m, &a, 1.0).unwrap();
        ledger.open(&m, &b, 1.0).unwrap();
        ledger.close(&m, &a, None, 2.0).unwrap();
        ledger.open(&m, &a, 3.0).unwrap();
        assert_eq!(ledger.close(&m, &b, None, 4.0), Ok(Closing::Stays));
    }

    #[test]
    fn a_full_mailbox_takes_no_more() {
        let mut ledger = Ledger::new(Rows::default());
        let (m, side) = (MailboxId::new("m"), Side::new("a"));
        ledger.open(&m, &side, 1.0).unwrap();
        let limits =
            Limits::default().with(Limit::MailboxMessages, 3).with(Limit::MailboxBytes, 20);
        let mut add = |length: usize| {
            let body = Body::from_text("x".repeat(length));
            let (side, phase) = (side.clone(), Phase::Number(0));
            let message = StoredMessage { side, phase, body, server_rx: 2.0, id: None };
            match ledger.add(&m, Arc::new(message), &limits, |_| Ok(())) {
                Ok(()) => None,
                Err(Refusal::Limit(exceeded)) => Some(exceeded.limit),
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(add(10), None);
        assert_eq!(add(7), Some(Limit::MailboxBytes), "the side and the phase count too");
        assert_eq!(add(4), None);
        assert_eq!(add(0), None);
        assert_eq!(add(0), Some(Limit::MailboxMessages));
    }

    #[test]
    fn a_third_side_can_neither_open_nor_close() {
        let mut ledger = Ledger::new(Rows::default());
        let (m, c) = (MailboxId::new("m"), Side::new("c"));
        for side in ["a", "b"] {
            ledger.open(&m, &Side::new(side), 1.0).unwrap();
        }
        ledger.take_changes();
        assert_eq!(ledger.open(&m, &c, 2.0), Err(Refusal::Crowded));
        assert_eq!(ledger.close(&m, &c, None, 2.0), Err(Refusal::Crowded));
        assert!(ledger.take_changes().is_empty());
    }
}
