//! The one rule for names from outside: of single files, of folders, and of what is in an archive.
//!
//! | in a name | what becomes of it |
//! |---|---|
//! | nothing, `.`, `..`, `/`, NUL, more than 255 bytes | refused: no file can have it, or it leads out of the folder |
//! | what Windows reserves (`CON`, `a:b`, a dot at the end) | refused on Windows |
//! | control characters, tab, line feed and ESC among them | their pictures: `␉`, `␊`, `␛` |
//! | C1 controls, separators of lines and paragraphs, marks and overrides of direction | their number: `[U+202E]` |
//! | bytes that are not UTF-8 (only in archives) | `%FF`, as our sender writes them |
//! | everything else, also what is odd or not seen | kept |
//!
//! What is replaced would do to a terminal, or to the order in which a name reads, as it likes
//! whenever the folder is listed.

use std::{
    borrow::Cow,
    fmt::{self, Write},
    str::FromStr,
};

use thiserror::Error;

use super::escape;

/// The longest name common file systems take, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 255;

/// Is one component of a path under which something from outside may appear: never empty, `.` or
/// `..`, without `/` and NUL, and at most 255 bytes long.
///
/// What would control a terminal or turn the order of what is read is replaced in it by something
/// to be seen; everything else is kept. `Display` shows the name escaped as [`escape`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeName(String);

impl SafeName {
    /// Returns the name as it stands in the file system.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name without its `.tar`, where it ends so and something is left.
    pub(super) fn without_tar(&self) -> Option<Self> {
        let (stem, end) = self.0.split_at_checked(self.0.len().checked_sub(4)?)?;
        if !end.eq_ignore_ascii_case(".tar") {
            return None;
        }
        stem.parse().ok()
    }
}

impl AsRef<str> for SafeName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for SafeName {
    type Err = NameError;

    fn from_str(offered: &str) -> Result<Self, NameError> {
        Ok(Self(tamed(offered.as_bytes())?.into_owned()))
    }
}

impl fmt::Display for SafeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.0))
    }
}

/// Tells why a name from outside is refused; names are shown escaped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// It is a path, where one name is expected.
    #[error("the peer offered a path where only a name is allowed")]
    Path,
    /// It is empty.
    #[error("the peer offered an empty name")]
    Empty,
    /// It is `.` or `..`.
    #[error("the peer offered a name which stands for an existing folder ('.' or '..')")]
    Dots,
    /// It has more than 255 bytes, as it would have to be stored.
    #[error("the peer offered a name of {bytes} bytes, the limit is {MAX_NAME_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It holds NUL, which ends names.
    #[error("the peer offered a name with a NUL in it")]
    Nul,
    /// It means a device, a stream or another name on Windows.
    #[error("the peer offered a name which this system reserves: '{shown}'")]
    Reserved {
        /// The name, escaped.
        shown: String,
    },
}

/// Makes of one component of a path what it may be here; owned where that is something else.
///
/// # Errors
/// [`NameError`] where nothing can have that name, or it leads out of its folder.
pub(super) fn tamed(name: &[u8]) -> Result<Cow<'_, str>, NameError> {
    let fits = |bytes: usize| match bytes {
        0..=MAX_NAME_BYTES => Ok(()),
        _ => Err(NameError::TooLong { bytes }),
    };
    match name {
        [] => return Err(NameError::Empty),
        b"." | b".." => return Err(NameError::Dots),
        _ if name.contains(&b'/') => return Err(NameError::Path),
        _ if name.contains(&0) => return Err(NameError::Nul),
        _ => fits(name.len())?,
    }
    let name = written_out(name);
    fits(name.len())?;
    if cfg!(windows) && reserved_on_windows(&name) {
        return Err(NameError::Reserved { shown: escape(&name) });
    }
    Ok(name)
}

/// Replaces what may not stand in a name by something to be seen.
fn written_out(name: &[u8]) -> Cow<'_, str> {
    if let Ok(name) = std::str::from_utf8(name)
        && !name.chars().any(misleads)
    {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(MAX_NAME_BYTES);
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            // A String takes everything.
            let _ = match u32::from(c) {
                _ if !misleads(c) => out.write_char(c),
                code @ ..0x20 => out.write_char(char::from_u32(0x2400 + code).unwrap_or('␦')),
                0x7f => out.write_char('␡'),
                code => write!(out, "[U+{code:04X}]"),
            };
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Cow::Owned(out)
}

