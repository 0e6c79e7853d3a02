//! Which names are one name on some disk.

use unicode_normalization::UnicodeNormalization;

#[cfg(test)]
thread_local! {
    /// How many bytes were folded by this thread.
    pub(super) static FOLDED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Returns what all spellings of a name have in common that a disk may take for one: those that
/// differ in case, or in whether a letter and its accent are one character.
///
/// It follows Unicode's full case folding, by way of both cases; the dotless `ı` stays apart from
/// `i`, as disks have it.
pub(in crate::transfer) fn folded(name: &str) -> String {
    #[cfg(test)]
    FOLDED.set(FOLDED.get() + name.len());
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let lower = |c: char| c.to_lowercase();
    let upper = |c: char| {
        let dotless = c == 'ı';
        let kept = dotless.then_some(c);
        kept.into_iter().chain(c.to_uppercase().take(if dotless { 0 } else { usize::MAX }))
    };
    // The first time for letters such as `ẞ`, whose small form has two capitals.
    name.nfd().flat_map(lower).flat_map(upper).flat_map(lower).nfc().collect()
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
        for (a, b) in [("a", "b"), ("ı", "i"), ("ä", "a"), ("漢", "汉")] {
            assert_ne!(folded(a), folded(b), "{a} {b}");
        }
    }
}
