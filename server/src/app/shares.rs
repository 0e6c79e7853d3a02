//! For whose account each nameplate and mailbox is: kept in memory alone, since no address is
//! written to disk.

use std::collections::HashMap;

use wormhole_protocol::name::{MailboxId, Nameplate};

use crate::{network::Network, quota::Share, store::Rows};

/// The shares of all that was made since the server started.
#[derive(Default)]
pub(crate) struct Shares {
    nameplates: HashMap<String, Share>,
    mailboxes: HashMap<MailboxId, Share>,
}

impl Shares {
    pub(crate) fn keep_nameplate(&mut self, nameplate: &Nameplate, share: Option<Share>) {
        self.nameplates.extend(share.map(|share| (nameplate.to_string(), share)));
    }

    pub(crate) fn keep_mailbox(&mut self, mailbox: &MailboxId, share: Option<Share>) {
        self.mailboxes.extend(share.map(|share| (mailbox.clone(), share)));
    }

    /// Who has made a nameplate; none where that is not known.
    pub(crate) fn maker_of_nameplate(&self, nameplate: &Nameplate) -> Option<Network> {
        self.nameplates.get(nameplate.as_str()).and_then(Share::network)
    }

    /// Who has made a mailbox; none where that is not known.
    pub(crate) fn maker_of_mailbox(&self, mailbox: &MailboxId) -> Option<Network> {
        self.mailboxes.get(mailbox).and_then(Share::network)
    }

    pub(crate) fn give_back_nameplate(&mut self, name: &str) -> Option<Share> {
        self.nameplates.remove(name)
    }

    pub(crate) fn give_back_mailbox(&mut self, mailbox: &MailboxId) {
        self.mailboxes.remove(mailbox);
    }

    /// Gives back all but those of what is in `rows`.
    pub(crate) fn keep_only(&mut self, rows: &Rows) {
        self.nameplates.retain(|name, _| rows.nameplates.contains_key(name));
        self.mailboxes.retain(|mailbox, _| rows.mailboxes.contains_key(mailbox));
    }
}
