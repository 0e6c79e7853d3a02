//! The code that people type: `7-crossover-clockwork` [client.md: codes].

mod weakness;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

pub use self::weakness::Weakness;
use crate::name::Nameplate;

/// What two people share: a nameplate, a hyphen and a secret. All of it is the password.
///
/// It is kept in normal form C and wiped on drop; it has neither `Debug` nor `Display`, so that it
/// is shown only where somebody asks [`as_str`](Self::as_str).
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
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
    /// What stands before the first hyphen is not a number of at most forty ASCII digits.
    #[error("the code does not begin with a number")]
    Nameplate,
    /// A typed line has no hyphen; only a [typed](Code::typed) code needs one.
    #[error("the code has no hyphen after its number")]
    NoHyphen,
}

impl Code {
    /// Reads a whole code as another person or program gave it.
    ///
    /// The secret is any text without U+0020, also an empty one; there need not be a hyphen.
    ///
    /// # Errors
    /// [`KeyFormatError::Spaces`] and [`KeyFormatError::Nameplate`], in this order.
    pub fn parse(text: &str) -> Result<Self, KeyFormatError> {
        if text.contains(' ') {
            return Err(KeyFormatError::Spaces);
        }
        let nameplate = text.split('-').next().unwrap_or_default();
        let nameplate = nameplate.parse().map_err(|_| KeyFormatError::Nameplate)?;
        Ok(Self { text: normal(text), nameplate })
    }

    /// Reads a line typed at a prompt, without its line end: a nameplate, a hyphen and words.
    ///
    /// Nothing is trimmed, and the words are [taken as typed](Self::from_parts).
    ///
    /// # Errors
    /// [`KeyFormatError::NoHyphen`] and [`KeyFormatError::Nameplate`], in this order.
    pub fn typed(line: &str) -> Result<Self, KeyFormatError> {
        let (nameplate, words) = line.split_once('-').ok_or(KeyFormatError::NoHyphen)?;
        let nameplate = nameplate.parse().map_err(|_| KeyFormatError::Nameplate)?;
        Ok(Self::from_parts(nameplate, words))
    }

    /// Joins a nameplate and words with a hyphen. Words are taken as typed, spaces included.
    pub fn from_parts(nameplate: Nameplate, words: &str) -> Self {
        let text = Zeroizing::new(format!("{nameplate}-{words}"));
        Self { text: normal(&text), nameplate }
    }

    /// The number in front, which is no secret.
    pub fn nameplate(&self) -> &Nameplate {
        &self.nameplate
    }

    /// What stands behind the first hyphen, which only two people should know; empty where there
    /// is none.
    pub fn words(&self) -> &str {
        self.text.split_once('-').map_or("", |(_, words)| words)
    }

    /// Shows the whole code: to the person who passes it on, and to nobody else.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn normal(text: &str) -> Zeroizing<String> {
    // Room for the longest normal form, so that no half of the secret is left behind by growing.
    let mut normal = Zeroizing::new(String::with_capacity(3 * text.len()));
    normal.extend(text.nfc());
    normal
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_typed_line_needs_a_hyphen_and_may_hold_spaces_behind_it() {
        assert_eq!(Code::typed("4-a b ").unwrap().as_str(), "4-a b ");
        assert_eq!(Code::typed("4").err(), Some(KeyFormatError::NoHyphen));
        assert_eq!(Code::typed(" 4-a").err(), Some(KeyFormatError::Nameplate));
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
