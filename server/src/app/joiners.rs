//! Who has joined what somebody else has made, as long as it is not known what comes of it.

use std::{collections::HashMap, time::Instant};

use wormhole_protocol::name::{MailboxId, Mood, Phase};

use crate::{guest::Joining, network::Network};

/// The joins at each mailbox.
#[derive(Default)]
pub(crate) struct Joiners(HashMap<MailboxId, Vec<Joining>>);

impl Joiners {
    pub(crate) fn keep(&mut self, mailbox: &MailboxId, join: Option<Joining>) {
        if let Some(join) = join {
            self.0.entry(mailbox.clone()).or_default().push(join);
        }
    }

    /// A message has come from a network, where that is known. Who says more than what opens a
    /// wormhole has met the right client; nobody vouches for those of the own network.
    pub(crate) fn hear(&mut self, mailbox: &MailboxId, from: Option<Network>, phase: &Phase) {
        if !matches!(phase, Phase::Pake | Phase::Version) {
            self.vouch(mailbox, from);
        }
    }

    /// A client has closed the mailbox.
    pub(crate) fn close(
        &mut self,
        mailbox: &MailboxId,
        from: Option<Network>,
        mood: Option<&Mood>,
    ) {
        match mood {
            Some(Mood::Happy) => self.vouch(mailbox, from),
            Some(Mood::Scary | Mood::Errory) => self.suspect(mailbox),
            _ => (),
        }
    }

    /// Somebody was sent away, who may have been the right client.
    pub(crate) fn suspect(&mut self, mailbox: &MailboxId) {
        for join in self.0.get_mut(mailbox).into_iter().flatten() {
            join.suspect(Instant::now());
        }
    }

    /// The mailbox is gone.
    pub(crate) fn forget(&mut self, mailbox: &MailboxId) {
        self.0.remove(mailbox);
    }

    fn vouch(&mut self, mailbox: &MailboxId, from: Option<Network>) {
        let Some(joins) = self.0.get_mut(mailbox) else { return };
        joins.extract_if(.., |join| from != Some(join.network())).for_each(Joining::succeed);
        if joins.is_empty() {
            self.0.remove(mailbox);
        }
    }
}
