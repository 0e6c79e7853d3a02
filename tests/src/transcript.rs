//! Recorded conversations with a mailbox server.

use std::fs;
use std::path::Path;

use serde_json::Value;

mod binding;
mod replay;

pub use replay::Replay;

/// Is one recorded conversation.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// Its name, the test's name.
    pub name: String,
    /// What it obliges a server to.
    pub class: Class,
    record: Value,
}

/// Names how binding a transcript is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Existing clients rely on it.
    Must,
    /// Sensible, but no client relies on the exact form.
    Should,
    /// What the Python server does and a better one may change on purpose.
    Quirk,
}

impl Transcript {
    /// Reads all recorded conversations.
    ///
    /// # Panics
    ///
    /// When the file is not as its format says.
    pub fn all() -> Vec<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/mailbox-transcripts.jsonl");
        let lines = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        lines.lines().map(Self::parse).collect()
    }

    fn parse(line: &str) -> Self {
        let record: Value = serde_json::from_str(line).expect("a transcript is a line of JSON");
        let name = record["name"].as_str().expect("a transcript has a name").to_owned();
        let class = match record["class"].as_str() {
            Some("must") => Class::Must,
            Some("should") => Class::Should,
            Some("quirk") => Class::Quirk,
            _ => panic!("{name}: unknown class {}", record["class"]),
        };
        Self { name, class, record }
    }
}
