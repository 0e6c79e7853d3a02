//! What a text from outside may do to a terminal: nothing.

use std::borrow::Cow;

use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory};

/// Makes any text safe to show on one line of a terminal.
///
/// The rules are those of Python's `repr` without its quotes [file-transfer.md: text]: line feed,
/// tab and carriage return become `\n`, `\t` and `\r`, a backslash is doubled, and every other
/// character that does not print (controls, bidirectional overrides, joiners, separators other
/// than the space, unassigned and private ones) becomes `\xNN`, `\uNNNN` or `\UNNNNNNNN`. A single
/// quote is escaped only in a text which also has a double one.
pub fn escape(text: &str) -> String {
    let quotes = text.contains('\'') && text.contains('"');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            '\'' if quotes => shown.push_str("\\'"),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if prints(c) => shown.push(c),
            c => shown.push_str(&numbered(c)),
        }
    }
    shown
}

/// Shortens what is longer than somebody reads: of more than `most` characters the first are left,
/// and it says how many follow.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.into() };
    let (shown, rest) = text.split_at(end);
    format!("{shown}… ({} characters more)", rest.chars().count()).into()
}

fn numbered(c: char) -> String {
    match u32::from(c) {
        code @ ..=0xff => format!("\\x{code:02x}"),
        code @ ..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

fn prints(c: char) -> bool {
    let hidden = matches!(
        c.general_category(),
        Category::Control
            | Category::Format
            | Category::Surrogate
            | Category::PrivateUse
            | Category::Unassigned
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::SpaceSeparator
    );
    c == ' ' || !hidden
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_what_python_escapes() {
        assert_eq!(escape("a\u{0}\u{7f}\u{85}\u{a0}"), "a\\x00\\x7f\\x85\\xa0");
        assert_eq!(escape("\u{200d}\u{2028}\u{e000}"), "\\u200d\\u2028\\ue000");
        assert_eq!(escape("\u{e0001}\u{10ffff}"), "\\U000e0001\\U0010ffff");
        assert_eq!(escape("e\u{301} 漢 🙈"), "e\u{301} 漢 🙈");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(shortened("äb\n", 3), "äb\n");
        assert_eq!(shortened("äb\ncd", 3), "äb\n… (2 characters more)");
        assert_eq!(shortened("", 0), "");
    }

    proptest! {
        #[test]
        fn only_printing_characters_come_out(text in any::<String>()) {
            prop_assert!(escape(&text).chars().all(prints));
        }

        #[test]
        fn plain_text_stays_as_it_is(text in "[^\\\\'\\PP\\p{Z}]{0,20}") {
            prop_assume!(text.chars().all(prints));
            prop_assert_eq!(escape(&text), text);
        }

        #[test]
        fn different_texts_stay_different(a in ".{0,4}", b in ".{0,4}") {
            prop_assert_eq!(escape(&a) == escape(&b), a == b);
        }
    }
}
