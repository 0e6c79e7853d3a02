//! What the operator may change while the server runs.

use std::sync::{Arc, PoisonError, RwLock};

use crate::peer::Proxies;

/// What the welcome says to every client, besides the client's own address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// Shown to the people at both ends.
    pub motd: Option<String>,
    /// Turns every client away with this text.
    pub error: Option<String>,
    /// The newest version of the Python client, which older ones then advise to install.
    pub current_cli_version: Option<String>,
}

/// What holds from the next connection or command on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What the welcome says; by default nothing.
    pub welcome: Welcome,
    /// Whether `list` tells the nameplates in use; otherwise it answers with none.
    pub listing: bool,
    /// Peers that are believed when they say for whom they connect; by default none.
    pub trusted_proxies: Proxies,
}

impl Default for Rules {
    fn default() -> Self {
        Self { welcome: Welcome::default(), listing: true, trusted_proxies: Proxies::default() }
    }
}

/// The rules of a server, which clones share: keep one to change them while it runs.
#[derive(Clone, Debug, Default)]
pub struct LiveRules(Arc<RwLock<Arc<Rules>>>);

impl LiveRules {
    /// Tells the rules as they are now.
    pub fn now(&self) -> Arc<Rules> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has other rules hold from now on; nobody is disconnected.
    pub fn set(&self, rules: Rules) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }
}

impl From<Rules> for LiveRules {
    fn from(rules: Rules) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(rules))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_hear_of_a_change() {
        let rules = LiveRules::default();
        let other = rules.clone();
        let before = other.now();
        rules.set(Rules { listing: false, ..Rules::default() });
        assert!(before.listing);
        assert!(!other.now().listing);
    }
}
