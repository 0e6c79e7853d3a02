//! How often each thing has happened since the start, in counters that anybody may read.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{ClientVersion, Outcome, Retired};

/// The counters; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Counts>);

#[derive(Default)]
struct Counts {
    nameplates: [AtomicU64; Outcome::ALL.len()],
    mailboxes: [AtomicU64; Outcome::ALL.len()],
    binds: [AtomicU64; ClientKind::ALL.len()],
    subscriptions: AtomicU64,
}

/// What sort of client has bound. Its own words are no label: it may choose any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientKind {
    /// It did not say.
    Unknown,
    Python,
    Rust,
    Go,
    Other,
}

impl ClientKind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Unknown, Self::Python, Self::Rust, Self::Go, Self::Other];

    /// Tells it by the name of the implementation; ours and `magic-wormhole.rs` are in Rust.
    fn of(client: Option<&ClientVersion>) -> Self {
        match client.map(|client| client.implementation.as_str()) {
            None => Self::Unknown,
            Some("python") => Self::Python,
            Some("rust" | "magic-wormhole.rs" | "wormhole-client") => Self::Rust,
            Some(name) if name.starts_with("rust-") => Self::Rust,
            Some(name) if name == "go" || name.starts_with("go-") => Self::Go,
            Some(_) => Self::Other,
        }
    }

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Python => "python",
            Self::Rust => "rust",
            Self::Go => "go",
            Self::Other => "other",
        }
    }
}

/// A connection has a mailbox open, as long as this lives.
pub(crate) struct Subscription(Tally);

impl Tally {
    pub(super) fn count(&self, retired: &Retired) {
        let (counters, outcome) = match retired {
            Retired::Nameplate { outcome, .. } => (&self.0.nameplates, outcome),
            Retired::Mailbox { outcome, .. } => (&self.0.mailboxes, outcome),
        };
        counters[*outcome as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn count_bind(&self, client: Option<&ClientVersion>) {
        self.0.binds[ClientKind::of(client) as usize].fetch_add(1, Relaxed);
    }

    /// Counts a subscription until it is dropped.
    pub(crate) fn subscribe(&self) -> Subscription {
        self.0.subscriptions.fetch_add(1, Relaxed);
        Subscription(self.clone())
    }

    /// How many connections have a mailbox open now.
    pub(crate) fn subscriptions(&self) -> u64 {
        self.0.subscriptions.load(Relaxed)
    }
}

/// What the counters say.
impl Tally {
    /// How many nameplates have ended so.
    pub(crate) fn nameplates(&self, outcome: Outcome) -> u64 {
        self.0.nameplates[outcome as usize].load(Relaxed)
    }

    /// How many mailboxes have ended so.
    pub(crate) fn mailboxes(&self, outcome: Outcome) -> u64 {
        self.0.mailboxes[outcome as usize].load(Relaxed)
    }

    /// How many binds there were of such clients.
    pub(crate) fn binds(&self, kind: ClientKind) -> u64 {
        self.0.binds[kind as usize].load(Relaxed)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.0.0.subscriptions.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Life;

    #[test]
    fn each_outcome_and_kind_has_its_counter() {
        let (tally, other) = (Tally::default(), Tally::default());
        let life = Life { started: 1.0, waiting: None, total: 1.0 };
        for (times, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, times);
            for _ in 0..times {
                tally.clone().count(&Retired::Nameplate { life, outcome });
            }
            tally.count(&Retired::Mailbox { life, outcome, for_nameplate: true });
        }
        assert_eq!(Outcome::ALL.map(|outcome| tally.nameplates(outcome)), [0, 1, 2, 3, 4, 5]);
        assert_eq!(Outcome::ALL.map(|outcome| tally.mailboxes(outcome)), [1; 6]);
        assert_eq!(Outcome::ALL.map(|outcome| other.mailboxes(outcome)), [0; 6]);

        let named = ["python", "rust", "wormhole-client", "go-william", "Python", "go\n", "", "r"];
        for name in named {
            let (implementation, version) = (name.to_owned(), "1".to_owned());
            tally.count_bind(Some(&ClientVersion { implementation, version }));
        }
        tally.count_bind(None);
        let binds = ClientKind::ALL.map(|kind| (kind.as_str(), tally.binds(kind)));
        assert_eq!(binds, [("unknown", 1), ("python", 1), ("rust", 2), ("go", 1), ("other", 4)]);
    }

    #[test]
    fn a_subscription_counts_while_it_lasts() {
        let tally = Tally::default();
        let one = tally.subscribe();
        let _other = tally.subscribe();
        assert_eq!(tally.subscriptions(), 2);
        drop(one);
        assert_eq!(tally.subscriptions(), 1);
    }
}
