//! Forgetting what nobody needs, when the hall says so [mailbox-server.md: pruning].

use actix::{Handler, Message};
use wormhole_protocol::name::MailboxId;

use super::{App, State, Surroundings, release::Release};
use crate::clock;

/// Forget mailboxes; the answer tells whether the app can be forgotten too.
#[derive(Clone, Copy, Debug, Message, PartialEq, Eq)]
#[rtype(result = "bool")]
pub(crate) enum Prune {
    /// Those that nobody has touched for long.
    Expired,
    /// All.
    All,
}

impl App {
    fn is_idle(&self) -> bool {
        let State::Ready(ledger) = &self.state else { return false };
        self.audience.is_empty()
            && self.pending.is_empty()
            && self.numbers.all_awake()
            && ledger.is_empty()
    }
}

impl Handler<Prune> for App {
    type Result = bool;

    fn handle(&mut self, prune: Prune, _: &mut Self::Context) -> bool {
        let now = clock::steady();
        let Surroundings { config, started, .. } = &self.surroundings;
        let deadline = match prune {
            Prune::All => Some(f64::INFINITY),
            // Clients that the last stop cut off have as long to come back as those that left by
            // themselves.
            Prune::Expired if started.elapsed() < config.expiry => None,
            Prune::Expired => Some(now - config.expiry.as_secs_f64()),
        };
        if let Some(deadline) = deadline
            && let State::Ready(ledger) = &mut self.state
        {
            let listened = |id: &MailboxId| !self.audience.of(id).is_empty();
            let ended = ledger.prune(now, deadline, listened);
            if ended > 0 {
                tracing::info!(ended, "forgot mailboxes that nobody has touched");
            }
            self.commit(None, Release::default(), now);
        }
        self.numbers.wake(now);
        self.is_idle()
    }
}
