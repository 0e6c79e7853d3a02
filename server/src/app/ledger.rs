//! The truth about one app: its nameplates, its mailboxes, and who sits at them.
//!
//! Pure decisions: each either refuses and changes nothing, or changes the rows here and notes
//! the same change for the store. Messages are only in the store.

mod mailboxes;
mod nameplates;
mod prune;

use crate::{
    app::Seats,
    census::Census,
    store::{Change, Rows},
    usage::{End, Outcome, Retired},
};

pub(crate) use mailboxes::Closing;

/// The rows of one app, and the changes that the store has not been told yet.
pub(crate) struct Ledger {
    rows: Rows,
    changes: Vec<Change>,
    retired: Vec<Retired>,
}

impl Ledger {
    /// Starts from what the store holds.
    pub(crate) fn new(rows: Rows) -> Self {
        Self { rows, changes: Vec::new(), retired: Vec::new() }
    }

    /// Gives the changes since the last time.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Counts what there is.
    pub(crate) fn census(&self) -> Census {
        let held = self.rows.mailboxes.values().map(|row| row.held);
        Census {
            nameplates: self.rows.nameplates.len() as u64,
            mailboxes: self.rows.mailboxes.len() as u64,
            messages: held.clone().map(|held| held.messages).sum(),
            bytes: held.map(|held| held.bytes).sum(),
            ..Census::default()
        }
    }

    /// Gives what has ended since the last time.
    pub(crate) fn take_retired(&mut self) -> Vec<Retired> {
        std::mem::take(&mut self.retired)
    }

    fn retire_nameplate(&mut self, seats: &Seats, end: End, now: f64) {
        let Some(life) = seats.life(now) else { return };
        let outcome = Outcome::of_nameplate(seats.came(), end);
        self.retired.push(Retired::Nameplate { life, outcome });
    }

    fn retire_mailbox(&mut self, seats: &Seats, for_nameplate: bool, end: End, now: f64) {
        let Some(life) = seats.life(now) else { return };
        let outcome = Outcome::of_mailbox(seats.came(), seats.moods(), end);
        self.retired.push(Retired::Mailbox { life, outcome, for_nameplate });
    }

    /// Tells whether there is nothing to remember.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.mailboxes.is_empty() && self.rows.nameplates.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
