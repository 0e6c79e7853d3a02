//! What the sender wants done with what is not an ordinary file of an ordinary name.

use std::{borrow::Cow, ffi::OsStr, fmt::Write};

use super::Reason;

/// The sender's choices about a folder's content, the strictest but for links at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What becomes of what cannot be sent.
    pub unsendable: WhenUnsendable,
    /// What becomes of symbolic links.
    pub symlinks: Symlinks,
    /// What becomes of names that the protocol cannot write.
    pub non_utf8: NonUtf8,
}

/// Says what becomes of a file inside a folder that cannot be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUnsendable {
    /// The whole folder is refused.
    #[default]
    Refuse,
    /// The file is left out and listed in [`FolderPlan::skipped`](super::FolderPlan).
    Skip,
}

/// Says what becomes of symbolic links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Symlinks {
    /// What they lead to is sent under the link's name; of a folder only where it has no other
    /// name in what is sent, so loops end.
    #[default]
    Follow,
    /// They cannot be sent.
    Refuse,
}

/// Says what becomes of names that are not UTF-8, the only ones the protocol has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonUtf8 {
    /// They cannot be sent.
    #[default]
    Refuse,
    /// Each byte that is not UTF-8 becomes `%` and two upper-case hex digits, and each `%` beside
    /// it `%25`, so that no two such names become one. A name that is UTF-8 stays as it is; where
    /// it is what another one's would become, that other cannot be sent.
    Escape,
}

impl From<WhenUnsendable> for Rules {
    fn from(unsendable: WhenUnsendable) -> Self {
        Self { unsendable, ..Self::default() }
    }
}

impl NonUtf8 {
    /// Gives a name for the wire; owned where it is not the file's own.
    pub(super) fn name(self, own: &OsStr) -> Result<Cow<'_, str>, Reason> {
        match (own.to_str(), self) {
            (Some(name), _) => Ok(Cow::Borrowed(name)),
            (None, Self::Refuse) => Err(Reason::NotUtf8),
            (None, Self::Escape) => Ok(Cow::Owned(escaped(own))),
        }
    }
}

fn escaped(name: &OsStr) -> String {
    let mut out = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        out += &chunk.valid().replace('%', "%25");
        for byte in chunk.invalid() {
            // A String takes everything.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_must_be_is_escaped() {
        let name =
            |bytes: &[u8]| NonUtf8::Escape.name(OsStr::from_bytes(bytes)).unwrap().into_owned();
        assert_eq!(name("100% ä".as_bytes()), "100% ä");
        assert_eq!(name(b"100%\xff\xe4.txt"), "100%25%FF%E4.txt");
        assert!(matches!(NonUtf8::Refuse.name(OsStr::from_bytes(b"\xff")), Err(Reason::NotUtf8)));
    }

    proptest! {
        #[test]
        fn the_bytes_can_be_read_from_the_escaped_name(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let name = NonUtf8::Escape.name(OsStr::from_bytes(&bytes)).unwrap();
            if let Cow::Owned(escaped) = name {
                let read: Vec<u8> = percent_decoded(&escaped);
                prop_assert_eq!(read, bytes);
            }
        }
    }

    fn percent_decoded(text: &str) -> Vec<u8> {
        let mut bytes = text.bytes();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte == b'%' {
                let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                out.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            } else {
                out.push(byte);
            }
        }
        out
    }
}
