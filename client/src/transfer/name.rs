//! The name under which something offered by the peer may appear here.

use std::{fmt, str::FromStr};

use thiserror::Error;
use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory};

use super::escape;

/// The longest name common file systems take, in bytes.
const LONGEST: usize = 255;

/// Is one harmless component of a path: never empty, `.` or `..`, without separators, and at most
/// 255 bytes long.
///
/// No program offers a path, so one with `/` in it is refused. A `\` may be part of a name on the
/// peer's system; of such a name the last component is taken, whatever the system
/// [file-transfer.md: receiving]. `Display` shows the name escaped as [`escape`] does.
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

impl FromStr for SafeName {
    type Err = NameError;

    fn from_str(offered: &str) -> Result<Self, NameError> {
        if offered.contains('/') {
            return Err(NameError::Path);
        }
        let name = offered.rsplit('\\').next().unwrap_or_default();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name == "." || name == ".." {
            return Err(NameError::Dots);
        }
        if name.len() > LONGEST {
            return Err(NameError::TooLong { bytes: name.len() });
        }
        if name.chars().any(misleads) {
            return Err(NameError::Control { shown: escape(name) });
        }
        if cfg!(windows) && reserved_on_windows(name) {
            return Err(NameError::Reserved { shown: escape(name) });
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for SafeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.0))
    }
}

/// Tells why an offered name is refused; names are shown escaped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// It is a path, which no honest program offers.
    #[error("the peer offered a path where only a name is allowed")]
    Path,
    /// Nothing is left after the last separator.
    #[error("the peer offered an empty name")]
    Empty,
    /// The last component is `.` or `..`.
    #[error("the peer offered a name which stands for an existing folder ('.' or '..')")]
    Dots,
    /// The last component has more than 255 bytes.
    #[error("the peer offered a name of {bytes} bytes, the limit is 255")]
    TooLong {
        /// The length of the last component.
        bytes: usize,
    },
    /// The name holds NUL, another control character, or one that reorders what is shown.
    #[error("the peer offered a name with control characters: '{shown}'")]
    Control {
        /// The last component, escaped.
        shown: String,
    },
    /// The name means a device, a stream or another name on Windows.
    #[error("the peer offered a name which this system reserves: '{shown}'")]
    Reserved {
        /// The last component, escaped.
        shown: String,
    },
}

/// Whether a character controls the terminal or the order of the text around it. The two joiners
/// are spared: Persian, the Indic scripts and emoji cannot be written without them.
fn misleads(c: char) -> bool {
    let category = c.general_category();
    let joiner = matches!(c, '\u{200c}' | '\u{200d}');
    !joiner
        && matches!(
            category,
            Category::Control
                | Category::Format
                | Category::LineSeparator
                | Category::ParagraphSeparator
        )
}

/// Whether Windows gives one component of a path a meaning of its own.
pub(super) fn reserved_on_windows(name: &str) -> bool {
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
    fn refuses_each_danger_by_its_name() {
        let refused = |offered: &str| offered.parse::<SafeName>().unwrap_err();
        assert_eq!(refused("a\\"), NameError::Empty);
        for path in ["../x", "/abs", "a/b", "a/"] {
            assert_eq!(refused(path), NameError::Path);
        }
        assert_eq!(refused("a\\.."), NameError::Dots);
        assert_eq!(refused(&"ä".repeat(128)), NameError::TooLong { bytes: 256 });
        for hostile in ["a\0b", "a\nb", "\u{1b}[31m", "\u{202e}txt.exe", "a\u{2028}", "\u{feff}a"] {
            let NameError::Control { shown } = refused(hostile) else { panic!("{hostile:?}") };
            assert_eq!(shown, escape(hostile));
        }
    }

    #[test]
    fn keeps_what_people_write() {
        for name in ["tëst", ".bashrc", "-rf", " lead", "👨\u{200d}👩\u{200d}👧.jpg"] {
            assert_eq!(name.parse::<SafeName>().unwrap().as_str(), name);
        }
        assert_eq!("b".repeat(255).parse::<SafeName>().unwrap().as_str().len(), 255);
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
                prop_assert!(!name.as_str().contains(['/', '\\', '\0']));
                prop_assert!(!name.as_str().chars().any(char::is_control));
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
