//! The code that people type: `7-crossover-clockwork` [client.md: codes].

mod weakness;

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

pub use self::weakness::Weakness;
use crate::name::Nameplate;

/// What two people share: a nameplate, a hyphen and a secret. All of it is the password.
///
/// It is kept in normal form C, once for all clones, and wiped with the last of them. It has neither
/// `Debug` nor `Display`, so that it is shown only where somebody asks [`as_str`](Self::as_str).
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    text: Zeroizing<String>,
    nameplate: Nameplate,
}

/// A code was expected and the text is none. The text itself is not repeated: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFormatError {
    /// There is a space in it, often a copying mistake.
    #[error("the code contains spaces")]
    Spaces,
    /// There is a tab, a line end or another control character in it.
    #[error("the code contains control characters")]
    Control,
    /// What stands before the first hyphen is not a number of at most forty ASCII digits.
    #[error("the code does not begin with a number")]
    Nameplate,
    /// It is a number and nothing else.
    #[error("the code has no hyphen after its number")]
    NoHyphen,
    /// Nothing stands behind the hyphen: everybody knows such a code.
    #[error("the code has no secret after its number")]
    NoSecret,
}

impl Code {
    /// Reads a whole code as another program gives it.
    ///
    /// The secret is any text without U+0020, of one character at least: Python's program takes an
    /// empty one too [client.md: codes], but then anybody can be at the other end. Who wants just
    /// that says [`without_secret`](Self::without_secret).
    ///
    /// # Errors
    /// [`KeyFormatError`]: spaces, the nameplate, the hyphen and the secret, in this order.
    pub fn parse(text: &str) -> Result<Self, KeyFormatError> {
        if text.contains(' ') {
            return Err(KeyFormatError::Spaces);
        }
        let (nameplate, words) = match text.split_once('-') {
            Some((nameplate, words)) => (nameplate, Some(words)),
            None => (text, None),
        };
        let nameplate = nameplate.parse().map_err(|_| KeyFormatError::Nameplate)?;
        Self::from_parts(nameplate, words.ok_or(KeyFormatError::NoHyphen)?)
    }

    /// Reads a code as a person gives it, wherever that is: at a prompt, as an argument, in a field.
    /// White space around it is no part of it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and [`KeyFormatError::Control`] before all others.
    pub fn entered(text: &str) -> Result<Self, KeyFormatError> {
        let text = text.trim();
        if text.contains(char::is_control) {
            return Err(KeyFormatError::Control);
        }
        Self::parse(text)
    }

    /// Joins a nameplate and words with a hyphen. Words are taken as typed, spaces included.
    ///
    /// # Errors
    /// [`KeyFormatError::NoSecret`] where there are none.
    pub fn from_parts(nameplate: Nameplate, words: &str) -> Result<Self, KeyFormatError> {
        if words.is_empty() {
            return Err(KeyFormatError::NoSecret);
        }
        Ok(Self::join(nameplate, words))
    }

    /// Makes the code `0-` of two who both want no secret: they meet whoever comes first
    /// [client.md: zero mode].
    pub fn without_secret() -> Self {
        Self::join(Nameplate::from(0), "")
    }

    /// The number in front, which is no secret.
    pub fn nameplate(&self) -> &Nameplate {
        &self.0.nameplate
    }

    /// What stands behind the first hyphen, which only two people should know; empty where they
    /// [want none](Self::without_secret).
    pub fn words(&self) -> &str {
        self.0.text.split_once('-').map_or("", |(_, words)| words)
    }

    /// Shows the whole code: to the person who passes it on, and to nobody else.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    fn join(nameplate: Nameplate, words: &str) -> Self {
        // Room for the longest normal form, so that no half of the secret is left behind by growing.
        let longest = nameplate.as_str().len() + 1 + 3 * words.len();
        let mut text = Zeroizing::new(String::with_capacity(longest));
        text.push_str(nameplate.as_str());
        text.push('-');
        text.extend(words.nfc());
        Self(Arc::new(Parts { text, nameplate }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_gets_a_code_without_a_secret_who_does_not_ask_for_it() {
        for (text, why) in [
            ("4", KeyFormatError::NoHyphen),
            ("0", KeyFormatError::NoHyphen),
            ("4-", KeyFormatError::NoSecret),
            ("0-", KeyFormatError::NoSecret),
            ("170-", KeyFormatError::NoSecret),
        ] {
            assert_eq!(Code::parse(text).err(), Some(why.clone()), "{text}");
            assert_eq!(Code::entered(&format!(" {text}\n")).err(), Some(why), "{text}");
        }
        let none = Code::from_parts(Nameplate::from(7), "").err();
        assert_eq!(none, Some(KeyFormatError::NoSecret));
        let wanted = Code::without_secret();
        assert_eq!((wanted.as_str(), wanted.words()), ("0-", ""));
        assert_eq!(wanted.weakness(), Some(Weakness::Empty));
    }

    #[test]
    fn what_a_person_gives_may_have_blanks_around_it_and_none_inside() {
        for text in ["4-a-b", " 4-a-b", "4-a-b\n", "\t4-a-b \r\n"] {
            assert_eq!(
                Code::entered(text).map(|code| code.as_str().to_owned()),
                Ok("4-a-b".into())
            );
        }
        assert_eq!(Code::entered("4-a\nb").err(), Some(KeyFormatError::Control));
        assert_eq!(Code::entered("4-a\tb").err(), Some(KeyFormatError::Control));
        assert_eq!(Code::entered("4-a b").err(), Some(KeyFormatError::Spaces));
        assert_eq!(Code::from_parts(4.into(), "a b ").unwrap().as_str(), "4-a b ");
    }

    #[test]
    fn all_clones_are_one_text() {
        let code = Code::parse("4-a-b").unwrap();
        assert!(std::ptr::eq(code.as_str(), code.clone().as_str()));
    }

    #[test]
    fn decomposed_and_precomposed_codes_are_one() {
        let (long, short) = ("5-cafe\u{301}", "5-caf\u{e9}");
        assert!(Code::parse(long).unwrap() == Code::parse(short).unwrap());
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_shows_what_it_read(text in "\\PC*") {
            if let Ok(code) = Code::parse(&text) {
                prop_assert!(Code::parse(code.as_str()).unwrap() == code);
                prop_assert!(code.as_str().starts_with(code.nameplate().as_str()));
            }
        }
    }
}
