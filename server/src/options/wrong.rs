//! What is wrong with a configuration, in one line.

use std::{io, path::PathBuf};

use super::Source;

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Wrong {
    /// A value means nothing.
    #[error("--{option}: {found:?} is refused: {reason} (from {origin})")]
    Value { option: &'static str, found: String, reason: String, origin: Source },
    /// Two options that exclude or need each other.
    #[error("--{option} {reason} (from {origin})")]
    Contradiction { option: &'static str, reason: String, origin: Source },
    /// A key that is no option.
    #[error("unknown option {key:?} in {path}, line {line}{hint}")]
    UnknownKey { key: String, path: PathBuf, line: usize, hint: String },
    /// A value of another type than the option's.
    #[error("--{option}: expected {expected}, found {found} (from {origin})")]
    Type { option: &'static str, expected: &'static str, found: &'static str, origin: Source },
    /// The configuration file is not there.
    #[error("cannot read the configuration file {path}: {reason} (from {origin})")]
    File { path: PathBuf, reason: io::Error, origin: Source },
    /// The configuration file is not TOML.
    #[error("{path}, line {line}: not a configuration in TOML: {reason}")]
    Toml { path: PathBuf, line: usize, reason: String },
    /// An environment variable is not text.
    #[error("the environment variable {name} is not UTF-8")]
    Variable { name: String },
}
