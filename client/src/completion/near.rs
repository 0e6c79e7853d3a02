//! Which words of a list somebody may have meant.

use strsim::osa_distance;

/// Longer than any word of the lists with a few letters too many.
const LONGEST: usize = 16;

/// Finds the words that a misspelt, unfinished or capital one is nearest to, the best first; none
/// where nothing is near.
///
/// Letters missing, wrong, too many or swapped are counted: up to one in a word of four, up to two in
/// a longer one. Of fewer letters too many words are near.
pub(super) fn nearest<'a>(begun: &str, words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    if begun.is_empty() || begun.chars().count() > LONGEST {
        return Vec::new();
    }
    let begun = begun.to_lowercase();
    let words: Vec<_> = words.collect();
    let capital: Vec<_> = words.iter().copied().filter(|word| word.starts_with(&begun)).collect();
    if !capital.is_empty() {
        return capital;
    }
    let allowed = match begun.chars().count() {
        0..=3 => return Vec::new(),
        4 => 1,
        _ => 2,
    };
    let mut ranked: Vec<_> = words.into_iter().map(|word| (distance(&begun, word), word)).collect();
    ranked.sort_unstable();
    let best = ranked.first().map_or(0, |((near, _), _)| *near);
    let near = ranked.into_iter().take_while(|((near, _), _)| *near == best && best <= allowed);
    near.map(|(_, word)| word).collect()
}

/// How far it is to the word or to a beginning of it, and then how far to the whole of it.
fn distance(begun: &str, word: &str) -> (usize, usize) {
    let whole = osa_distance(begun, word);
    let length = begun.chars().count();
    let beginnings = (length - 1..=length + 1).filter_map(|end| word.get(..end));
    let near = beginnings.map(|beginning| osa_distance(begun, beginning)).min();
    (near.map_or(whole, |near| near.min(whole)), whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wormhole_protocol::wordlist;

    use super::*;

    fn near(begun: &str, position: usize) -> Vec<&'static str> {
        nearest(begun, wordlist::list(position).iter().copied())
    }

    #[test]
    fn slips_of_the_finger_are_understood() {
        for slip in [
            "crosover",
            "corssover",
            "crossovr",
            "xrossover",
            "crossoverr",
            "Crosover",
            "crosov",
            "CROSS",
        ] {
            assert_eq!(near(slip, 0), ["crossover"], "{slip}");
        }
        for slip in ["clokwork", "clcokwork", "clockwrok", "klockwork", "ClockWork", "clokw"] {
            assert_eq!(near(slip, 1), ["clockwork"], "{slip}");
        }
        assert_eq!(near("kiwwi", 1), ["kiwi"]);
        assert_eq!(near("zluu", 1), ["zulu"]);
    }

    #[test]
    fn what_is_far_is_not_meant() {
        for other in [
            "",
            "x",
            "zz",
            "kww",
            "zlu",
            "xop",
            "banana",
            "1234",
            "\u{e9}\u{e9}\u{e9}",
            "correcthorsebatterystaple",
        ] {
            assert!(near(other, 1).is_empty(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_letter_left_out_of_a_long_word_is_found(word in any::<u8>(), position in 0..2_usize, gap in 1..12_usize) {
            let word = wordlist::list(position)[usize::from(word)];
            prop_assume!(word.len() >= 7 && gap < word.len());
            let slip = format!("{}{}", &word[..gap], &word[gap + 1..]);
            let found = near(&slip, position);
            prop_assert!(found.contains(&word) || wordlist::list(position).iter().any(|other| other.starts_with(&slip)), "{} {:?}", slip, found);
        }

        #[test]
        fn nothing_panics(begun in "\\PC{0,20}", position in 0..2_usize) {
            near(&begun, position);
        }
    }
}
