//! Forgetting what nobody has touched for long [mailbox-server.md: pruning].

use wormhole_protocol::name::MailboxId;

use super::Ledger;
use crate::usage::End;

impl Ledger {
    /// Ends the mailboxes last touched at `deadline` or before, with their nameplates; those that
    /// are `listened` to are touched instead. Gives the number of mailboxes that ended.
    pub(crate) fn prune(
        &mut self,
        now: f64,
        deadline: f64,
        listened: impl Fn(&MailboxId) -> bool,
    ) -> usize {
        for (id, row) in &mut self.rows.mailboxes {
            if listened(id) {
                self.changes.extend(row.touch(now));
            }
        }
        let old: Vec<MailboxId> = self
            .rows
            .mailboxes
            .iter()
            .filter(|(id, row)| row.updated() <= deadline && !listened(id))
            .map(|(id, _)| id.clone())
            .collect();
        for mailbox in &old {
            self.end_mailbox(mailbox, End::Pruned, now);
        }
        old.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::name::Side;

    use super::*;
    use crate::store::Rows;

    #[test]
    fn the_old_go_unless_somebody_listens() {
        let mut ledger = Ledger::new(Rows::default());
        let side = Side::new("a");
        let [old, heard, young] = ["old", "heard", "young"].map(MailboxId::new);
        ledger.claim(&1.into(), &side, 100.0, old).unwrap();
        ledger.claim(&2.into(), &side, 100.0, heard.clone()).unwrap();
        ledger.claim(&3.into(), &side, 101.0, young).unwrap();
        assert_eq!(ledger.prune(760.0, 100.0, |id| *id == heard), 1);
        let left: Vec<String> = ledger.list().into_iter().map(|listed| listed.id).collect();
        assert_eq!(left, ["2", "3"]);
        assert_eq!(ledger.prune(861.0, 201.0, |_| false), 1, "the young one");
        assert_eq!(ledger.prune(1420.0, 760.0, |_| false), 1, "the one that was heard at 760");
        assert!(ledger.is_empty());
    }
}
