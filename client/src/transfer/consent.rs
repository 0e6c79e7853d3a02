//! The person's word on an offer.

/// Tells whether a line typed at the prompt `ok? (Y/n): ` accepts.
///
/// Nothing, or anything that starts with `y` or `Y`, does; everything else refuses, also ` y` and
/// `ok` [file-transfer.md: receiving]. The line comes without its line ending.
pub fn accepts(answer: &str) -> bool {
    answer.is_empty() || answer.starts_with(['y', 'Y'])
}

/// Tells whether a line typed at the prompt `overwrite it? (y/N): ` accepts: only one that starts
/// with `y` or `Y` does.
pub fn accepts_overwriting(answer: &str) -> bool {
    answer.starts_with(['y', 'Y'])
}
