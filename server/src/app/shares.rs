//! For whose account each nameplate and mailbox is, and the bytes in it: kept in memory alone, since
//! no address is written to disk.

use std::collections::HashMap;

use wormhole_protocol::name::{AppId, MailboxId, Nameplate};

use crate::{
    limits::Exceeded,
    network::Network,
    quota::{Quota, Share},
    store::Rows,
};

/// The shares of all that an app holds. What was there before the server started is nobody's, and
/// counts in total only.
pub(crate) struct Shares {
    stored: Quota,
    nameplates: HashMap<String, Share>,
    mailboxes: HashMap<MailboxId, Stake>,
}

/// What a mailbox takes.
#[derive(Default)]
pub(crate) struct Stake {
    /// Its place among those of its maker.
    place: Option<Share>,
    /// Its bytes, of each network that has put some in.
    bytes: Vec<Share>,
}

impl Shares {
    /// Makes one of which nothing is taken; bytes are taken of `stored`.
    pub(crate) fn new(stored: Quota) -> Self {
        Self { stored, nameplates: HashMap::new(), mailboxes: HashMap::new() }
    }

    /// Takes bytes for something that is about to be stored.
    ///
    /// # Errors
    /// [`Exceeded`] where the network or all have too many.
    pub(crate) fn take(&self, network: Option<Network>, bytes: u64) -> Result<Share, Exceeded> {
        self.stored.take(network, bytes)
    }

    /// Takes bytes for a message that is about to be put into a mailbox.
    ///
    /// # Errors
    /// [`Exceeded`] where the network or all have too many.
    pub(crate) fn put(
        &mut self,
        mailbox: &MailboxId,
        network: Option<Network>,
        bytes: u64,
    ) -> Result<(), Exceeded> {
        let stake = self.mailboxes.entry(mailbox.clone()).or_default();
        if let Some(share) = stake.bytes.iter().find(|share| share.network() == network) {
            return share.grow(bytes);
        }
        stake.bytes.push(self.stored.take(network, bytes)?);
        Ok(())
    }

    pub(crate) fn keep_nameplate(&mut self, nameplate: &Nameplate, share: Option<Share>) {
        self.nameplates.extend(share.map(|share| (nameplate.to_string(), share)));
    }

    pub(crate) fn keep_mailbox(&mut self, mailbox: &MailboxId, stake: Stake) {
        self.mailboxes.insert(mailbox.clone(), stake);
    }

    /// Who has made a nameplate; none where that is not known.
    pub(crate) fn maker_of_nameplate(&self, nameplate: &Nameplate) -> Option<Network> {
        self.nameplates.get(nameplate.as_str()).and_then(Share::network)
    }

    /// Who has made a mailbox; none where that is not known.
    pub(crate) fn maker_of_mailbox(&self, mailbox: &MailboxId) -> Option<Network> {
        self.mailboxes.get(mailbox)?.place.as_ref().and_then(Share::network)
    }

    pub(crate) fn give_back_nameplate(&mut self, name: &str) -> Option<Share> {
        self.nameplates.remove(name)
    }

    pub(crate) fn give_back_mailbox(&mut self, mailbox: &MailboxId) {
        self.mailboxes.remove(mailbox);
    }

    /// Has taken what is in `rows`, and nothing else.
    pub(crate) fn settle(&mut self, app: &AppId, rows: &Rows) {
        self.nameplates.retain(|name, _| rows.nameplates.contains_key(name));
        self.mailboxes.retain(|mailbox, _| rows.mailboxes.contains_key(mailbox));
        for (mailbox, row) in &rows.mailboxes {
            let stake = self.mailboxes.entry(mailbox.clone()).or_default();
            stake.settle(&self.stored, row.room(app));
        }
    }
}

impl Stake {
    pub(crate) fn new(place: Option<Share>, bytes: Share) -> Self {
        Self { place, bytes: vec![bytes] }
    }

    /// What it has too much comes from the last that put something in; what is missing is nobody's.
    fn settle(&mut self, stored: &Quota, bytes: u64) {
        let mut spare = self.bytes.iter().map(Share::amount).sum::<u64>().saturating_sub(bytes);
        while spare > 0
            && let Some(share) = self.bytes.pop()
        {
            let surplus = spare.min(share.amount());
            share.shrink(surplus);
            spare -= surplus;
            if share.amount() > 0 {
                self.bytes.push(share);
            }
        }
        let taken = self.bytes.iter().map(Share::amount).sum::<u64>();
        if taken < bytes {
            let share = stored.share(None);
            share.add(bytes - taken);
            self.bytes.push(share);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        limits::{Limit, Limits},
        store::{Held, Key, MailboxRow},
    };

    fn rows(mailbox: &MailboxId, bytes: u64) -> Rows {
        let mut row = MailboxRow::new(Key::of_invented(mailbox), 1.0);
        row.held = Held { messages: 1, bytes };
        Rows { mailboxes: [(mailbox.clone(), row)].into(), ..Rows::default() }
    }

    #[test]
    fn bytes_count_for_who_put_them_in_and_those_of_before_in_total() {
        let limits = Limits::default()
            .with(Limit::StoredBytes, 1_000_000)
            .with(Limit::AddressStoredBytes, 10_000);
        let stored = Quota::sparing(limits, Limit::StoredBytes, Limit::AddressStoredBytes);
        let (app, m) = (AppId::new("app"), MailboxId::new("m"));
        let from = |last| Some(Network::from(std::net::IpAddr::from([192, 0, 2, last])));
        let mut shares = Shares::new(stored.clone());
        shares.settle(&app, &rows(&m, 500_000));
        let before = stored.taken();
        assert!((500_000..505_000).contains(&before), "{before}");
        assert_eq!(stored.heaviest(), None, "nobody's");

        shares.put(&m, from(1), 6_000).unwrap();
        shares.put(&m, from(2), 7_000).unwrap();
        shares.put(&m, from(1), 4_000).unwrap();
        assert!(shares.put(&m, from(1), 1).is_err());
        assert_eq!(stored.heaviest(), Some((from(1).unwrap(), 10_000)));

        // Of what was put in only a part was written.
        shares.settle(&app, &rows(&m, 508_000));
        assert_eq!(stored.taken(), before + 8_000);
        shares.settle(&app, &Rows::default());
        assert!(stored.is_forgotten());
    }
}
