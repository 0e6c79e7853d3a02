//! Which names are one name on some disk.

use unicode_normalization::UnicodeNormalization;

/// Returns what all spellings of a path have in common that a disk may take for one: those that
/// differ in case, or in whether a letter and its accent are one character.
///
/// It follows Unicode's full case folding, by way of both cases; the dotless `ı` stays apart from
/// `i`, as disks have it.
pub(in crate::transfer) fn folded(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    let lower = |c: char| c.to_lowercase();
    let upper = |c: char| {
        let dotless = c == 'ı';
        let kept = dotless.then_some(c);
        kept.into_iter().chain(c.to_uppercase().take(if dotless { 0 } else { usize::MAX }))
    };
    // The first time for letters such as `ẞ`, whose small form has two capitals.
    path.nfd().flat_map(lower).flat_map(upper).flat_map(lower).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one() {
        for (a, b) in [
            ("README", "readme"),
            ("\u{e9}", "e\u{301}"),
            ("\u{c9}a", "e\u{301}A"),
            ("Straße", "STRASSE"),
            ("ẞ", "ß"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("\u{212a}", "k"),
            ("ﬁ", "FI"),
            ("ǆ", "ǅ"),
        ] {
            assert_eq!(folded(a), folded(b), "{a} {b}");
        }
    }

    #[test]
    fn other_names_are_others() {
        for (a, b) in [("a", "b"), ("ı", "i"), ("ä", "a"), ("a/b", "a b"), ("漢", "汉")] {
            assert_ne!(folded(a), folded(b), "{a} {b}");
        }
    }
}
