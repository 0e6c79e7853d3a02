//! Allocate, claim, release [mailbox-server.md: commands].

use wormhole_protocol::{
    name::{MailboxId, Nameplate, Side},
    wire::ListedNameplate,
};

use super::Ledger;
use crate::{
    app::seats::Hold,
    engine::Refusal,
    store::{Change, Key, MailboxRow, NameplateRow},
    usage::End,
};

/// The Go client takes no frame over 32 KiB.
const LIST_BYTES: usize = 31 << 10;

/// Who makes up a longer nameplate does not want it to be found.
const LISTED_DIGITS: usize = 9;

impl Ledger {
    /// Lists the nameplates, sorted as texts, as many as fit. Nobody has to complete a long one.
    pub(crate) fn list(&self) -> Vec<ListedNameplate> {
        let mut room = LIST_BYTES;
        let short = self.rows.nameplates.keys().filter(|name| name.len() <= LISTED_DIGITS);
        let fitting = short.take_while(|name| {
            // As they are written: {"id":"7"},
            let size = name.len() + 10;
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        });
        fitting.map(|name| ListedNameplate { id: name.clone() }).collect()
    }

    /// Tells whether a nameplate is in use.
    pub(crate) fn has(&self, nameplate: &Nameplate) -> bool {
        self.rows.nameplates.contains_key(nameplate.as_str())
    }

    /// Tells how `side` sits at a nameplate, as [`Seats::of`](crate::app::Seats::of) does, and
    /// gives its mailbox; none where it is not in use.
    pub(crate) fn seat_at(
        &self,
        nameplate: &Nameplate,
        side: &Side,
    ) -> Option<(MailboxId, Result<Option<Hold>, Refusal>)> {
        let row = self.rows.nameplates.get(nameplate.as_str())?;
        Some((row.mailbox.clone(), row.seats.of(side)))
    }

    /// Seats `side` at the nameplate and its mailbox; where there is none, `fresh` is its mailbox.
    ///
    /// # Errors
    /// [`Refusal::Reclaimed`] where the side had released it, [`Refusal::Crowded`] where two
    /// others sit at either.
    pub(crate) fn claim(
        &mut self,
        nameplate: &Nameplate,
        side: &Side,
        now: f64,
        fresh: MailboxId,
    ) -> Result<MailboxId, Refusal> {
        let name = nameplate.as_str();
        let Some(row) = self.rows.nameplates.get_mut(name) else {
            self.make_nameplate(name, fresh.clone(), now);
            self.seat_at_nameplate(name, side, now);
            self.open(&fresh, side, now)?;
            return Ok(fresh);
        };
        let (mailbox, hold) = (row.mailbox.clone(), row.seats.receive(side));
        if hold.is_err() {
            // Who is sent away from the nameplate would have opened the mailbox too.
            self.check_seat(&mailbox, side)?;
        }
        let hold = hold?;
        if hold == Some(Hold::Left) {
            return Err(Refusal::Reclaimed);
        }
        self.open(&mailbox, side, now)?;
        if hold.is_none() {
            self.seat_at_nameplate(name, side, now);
        }
        Ok(mailbox)
    }

    fn make_nameplate(&mut self, name: &str, mailbox: MailboxId, now: f64) {
        let key = Key::of_nameplate(&mailbox);
        self.changes.push(Change::MailboxMade { mailbox: key.clone(), updated: now });
        self.changes.push(Change::NameplateMade { name: name.to_owned(), mailbox: key.clone() });
        let mut row = MailboxRow::new(key, now);
        row.nameplates.push(name.to_owned());
        self.rows.mailboxes.insert(mailbox.clone(), row);
        self.rows.nameplates.insert(name.to_owned(), NameplateRow::new(mailbox));
    }

    fn seat_at_nameplate(&mut self, name: &str, side: &Side, now: f64) {
        let Some(row) = self.rows.nameplates.get_mut(name) else { return };
        row.seats.hold(side, now);
        self.changes.push(Change::Claimed {
            nameplate: name.to_owned(),
            side: side.clone(),
            added: now,
        });
    }

