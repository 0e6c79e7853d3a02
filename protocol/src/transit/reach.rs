//! What one side says in its transit messages of how it can be reached [transit.md: abilities and
//! hints].

use super::hints::{Abilities, Hints};

/// How one side can be reached: the ways that it uses, and its addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// The ways.
    pub abilities: Abilities,
    /// The addresses, at most [`Hints::MAX_DIRECT`] and [`Hints::MAX_RELAYS`] of them.
    pub hints: Hints,
}

impl Default for Reach {
    /// By every way, and nowhere yet.
    fn default() -> Self {
        Self { abilities: Abilities::ALL, hints: Hints::default() }
    }
}

impl Reach {
    /// Adds what a transit message says. One that lists no way that we know is taken for one that
    /// lists all, as programs that do not look at the list take it.
    pub fn add(&mut self, abilities: Abilities, hints: Hints) {
        let none = Abilities { direct_tcp: false, relay: false };
        self.abilities = if abilities == none { Abilities::ALL } else { abilities };
        let Self { hints: known, .. } = self;
        known.direct.extend(hints.direct);
        known.tor.extend(hints.tor);
        known.relays.extend(hints.relays);
        known.direct.truncate(Hints::MAX_DIRECT);
        known.tor.truncate(Hints::MAX_DIRECT);
        known.relays.truncate(Hints::MAX_RELAYS);
    }
}

/// By every way.
impl From<Hints> for Reach {
    fn from(hints: Hints) -> Self {
        let mut reach = Self::default();
        reach.add(Abilities::ALL, hints);
        reach
    }
}

/// By every way.
impl From<&Hints> for Reach {
    fn from(hints: &Hints) -> Self {
        hints.clone().into()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::transit::DirectHint;

    #[test]
    fn messages_add_up_within_bounds() {
        let hint = |port: u16| DirectHint {
            hostname: "192.0.2.7".into(),
            port: port.try_into().unwrap(),
            priority: 0.0,
        };
        let mut reach = Reach::default();
        for _ in 0..3 {
            let direct: Vec<_> = (1..=30).map(hint).collect();
            let relays = direct.iter().take(3).cloned().map(Into::into).collect();
            let hints = Hints { direct, relays, ..Hints::default() };
            reach.add(Abilities { direct_tcp: true, relay: false }, hints);
        }
        assert_eq!((reach.hints.direct.len(), reach.hints.relays.len()), (50, 4));
        assert!(!reach.abilities.relay);
        reach.add(Abilities { direct_tcp: false, relay: false }, Hints::default());
        assert_eq!(reach.abilities, Abilities::ALL);
    }
}
