//! The names that two clients and a mailbox server use for each other's things.
//!
//! Parsing is validation and `Display` is the wire form, so a value of one of these types can be
//! put on the wire or compared without another look.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Declares a name that is any text at all: whoever made it up decides what it looks like.
macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Shows the text as it goes over the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque! {
    /// Names the application; only clients with the same one meet.
    AppId
}

opaque! {
    /// Names one participant of a wormhole, the same over all its connections.
    ///
    /// Ours is [made](Self::from_random) of random bytes; a peer's is any text.
    Side
}

opaque! {
    /// Names a mailbox on the server, which makes the name up.
    MailboxId
}

impl AppId {
    /// Gives the bytes that enter key agreement: normal form C in UTF-8 [client.md: SPAKE2].
    pub fn id_symmetric(&self) -> Vec<u8> {
        self.0.nfc().collect::<String>().into_bytes()
    }
}

impl Side {
    /// Writes five random bytes as ten lower-case hex digits.
    pub fn from_random(bytes: [u8; 5]) -> Self {
        Self(data_encoding::HEXLOWER.encode(&bytes))
    }
}

/// Names a message within a mailbox, and tells what is in it [client.md: messages and phases].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Phase {
    /// `pake`: the SPAKE2 message, in clear.
    Pake,
    /// `version`: the version message, the first that is sealed.
    Version,
    /// A canonical decimal number: a message of the application.
    Number(u64),
    /// Any other text, `007` included; a client opens such a message and ignores it.
    Other(String),
}

impl Phase {
    /// The bytes of its text.
    pub fn len(&self) -> usize {
        match self {
            Self::Pake => "pake".len(),
            Self::Version => "version".len(),
            Self::Number(number) => number.checked_ilog10().unwrap_or(0) as usize + 1,
            Self::Other(text) => text.len(),
        }
    }

    /// Whether its text is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<String> for Phase {
    fn from(text: String) -> Self {
        match text.as_str() {
            "pake" => Self::Pake,
            "version" => Self::Version,
            digits => match digits.parse::<u64>() {
                Ok(number) if number.to_string() == digits => Self::Number(number),
                _ => Self::Other(text),
            },
        }
    }
}

impl From<Phase> for String {
    fn from(phase: Phase) -> Self {
        phase.to_string()
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pake => f.write_str("pake"),
            Self::Version => f.write_str("version"),
            Self::Number(number) => number.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// The number at the front of a code: one to forty ASCII digits, `007` and `7` being two names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nameplate(String);

/// A nameplate was expected and something else came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a nameplate is a number of one to forty digits, with no spaces")]
pub struct BadNameplate;

impl Nameplate {
    /// The most digits a nameplate has [mailbox-server.md: claim].
    pub const MAX_DIGITS: usize = 40;

    /// Shows the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<u32> for Nameplate {
    fn from(number: u32) -> Self {
        Self(number.to_string())
    }
}

impl FromStr for Nameplate {
    type Err = BadNameplate;

    fn from_str(text: &str) -> Result<Self, BadNameplate> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for Nameplate {
    type Error = BadNameplate;

    fn try_from(text: String) -> Result<Self, BadNameplate> {
        let fits = (1..=Self::MAX_DIGITS).contains(&text.len());
        if !fits || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadNameplate);
        }
        Ok(Self(text))
    }
}

impl From<Nameplate> for String {
    fn from(nameplate: Nameplate) -> Self {
        nameplate.0
    }
}

impl fmt::Display for Nameplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a wormhole ended, told to the server with `close` [client.md: closing and moods].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Mood {
    /// The peer proved that it has the key.
    Happy,
    /// It was closed before a peer proved anything.
    Lonely,
    /// The peer has another key: a mistyped code, or an attack.
    Scary,
    /// The server or the peer broke the protocol.
    Errory,
    /// The server's welcome turned this client away.
    Unwelcome,
    /// A word of another client's; servers keep it as it came.
    Other(String),
}

impl From<String> for Mood {
    fn from(text: String) -> Self {
        match text.as_str() {
            "happy" => Self::Happy,
            "lonely" => Self::Lonely,
            "scary" => Self::Scary,
            "errory" => Self::Errory,
            "unwelcome" => Self::Unwelcome,
            _ => Self::Other(text),
        }
    }
}

impl From<Mood> for String {
    fn from(mood: Mood) -> Self {
        mood.to_string()
    }
}

impl fmt::Display for Mood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Happy => "happy",
            Self::Lonely => "lonely",
            Self::Scary => "scary",
            Self::Errory => "errory",
            Self::Unwelcome => "unwelcome",
            Self::Other(text) => text,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_canonical_decimals_are_numbered_phases() {
        assert_eq!(Phase::from("0".to_owned()), Phase::Number(0));
        assert_eq!(Phase::from("17".to_owned()), Phase::Number(17));
        for text in ["pake", "version", "0", "9", "10", "18446744073709551615"] {
            assert_eq!(Phase::from(text.to_owned()).len(), text.len());
        }
        for odd in ["007", "+1", "-1", "", " 1", "18446744073709551616", "dilate-0", "Pake"] {
            assert_eq!(Phase::from(odd.to_owned()), Phase::Other(odd.to_owned()));
        }
    }

    #[test]
    fn nameplates_are_ascii_digits() {
        for good in ["0", "7", "007", &"9".repeat(40)] {
            assert_eq!(good.parse::<Nameplate>().unwrap().as_str(), good);
        }
        for bad in ["", " 7", "7\n", "٤", "+4", "x", &"9".repeat(41)] {
            assert_eq!(bad.parse::<Nameplate>(), Err(BadNameplate));
        }
    }

    proptest! {
        #[test]
        fn a_phase_or_mood_of_any_text_shows_that_text(text in any::<String>()) {
            prop_assert_eq!(Phase::from(text.clone()).to_string(), text.as_str());
            prop_assert_eq!(Phase::from(text.clone()).len(), text.len());
            prop_assert_eq!(Mood::from(text.clone()).to_string(), text);
        }
    }
}