/// Whether a character controls the terminal, ends a line, or turns the order of the text around
/// it. Joiners, blanks without width and the like do none of that.
pub(super) fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether Windows gives one component of a path a meaning of its own.
fn reserved_on_windows(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_uppercase();
    let port = |device: &str| {
        stem.strip_prefix(device)
            .is_some_and(|n| matches!(n, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"))
    };
    name.ends_with(['.', ' '])
        || name.contains(char::is_control)
        || name.contains(['<', '>', ':', '"', '|', '?', '*', '\\'])
        || matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || port("COM")
        || port("LPT")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_no_file_can_have_or_leads_elsewhere_is_refused() {
        let long = "ä".repeat(128);
        let grown = "\n".repeat(86);
        for (name, why) in [
            ("", NameError::Empty),
            (".", NameError::Dots),
            ("..", NameError::Dots),
            ("../x", NameError::Path),
            ("/abs", NameError::Path),
            ("a/b", NameError::Path),
            ("a/", NameError::Path),
            ("a\0b", NameError::Nul),
            (&long, NameError::TooLong { bytes: 256 }),
            (&grown, NameError::TooLong { bytes: 258 }),
        ] {
            assert_eq!(name.parse::<SafeName>(), Err(why), "{name:?}");
        }
        assert_eq!("b".repeat(255).parse::<SafeName>().unwrap().as_str().len(), 255);
    }

    #[test]
    fn what_misleads_is_written_out_and_all_else_is_kept() {
        for (name, here) in [
            ("new\nline", "new␊line"),
            ("tab\t", "tab␉"),
            ("Icon\r", "Icon␍"),
            ("esc\u{1b}[31mred", "esc␛[31mred"),
            ("\u{7f}\u{1}", "␡␁"),
            ("csi\u{9b}2J", "csi[U+009B]2J"),
            ("\u{202e}txt.exe", "[U+202E]txt.exe"),
            ("שלום\u{200f}", "שלום[U+200F]"),
            ("\u{61c}\u{200e}", "[U+061C][U+200E]"),
            ("\u{2066}a\u{2069}", "[U+2066]a[U+2069]"),
            ("a\u{2028}\u{2029}", "a[U+2028][U+2029]"),
        ] {
            assert_eq!(name.parse::<SafeName>().unwrap().as_str(), here);
        }
        for kept in [
            "tëst",
            "e\u{301}",
            ".bashrc",
            "-rf",
            " lead",
            "trail ",
            "[U+202E]",
            "back\\slash",
            "..\\..\\evil",
            "a%FF",
            "soft\u{ad}hyphen",
            "\u{feff}mark",
            "\u{200b}\u{2060}\u{a0}\u{3000}",
            "می\u{200c}خواهم",
            "👨\u{200d}👩\u{200d}👧.jpg",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "\u{e000}\u{fff9}\u{378}",
        ] {
            if !(cfg!(windows) && reserved_on_windows(kept)) {
                assert_eq!(kept.parse::<SafeName>().unwrap().as_str(), kept);
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_written_out() {
        assert_eq!(tamed(b"a\xffb\xe4\n").unwrap(), "a%FFb%E4␊");
        assert!(matches!(tamed("ä".as_bytes()), Ok(Cow::Borrowed("ä"))));
    }

    #[test]
    fn an_archive_is_unpacked_to_its_name() {
        let unpacked = |name: &str| name.parse::<SafeName>().unwrap().without_tar();
        assert_eq!(unpacked("photos.tar").unwrap().as_str(), "photos");
        assert_eq!(unpacked("<unnamed folder>.TAR").unwrap().as_str(), "<unnamed folder>");
        assert_eq!(
            [".tar", "...tar", "tar", "ätar", "a.tar.gz"].map(unpacked),
            [const { None }; 5]
        );
    }

    #[test]
    fn knows_what_windows_reserves() {
        for name in
            ["a\rb", "con", "NUL.txt", "Lpt1", "com9.tar.gz", "a:b", "dot.", "trail ", "aux .c"]
        {
            assert!(reserved_on_windows(name), "{name}");
        }
        for name in ["console", "com10", "com", "a.con", "nul_", ".x"] {
            assert!(!reserved_on_windows(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_name_is_one_component_and_parses_to_itself(offered in any::<String>()) {
            if let Ok(name) = offered.parse::<SafeName>() {
                prop_assert!(!name.as_str().contains(['/', '\0']));
                prop_assert!(!name.as_str().chars().any(misleads));
                prop_assert_eq!(&name.as_str().parse::<SafeName>().unwrap(), &name);
                let mut components = std::path::Path::new(name.as_str()).components();
                let first = components.next();
                prop_assert!(matches!(first, Some(std::path::Component::Normal(_))));
                prop_assert!(components.next().is_none());
            }
        }

        #[test]
        fn no_error_shows_a_control_character(offered in any::<String>()) {
            if let Err(error) = offered.parse::<SafeName>() {
                prop_assert!(!error.to_string().chars().any(misleads));
            }
        }
    }
}
