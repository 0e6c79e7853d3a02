//! What Tab does to what was begun.

use std::collections::BTreeSet;

use super::{near::nearest, place::Place};

/// The most that is shown at once.
const SHOWN: usize = 24;
/// How wide a row of what is shown may be.
const WIDTH: usize = 76;

/// What Tab does: what stands there afterwards, and what is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) text: String,
    pub(super) remark: Option<String>,
}

impl Offer {
    /// Chooses among all that may stand at a place: nameplates with their hyphens, or words with
    /// the ones before them; none of these while the server has not answered.
    pub(super) fn among(place: &Place<'_>, all: &BTreeSet<String>) -> Self {
        let begun = place.begun();
        let (kept, silent, odd) = match place {
            Place::Nameplate { .. } => ("", NO_NAMEPLATES, OTHER_NAMEPLATE),
            Place::Word { kept, .. } => (*kept, NO_WORDS, OTHER_WORD),
        };
        if all.is_empty() {
            return Self::nothing(begun, silent);
        }
        let all = || all.iter().filter_map(|whole| whole.strip_prefix(kept));
        let fitting: Vec<_> = all().filter(|one| one.starts_with(begun)).collect();
        match fitting[..] {
            [only] => Self { text: only.to_owned(), remark: None },
            [] => match (place, &nearest(begun, all())[..]) {
                (Place::Nameplate { .. }, _) | (_, []) => Self::nothing(begun, odd),
                (_, [only]) => Self { text: (*only).to_owned(), remark: None },
                (_, several) => Self::nothing(begun, &format!("did you mean:{}", rows(several))),
            },
            [first, ..] => {
                let common = fitting.iter().fold(first, |common, one| shared(common, one));
                Self { text: common.to_owned(), remark: Some(rows(&fitting)) }
            }
        }
    }

    /// Leaves what was begun as it is, and says why.
    pub(super) fn nothing(begun: &str, remark: &str) -> Self {
        Self { text: begun.to_owned(), remark: Some(remark.to_owned()) }
    }
}

const NO_NAMEPLATES: &str = "the server has listed no code in use yet";
const OTHER_NAMEPLATE: &str = "the server has listed no code in use that begins so";
const NO_WORDS: &str = "the server has not answered yet: press Tab again";
const OTHER_WORD: &str = "no word of the list is like this";

/// How far both begin alike.
fn shared<'a>(one: &'a str, other: &str) -> &'a str {
    let differ = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    let end = differ.map_or(one.len().min(other.len()), |((at, _), _)| at);
    &one[..end]
}

/// Writes candidates without their hyphens in rows, and how many there is no room for.
fn rows(candidates: &[&str]) -> String {
    let mut text = String::new();
    let mut column = WIDTH;
    for candidate in candidates.iter().take(SHOWN) {
        let candidate = candidate.trim_end_matches('-');
        if column + candidate.len() > WIDTH {
            text.push_str("\n ");
            column = 1;
        }
        text.push(' ');
        text.push_str(candidate);
        column += candidate.len() + 1;
    }
    match candidates.len().saturating_sub(SHOWN) {
        0 => text,
        more => format!("{text}\n  and {more} more: type another letter"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wormhole_protocol::{name::Nameplate, wordlist};

    use super::*;

    /// All that Tab does, as a function of what it depends on.
    fn tab(line: &str, cursor: usize, listed: &[u32], wordlist: bool) -> Offer {
        let place = Place::at(line, cursor);
        let all = match &place {
            Place::Nameplate { .. } => {
                let listed: Vec<_> = listed.iter().copied().map(Nameplate::from).collect();
                wordlist::nameplate_completions(&listed, "")
            }
            Place::Word { kept, .. } if wordlist => wordlist::word_completions(kept, 2),
            Place::Word { .. } => BTreeSet::new(),
        };
        Offer::among(&place, &all)
    }

    fn at_end(line: &str) -> Offer {
        tab(line, line.len(), &[1, 12, 13, 24, 170], true)
    }

    fn whole(text: &str) -> Offer {
        Offer { text: text.to_owned(), remark: None }
    }

    #[test]
    fn one_nameplate_is_completed_and_several_are_shown() {
        assert_eq!(at_end("2"), whole("24-"));
        assert_eq!(at_end(" 17"), whole("170-"));
        let several = at_end("1");
        assert_eq!(several.text, "1");
        assert_eq!(several.remark.as_deref(), Some("\n  1 12 13 170"));
        assert_eq!(at_end("").remark.as_deref(), Some("\n  1 12 13 170 24"));
        assert_eq!(at_end("3"), Offer::nothing("3", OTHER_NAMEPLATE));
        assert_eq!(tab("3", 1, &[], true), Offer::nothing("3", NO_NAMEPLATES));
    }

    #[test]
    fn words_get_their_hyphen_while_more_are_expected() {
        assert_eq!(at_end("7-crossov"), whole("crossover-"));
        assert_eq!(at_end("7-crossover"), whole("crossover-"));
        assert_eq!(at_end("7-crossover-clock"), whole("clockwork"));
        assert_eq!(at_end("7-crossover-clockwork"), whole("clockwork"));
        assert_eq!(at_end("7-crossover-clockwork-cros"), whole("crossover"));
        let several = at_end("7-su");
        assert_eq!(several.text, "su");
        assert_eq!(several.remark.as_deref(), Some("\n  supportive surrender suspicious"));
        assert_eq!(at_end("7-sus"), whole("suspicious-"));
        assert_eq!(at_end("7-cel").text, "cel");
        assert_eq!(at_end("7-cell"), whole("cellulose-"));
        assert_eq!(at_end("7-re").text, "re");
        assert_eq!(at_end("7-retri"), whole("retrieval-"));
        assert_eq!(at_end("7-ret").text, "retr");
    }

    #[test]
    fn a_cursor_in_the_middle_completes_there() {
        assert_eq!(tab("7-crossov-clockwork", 9, &[], true), whole("crossover-"));
    }

    #[test]
    fn near_misses_are_offered() {
        assert_eq!(at_end("7-crosover"), whole("crossover-"));
        assert_eq!(at_end("7-Crossover"), whole("crossover-"));
        assert_eq!(at_end("7-crossover-clokwork"), whole("clockwork"));
        assert_eq!(at_end("7-xyzzy"), Offer::nothing("xyzzy", OTHER_WORD));
        let several = at_end("7-Su");
        assert_eq!(several.text, "Su");
        assert!(several.remark.unwrap_or_default().contains("did you mean:\n  supp"));
    }

    #[test]
    fn without_an_answer_of_the_server_nothing_is_completed() {
        assert_eq!(tab("7-crossov", 9, &[], false), Offer::nothing("crossov", NO_WORDS));
    }

    #[test]
    fn a_long_list_is_cut() {
        let remark = at_end("7-").remark.unwrap_or_default();
        assert!(remark.ends_with("\n  and 232 more: type another letter"), "{remark}");
        assert!(remark.lines().all(|row| row.len() <= 80) && remark.lines().count() < 8);
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_typed_is_lost(
            line in "[0-9]{0,2}-{0,1}(\\PC|-|[a-z]{2}){0,12}",
            cursor in 0..40_usize,
            listed in prop::collection::vec(any::<u32>(), 0..40),
            wordlist in any::<bool>(),
        ) {
            let offer = tab(&line, cursor, &listed, wordlist);
            let begun = Place::at(&line, cursor).begun();
            if offer.remark.is_some() {
                prop_assert!(offer.text.starts_with(begun));
            }
        }
    }
}
