//! Nameplates that rest: one that was freed is not handed out again for a while, so that somebody
//! who types an old code does not meet a stranger.

use std::{collections::HashMap, time::Duration};

/// When which nameplate was freed.
pub(crate) struct Resting {
    hold_down: f64,
    freed: HashMap<String, f64>,
}

/// What is longer is not handed out anyway.
const LONGEST: usize = 6;

impl Resting {
    /// Makes one in which nameplates rest for `hold_down`.
    pub(crate) fn new(hold_down: Duration) -> Self {
        Self { hold_down: hold_down.as_secs_f64(), freed: HashMap::new() }
    }

    /// Lets a nameplate rest from now on.
    pub(crate) fn begin(&mut self, name: &str, now: f64) {
        if self.hold_down > 0.0 && name.len() <= LONGEST {
            self.freed.insert(name.to_owned(), now);
        }
    }

    /// Tells whether a nameplate rests.
    pub(crate) fn rests(&self, name: &str, now: f64) -> bool {
        self.freed.get(name).is_some_and(|freed| now < freed + self.hold_down)
    }

    /// Forgets those that have rested.
    pub(crate) fn end(&mut self, now: f64) {
        let hold_down = self.hold_down;
        self.freed.retain(|_, freed| now < *freed + hold_down);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.freed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_nameplate_rests_for_a_while() {
        let mut resting = Resting::new(Duration::from_secs(10));
        resting.begin("7", 100.0);
        assert!(resting.rests("7", 109.9) && !resting.rests("8", 100.0));
        assert!(!resting.rests("7", 110.0));
        resting.end(109.9);
        assert!(!resting.is_empty());
        resting.end(110.0);
        assert!(resting.is_empty());
        resting.begin("1234567", 100.0);
        Resting::new(Duration::ZERO).begin("7", 100.0);
        assert!(resting.is_empty(), "never handed out");
    }
}