    /// Gives `side`'s seat back; the last to do so ends the nameplate. What was never claimed
    /// counts as released.
    pub(crate) fn release(&mut self, name: &str, side: &Side, now: f64) {
        let Some(row) = self.rows.nameplates.get_mut(name) else { return };
        if row.seats.of(side) != Ok(Some(Hold::Held)) {
            return;
        }
        row.seats.leave(side, None);
        if row.seats.any_held() {
            let change = Change::Released { nameplate: name.to_owned(), side: side.clone() };
            self.changes.push(change);
        } else if let Some(row) = self.end_nameplate(name) {
            self.retire_nameplate(&row.seats, End::Left, now);
        }
    }

    /// Forgets a nameplate and who sat there.
    pub(super) fn end_nameplate(&mut self, name: &str) -> Option<NameplateRow> {
        let row = self.rows.nameplates.remove(name)?;
        if let Some(mailbox) = self.rows.mailboxes.get_mut(&row.mailbox) {
            mailbox.nameplates.retain(|other| other != name);
        }
        self.changes.push(Change::NameplateGone { name: name.to_owned() });
        Some(row)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::wire::{Answer, Reply};

    use super::*;
    use crate::store::Rows;

    fn ledger() -> Ledger {
        Ledger::new(Rows::default())
    }

    fn claim(ledger: &mut Ledger, name: &str, side: &str, fresh: &str) -> Result<String, Refusal> {
        let name = name.parse().unwrap();
        let mailbox = ledger.claim(&name, &Side::new(side), 1.0, MailboxId::new(fresh))?;
        Ok(mailbox.as_str().to_owned())
    }

    #[test]
    fn long_nameplates_are_not_listed() {
        let mut ledger = ledger();
        for (name, mailbox) in [("123456789", "m"), ("1234567890", "n")] {
            claim(&mut ledger, name, "a", mailbox).unwrap();
        }
        let listed: Vec<_> = ledger.list().into_iter().map(|nameplate| nameplate.id).collect();
        assert_eq!(listed, ["123456789"]);
        assert!(ledger.has(&"1234567890".parse().unwrap()));
    }

    #[test]
    fn a_list_is_no_longer_than_the_go_client_takes() {
        let mut ledger = ledger();
        for number in 10_000..20_000_u32 {
            let name = number.to_string();
            ledger.claim(&number.into(), &Side::new("a"), 1.0, MailboxId::new(name)).unwrap();
        }
        let nameplates = ledger.list();
        assert!(nameplates.len() > 2_000);
        let frame = Reply { answer: Answer::Nameplates { nameplates }, server_tx: 1.7e9 };
        assert!(frame.to_frame().len() <= 32 << 10);
    }

    #[test]
    fn a_third_side_is_refused_and_leaves_no_trace() {
        let mut ledger = ledger();
        assert_eq!(claim(&mut ledger, "8", "a", "m").unwrap(), "m");
        assert_eq!(claim(&mut ledger, "8", "b", "x").unwrap(), "m");
        ledger.take_changes();
        assert_eq!(claim(&mut ledger, "8", "c", "x"), Err(Refusal::Crowded));
        assert!(ledger.take_changes().is_empty());
        assert_eq!(claim(&mut ledger, "8", "a", "x").unwrap(), "m");
    }

    #[test]
    fn a_nameplate_whose_mailbox_is_full_is_crowded() {
        let mut ledger = ledger();
        claim(&mut ledger, "8", "a", "m").unwrap();
        ledger.open(&MailboxId::new("m"), &Side::new("b"), 1.0).unwrap();
        ledger.take_changes();
        assert_eq!(claim(&mut ledger, "8", "c", "x"), Err(Refusal::Crowded));
        assert!(ledger.take_changes().is_empty());
    }

    #[test]
    fn the_last_release_ends_the_nameplate_and_a_claim_makes_another_mailbox() {
        let mut ledger = ledger();
        claim(&mut ledger, "8", "a", "m").unwrap();
        claim(&mut ledger, "8", "b", "m").unwrap();
        ledger.release("8", &Side::new("a"), 2.0);
        assert_eq!(claim(&mut ledger, "8", "a", "x"), Err(Refusal::Reclaimed));
        ledger.release("8", &Side::new("c"), 2.0);
        ledger.release("no such", &Side::new("a"), 2.0);
        assert_eq!(ledger.list().len(), 1);
        ledger.release("8", &Side::new("b"), 2.0);
        assert!(ledger.list().is_empty());
        assert_eq!(claim(&mut ledger, "8", "a", "n").unwrap(), "n");
    }
}
