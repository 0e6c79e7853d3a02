//! Text from outside within HTML.

use std::fmt::{self, Write};

/// Shows a text so that it is a text in HTML too, between tags and within quoted attributes.
/// Control characters but the line's end and the tab become U+FFFD.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\n' | '\t' => f.write_char(c),
            c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_the_text() {
        let hostile = "</p><script src='x'>\"&amp;\0\r\u{1b}[31m\u{85}";
        assert_eq!(
            Escaped(hostile).to_string(),
            "&lt;/p&gt;&lt;script src=&#39;x&#39;&gt;&quot;&amp;amp;\u{fffd}\u{fffd}\u{fffd}[31m\
             \u{fffd}"
        );
        assert_eq!(Escaped("gr\u{fc}n\n\t\u{1f600}").to_string(), "gr\u{fc}n\n\t\u{1f600}");
    }
}
