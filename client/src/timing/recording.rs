//! A timing log that was written before, by this program or by Python's.

use std::{fs::File, io, io::Read, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// The longest file that is read, in bytes: more than any log of ours takes.
const MAX_FILE: usize = 64 << 20;
/// The last unix time that is believed, about the year 5138.
const MAX_TIME: f64 = 1e11;

/// What one side recorded.
///
/// Keys and names that nobody knows are kept as they are.
#[derive(Clone, Debug)]
pub struct Recording {
    pub(super) events: Vec<Event>,
}

/// One element of the file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Event {
    pub(super) name: String,
    /// Unix time in seconds by the side's own clock, as is `stop`.
    pub(super) start: f64,
    pub(super) stop: Option<f64>,
    #[serde(default)]
    pub(super) details: Map<String, Value>,
}

/// A file is no timing log.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// It is too long.
    #[error("expected a timing log of at most {} MiB", MAX_FILE >> 20)]
    TooLong,
    /// It is no JSON, or other JSON.
    #[error(
        "expected a timing log, which is a JSON array of events with name, start, stop and \
         details; line {line}, column {column} is different"
    )]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// A `start` or `stop` is no time.
    #[error("expected unix times in seconds, but event {0} has others")]
    Time(usize),
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// [`RecordingError`], any of them.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let mut json = Vec::new();
        File::open(path)?.take(MAX_FILE as u64 + 1).read_to_end(&mut json)?;
        Self::parse(&json)
    }

    /// Reads the contents of a file.
    ///
    /// # Errors
    /// [`RecordingError`]: `TooLong` for more than 64 MiB, `Malformed`, `Time`.
    pub fn parse(json: &[u8]) -> Result<Self, RecordingError> {
        if json.len() > MAX_FILE {
            return Err(RecordingError::TooLong);
        }
        let malformed = |error: serde_json::Error| RecordingError::Malformed {
            line: error.line(),
            column: error.column(),
        };
        let events: Vec<Event> = serde_json::from_slice(json).map_err(malformed)?;
        let strange =
            |event: &Event| !is_time(event.start) || event.stop.is_some_and(|at| !is_time(at));
        match events.iter().position(strange) {
            Some(index) => Err(RecordingError::Time(index + 1)),
            None => Ok(Self { events }),
        }
    }
}

pub(super) fn is_time(seconds: f64) -> bool {
    (0.0..=MAX_TIME).contains(&seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::Log;

    fn error(json: &str) -> String {
        Recording::parse(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn ours_and_pythons_are_read() {
        let python = include_bytes!("../../tests/vectors/timing-send.json");
        let events = Recording::parse(python).unwrap().events;
        assert_eq!(events.len(), 32);
        assert_eq!(
            (events[0].name.as_str(), events[0].stop),
            ("import", Some(1_795_356_132.741_022_3))
        );
        assert_eq!(events[3].details["type"], "bind");

        let log = Log::new();
        log.span("pake1", Map::new()).stop();
        log.moment("exit", Map::new());
        let events = Recording::parse(log.to_json().as_bytes()).unwrap().events;
        assert_eq!(events.len(), 2);
        assert!(events[0].stop >= Some(events[0].start) && events[1].stop.is_none());
    }

    #[test]
    fn what_nobody_knows_is_no_error() {
        let json = r#"[{"name": "new", "start": 1, "stop": null, "details": {"a": [1]}, "more": 2},
                       {"name": "bare", "start": 0.5}]"#;
        let events = Recording::parse(json.as_bytes()).unwrap().events;
        assert_eq!(events[0].details["a"][0], 1);
        assert_eq!((events[1].stop, events[1].details.len()), (None, 0));
        assert!(Recording::parse(b"[]").unwrap().events.is_empty());
    }

    #[test]
    fn what_is_no_log_is_told_with_its_place() {
        let deep = format!(r#"[{{"name":"n","start":1,"details":{}"#, "[".repeat(10_000));
        for json in ["", "{}", "[1]", "[{}]", r#"[{"name": 1, "start": 1}]"#, &deep] {
            assert!(error(json).contains("JSON array of events"), "{json:.20}");
        }
        assert!(
            error("[\n {\"name\": \"n\", \"start\": \"\x1b[31m\"}]").contains("line 2, column")
        );
        assert!(!error("[{\"name\": [], \"start\": \"secret\"}]").contains("secret"));
        for times in ["-1", "1e12", "1, \"stop\": -0.5"] {
            let json = format!(r#"[{{"name":"n","start":1}}, {{"name":"n","start":{times}}}]"#);
            assert_eq!(error(&json), "expected unix times in seconds, but event 2 has others");
        }
    }

    #[test]
    fn a_file_may_be_too_long_or_missing() {
        let long = vec![b' '; MAX_FILE + 1];
        assert!(matches!(Recording::parse(&long), Err(RecordingError::TooLong)));
        let missing = Recording::read(Path::new("/nowhere/timing.json"));
        assert!(matches!(missing, Err(RecordingError::Io(_))));
    }
}
