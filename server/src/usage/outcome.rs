//! What came of a nameplate or a mailbox [mailbox-server.md: usage records].

use std::fmt;

use wormhole_protocol::name::Mood;

/// The result of a nameplate or a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Two sides met.
    Happy,
    /// One side came, or gave up.
    Lonely,
    /// A side found that the other had another key. Of mailboxes only.
    Scary,
    /// A side found an error. Of mailboxes only.
    Errory,
    /// It was forgotten, since nobody touched it.
    Pruney,
    /// More than two sides came.
    Crowded,
}

impl Outcome {
    /// All there are, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Happy, Self::Lonely, Self::Scary, Self::Errory, Self::Pruney, Self::Crowded];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Happy => "happy",
            Self::Lonely => "lonely",
            Self::Scary => "scary",
            Self::Errory => "errory",
            Self::Pruney => "pruney",
            Self::Crowded => "crowded",
        }
    }

    /// Judges a nameplate by the number of sides that came, those that were refused included.
    pub(crate) fn of_nameplate(sides: usize, end: End) -> Self {
        match (sides, end) {
            (3.., _) => Self::Crowded,
            (_, End::Pruned) => Self::Pruney,
            (2, _) => Self::Happy,
            _ => Self::Lonely,
        }
    }

    /// Judges a mailbox by the number of sides that came, those that were refused included, and by
    /// the moods in which they closed it.
    pub(crate) fn of_mailbox<'a>(
        sides: usize,
        moods: impl Iterator<Item = &'a Mood> + Clone,
        end: End,
    ) -> Self {
        let any = |mood| moods.clone().any(|other| *other == mood);
        match (sides, end) {
            (3.., _) => Self::Crowded,
            (_, End::Pruned) => Self::Pruney,
            _ if any(Mood::Scary) => Self::Scary,
            _ if any(Mood::Errory) => Self::Errory,
            _ if any(Mood::Lonely) => Self::Lonely,
            (2, _) => Self::Happy,
            _ => Self::Lonely,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The last of its sides.
    Left,
    /// The server, since nobody touched it.
    Pruned,
}

/// The times of a nameplate or mailbox, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Life {
    /// When its first side came, in unix time: that of [`steady`](crate::clock::steady) until it
    /// is recorded.
    pub(crate) started: f64,
    /// From then until a second side came.
    pub(crate) waiting: Option<f64>,
    /// From then until its end.
    pub(crate) total: f64,
}

impl Life {
    /// Measures it by the times at which its sides came; none where no side came.
    pub(crate) fn new(mut came: Vec<f64>, ended: f64) -> Option<Self> {
        // Not in the order of the clock where that was set back.
        came.sort_by(f64::total_cmp);
        let started = *came.first()?;
        let waiting = came.get(1).map(|second| second - started);
        Some(Self { started, waiting, total: (ended - started).max(0.0) })
    }
}

/// A nameplate or a mailbox that has ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Retired {
    Nameplate { life: Life, outcome: Outcome },
    Mailbox { life: Life, outcome: Outcome, for_nameplate: bool },
}

impl Retired {
    /// Gives its times.
    pub(super) fn life_mut(&mut self) -> &mut Life {
        match self {
            Self::Nameplate { life, .. } | Self::Mailbox { life, .. } => life,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nameplate_is_judged_by_its_sides() {
        for (sides, end, outcome) in [
            (1, End::Left, Outcome::Lonely),
            (2, End::Left, Outcome::Happy),
            (3, End::Left, Outcome::Crowded),
            (1, End::Pruned, Outcome::Pruney),
            (2, End::Pruned, Outcome::Pruney),
            (3, End::Pruned, Outcome::Crowded),
            (9, End::Pruned, Outcome::Crowded),
        ] {
            assert_eq!(Outcome::of_nameplate(sides, end), outcome, "{sides} {end:?}");
        }
    }

    #[test]
    fn a_mailbox_is_judged_by_its_worst_mood() {
        for (sides, moods, end, outcome) in [
            (1, &[][..], End::Left, Outcome::Lonely),
            (2, &[], End::Left, Outcome::Happy),
            (1, &["happy"], End::Left, Outcome::Lonely),
            (2, &["happy", "happy"], End::Left, Outcome::Happy),
            (2, &["happy", "unwelcome"], End::Left, Outcome::Happy),
            (2, &["scary?", ""], End::Left, Outcome::Happy),
            (2, &["lonely", "happy"], End::Left, Outcome::Lonely),
            (2, &["errory", "lonely"], End::Left, Outcome::Errory),
            (2, &["lonely", "errory"], End::Left, Outcome::Errory),
            (2, &["errory", "scary"], End::Left, Outcome::Scary),
            (2, &["scary", "errory"], End::Left, Outcome::Scary),
            (1, &["scary"], End::Left, Outcome::Scary),
            (1, &["errory"], End::Left, Outcome::Errory),
            (2, &["scary", "happy"], End::Pruned, Outcome::Pruney),
            (1, &[], End::Pruned, Outcome::Pruney),
            (3, &["scary"], End::Left, Outcome::Crowded),
            (3, &[], End::Pruned, Outcome::Crowded),
        ] {
            let told: Vec<_> = moods.iter().map(|mood| Mood::from((*mood).to_owned())).collect();
            let judged = Outcome::of_mailbox(sides, told.iter(), end);
            assert_eq!(judged, outcome, "{sides} {moods:?} {end:?}");
        }
    }

    #[test]
    fn a_life_begins_with_the_first_who_came() {
        let life = |came: &[f64], ended| Life::new(came.to_vec(), ended);
        assert_eq!(life(&[], 9.0), None);
        let alone = Life { started: 5.0, waiting: None, total: 4.0 };
        assert_eq!(life(&[5.0], 9.0), Some(alone));
        let met = Life { started: 5.0, waiting: Some(1.5), total: 4.0 };
        assert_eq!(life(&[8.0, 5.0, 6.5], 9.0), Some(met));
        assert_eq!(life(&[5.0], 4.0).map(|life| life.total), Some(0.0), "the clock was set back");
    }
}
