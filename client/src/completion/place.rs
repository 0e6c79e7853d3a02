//! Where in a code the cursor stands.

/// What is being typed there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// The number in front.
    Nameplate { begun: &'a str },
    /// A word behind it; `kept` is the words before it, with their hyphens.
    Word { nameplate: &'a str, kept: &'a str, begun: &'a str },
}

impl<'a> Place<'a> {
    /// Looks at the line up to the cursor; a cursor that cuts a character stands at the end.
    pub(super) fn at(line: &'a str, cursor: usize) -> Self {
        let before = line.get(..cursor).unwrap_or(line);
        match split(before) {
            None => Self::Nameplate { begun: before.trim_start() },
            Some((nameplate, words)) => {
                let (kept, begun) = words.split_at(words.rfind('-').map_or(0, |at| at + 1));
                Self::Word { nameplate, kept, begun }
            }
        }
    }

    /// What a completion takes the place of.
    pub(super) fn begun(&self) -> &'a str {
        match *self {
            Self::Nameplate { begun } | Self::Word { begun, .. } => begun,
        }
    }
}

/// Parts a line into nameplate and words, where it has come so far.
pub(super) fn split(line: &str) -> Option<(&str, &str)> {
    line.trim_start().split_once('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hyphen_parts_nameplate_and_words() {
        assert_eq!(Place::at("", 0), Place::Nameplate { begun: "" });
        assert_eq!(Place::at(" 12", 3), Place::Nameplate { begun: "12" });
        let word = |kept, begun| Place::Word { nameplate: "7", kept, begun };
        assert_eq!(Place::at("7-", 2), word("", ""));
        assert_eq!(Place::at("7-cro", 5), word("", "cro"));
        assert_eq!(Place::at("7-crossover-", 12), word("crossover-", ""));
        assert_eq!(Place::at("7-crossover-clo", 15), word("crossover-", "clo"));
        assert_eq!(Place::at("7-crossover-clo", 5), word("", "cro"));
        assert_eq!(Place::at("7-crossover-clo", 1), Place::Nameplate { begun: "7" });
    }
}
