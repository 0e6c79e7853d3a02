//! The PGP word list: how codes get their words, and how half-typed ones are completed
//! [client.md: word list and completion].

mod pgp;

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::name::Nameplate;

/// How many words a code has where nobody says otherwise: two, which is sixteen bits.
pub const DEFAULT_WORDS: usize = 2;

/// The most words that a program makes a code of: far more than anybody types.
pub const MAX_WORDS: usize = 64;

/// Spells one random byte a word, joined by hyphens, beginning with the odd (three-syllable) list.
pub fn words(random: &[u8]) -> Zeroizing<String> {
    let words = random.iter().enumerate().map(|(i, byte)| list(i)[usize::from(*byte)]);
    Zeroizing::new(words.collect::<Vec<_>>().join("-"))
}

/// Lists every way to finish the word that `prefix` (words only, no nameplate) ends in.
///
/// Each is a whole new prefix, with a hyphen behind it while fewer than `expected` words stand
/// there. Earlier words are not looked at; the lists are lower case and so is the comparison.
pub fn word_completions(prefix: &str, expected: usize) -> BTreeSet<String> {
    let before = prefix.matches('-').count();
    let start = prefix.rfind('-').map_or(0, |hyphen| hyphen + 1);
    let (kept, begun) = prefix.split_at(start);
    let end = if before + 1 < expected { "-" } else { "" };
    let candidates = list(before).iter().filter(|word| word.starts_with(begun));
    candidates.map(|word| format!("{kept}{word}{end}")).collect()
}

/// Lists the nameplates that start with `prefix`, each with its hyphen.
pub fn nameplate_completions<'a>(
    listed: impl IntoIterator<Item = &'a Nameplate>,
    prefix: &str,
) -> BTreeSet<String> {
    let fitting = listed.into_iter().filter(|nameplate| nameplate.as_str().starts_with(prefix));
    fitting.map(|nameplate| format!("{nameplate}-")).collect()
}

/// The 256 words for `position`, counted from 0, all in lower-case ASCII.
pub fn list(position: usize) -> &'static [&'static str; 256] {
    if position.is_multiple_of(2) { &pgp::ODD } else { &pgp::EVEN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odd_list_comes_first() {
        assert_eq!(words(&[0x04, 0x10]).as_str(), "alkali-assume");
    }

    #[test]
    fn an_empty_prefix_offers_a_whole_list() {
        assert_eq!(word_completions("", 2).len(), 256);
        assert_eq!(word_completions("alkali-", 2).len(), 256);
        assert!(word_completions("PR", 2).is_empty());
    }
}
