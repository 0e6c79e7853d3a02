//! The body of a message: bytes to clients, an opaque text to the server.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};

/// A message's body as it goes over the wire; clients write lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Body(String);

/// A body was expected to be hex digits, two a byte, and is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body of a message is not hex")]
pub struct BadHex;

impl Body {
    /// Writes bytes as lower-case hex.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(HEXLOWER.encode(bytes))
    }

    /// Takes a text as a server does: as it is.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Shows the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the bytes, from hex of either case.
    ///
    /// # Errors
    /// [`BadHex`] for an odd length or any other character.
    pub fn bytes(&self) -> Result<Vec<u8>, BadHex> {
        HEXLOWER_PERMISSIVE.decode(self.0.as_bytes()).map_err(|_| BadHex)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_cases_and_writes_lower() {
        assert_eq!(Body::from_text("00fFAb").bytes().unwrap(), [0, 0xff, 0xab]);
        assert_eq!(Body::from_bytes(&[0xff, 0xab]).as_str(), "ffab");
        for bad in ["0", "0g", "0 ", "0\n", "00é"] {
            assert_eq!(Body::from_text(bad).bytes(), Err(BadHex));
        }
    }
}
