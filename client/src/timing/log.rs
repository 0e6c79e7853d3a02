//! What is recorded while a program runs.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use serde_json::{Map, Value, ser::PrettyFormatter};

use super::file::write_file;

/// What a log may hold, in bytes, as [`cost`] counts them.
const MAX_BYTES: usize = 32 << 20;
/// What an event or a value takes besides its text, about.
const OVERHEAD: usize = 128;

/// A list of events which all clones share.
///
/// A log holds names, times and frames as they are on the wire, and no key or code. It keeps the
/// first 32 MiB, about a hundred thousand events; what comes after that is only counted, and a
/// last event `left out` tells how many there were (`events`), from the first of them to the last.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Events>>);

#[derive(Default)]
struct Events {
    kept: Vec<Event>,
    /// What the kept ones take.
    bytes: usize,
    left_out: Option<LeftOut>,
}

struct LeftOut {
    events: u64,
    first: f64,
    last: f64,
}

#[derive(Serialize)]
struct Event {
    name: &'static str,
    start: f64,
    stop: Option<f64>,
    details: Map<String, Value>,
}

impl Log {
    /// Begins an empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records that something happens now.
    pub fn moment(&self, name: &'static str, details: Map<String, Value>) {
        self.moment_at(SystemTime::now(), name, details);
    }

    /// Records that something happened at a time that is already known.
    pub fn moment_at(&self, at: SystemTime, name: &'static str, details: Map<String, Value>) {
        self.events().begin(at, name, details);
    }

    /// Records that something begins now, which the returned span can end.
    pub fn span(&self, name: &'static str, details: Map<String, Value>) -> Span {
        let index = self.events().begin(SystemTime::now(), name, details);
        Span { log: self.clone(), index }
    }

    /// Writes all events as one JSON array, in the order in which they were begun, with an indent
    /// of 1 and a newline at the end. Times are unix times in seconds.
    pub fn to_json(&self) -> String {
        let events = self.events();
        let left_out = events.left_out.as_ref().map(LeftOut::event);
        let all: Vec<&Event> = events.kept.iter().chain(&left_out).collect();
        let mut json = Vec::new();
        let formatter = PrettyFormatter::with_indent(b" ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut json, formatter);
        all.serialize(&mut serializer).expect("text and numbers are JSON");
        json.push(b'\n');
        String::from_utf8(json).expect("JSON is UTF-8")
    }

    /// Writes [`Self::to_json`] into a file, as [`write_file`] does.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        write_file(path, self.to_json().as_bytes())
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        // Nothing is done while it is locked that could leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that takes time. Dropped without [`Self::stop`], it has begun and never ended.
#[must_use = "it lasts until it is stopped"]
pub struct Span {
    log: Log,
    /// `None` where the log was full.
    index: Option<usize>,
}

impl Span {
    /// Adds what is known only now, such as an answer.
    pub fn detail(&self, key: &'static str, value: impl Into<Value>) {
        let mut events = self.log.events();
        let value = value.into();
        let bytes = key.len() + cost(&value);
        if let Some(index) = self.index
            && events.has_room(bytes)
        {
            events.bytes += bytes;
            events.kept[index].details.insert(key.to_owned(), value);
        }
    }

    /// Ends it now.
    pub fn stop(self) {
        if let Some(index) = self.index {
            self.log.events().kept[index].stop = Some(unix(SystemTime::now()));
        }
    }
}

impl Events {
    /// Adds an event and tells its place, or counts it where the log is full.
    fn begin(
        &mut self,
        at: SystemTime,
        name: &'static str,
        details: Map<String, Value>,
    ) -> Option<usize> {
        let start = unix(at);
        let bytes =
            OVERHEAD + details.iter().map(|(key, value)| written(key) + cost(value)).sum::<usize>();
        // Once an event is left out all later ones are, so that the log has no holes.
        if self.left_out.is_some() || !self.has_room(bytes) {
            let left_out =
                self.left_out.get_or_insert(LeftOut { events: 0, first: start, last: start });
            left_out.events += 1;
            left_out.last = start;
            return None;
        }
        self.bytes += bytes;
        self.kept.push(Event { name, start, stop: None, details });
        Some(self.kept.len() - 1)
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.bytes + bytes <= MAX_BYTES
    }
}

impl LeftOut {
    fn event(&self) -> Event {
        let details = Map::from_iter([("events".to_owned(), self.events.into())]);
        Event { name: "left out", start: self.first, stop: Some(self.last), details }
    }
}

/// What a value takes in memory or in the file, about.
fn cost(value: &Value) -> usize {
    OVERHEAD
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => written(text),
            Value::Array(items) => items.iter().map(cost).sum(),
            Value::Object(map) => map.iter().map(|(key, value)| written(key) + cost(value)).sum(),
        }
}

/// How long a text is in the file, where a control character takes six bytes.
fn written(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        0..=0x1f => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

fn unix(at: SystemTime) -> f64 {
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use serde_json::json;

    use super::*;
    use crate::timing::Recording;

    fn details(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("expected an object") };
        map
    }

    fn parsed(log: &Log) -> Vec<Value> {
        serde_json::from_str(&log.to_json()).unwrap()
    }

    #[test]
    fn the_shape_is_that_of_a_file_of_python() {
        let log = Log::new();
        log.moment("command dispatch", Map::new());
        let span = log.span("pake1", details(json!({"waiting": "crypto"})));
        span.stop();
        let theirs = include_str!("../../tests/vectors/timing-send.json");
        let python: Vec<Value> = serde_json::from_str(theirs).unwrap();
        for ours in parsed(&log) {
            let like = python.iter().find(|event| event["name"] == ours["name"]).unwrap();
            assert_eq!(keys(&ours), keys(like));
            assert_eq!(ours["details"], like["details"]);
            for key in ["start", "stop"] {
                assert_eq!(ours[key].is_f64(), like[key].is_f64());
            }
        }
        let ours = log.to_json();
        assert_eq!(dispatch(&ours), dispatch(theirs));
        assert!(ours.ends_with("\n }\n]\n") && !ours.ends_with("\n\n"), "{ours}");
    }

    /// The lines of the event `command dispatch`, without its time.
    fn dispatch(json: &str) -> Vec<&str> {
        let lines: Vec<_> = json.lines().collect();
        let name = lines.iter().position(|line| line.contains("command dispatch")).unwrap();
        let end = name + lines[name..].iter().position(|line| line.starts_with(" }")).unwrap();
        let mut event = lines[name - 1..=end].to_vec();
        assert!(event.remove(2).starts_with("  \"start\": 1"));
        event
    }

    fn keys(event: &Value) -> Vec<&String> {
        event.as_object().unwrap().keys().collect()
    }

    #[test]
    fn events_stand_in_the_order_in_which_they_were_begun() {
        let log = Log::new();
        let outer = log.span("outer", Map::new());
        let shared = log.clone();
        std::thread::spawn(move || shared.moment("inner", Map::new())).join().unwrap();
        log.moment_at(UNIX_EPOCH + Duration::from_millis(1_500), "long ago", Map::new());
        outer.detail("answer", "yes");
        outer.stop();
        drop(log.span("never ended", Map::new()));
        let events = parsed(&log);
        let names: Vec<_> = events.iter().map(|event| event["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["outer", "inner", "long ago", "never ended"]);
        assert_eq!(events[0]["details"], json!({"answer": "yes"}));
        assert!(events[0]["stop"].as_f64() >= events[1]["start"].as_f64());
        assert_eq!(events[2]["start"], json!(1.5));
        assert_eq!(events[3]["stop"], Value::Null);
    }

    #[test]
    fn a_full_log_counts_what_it_leaves_out() {
        let log = Log::new();
        let body = "00".repeat(1 << 20);
        let early = log.span("early", Map::new());
        for _ in 0..20 {
            log.moment("ws_send", details(json!({"body": body})));
        }
        let late = log.span("late", Map::new());
        late.detail("body", "00");
        late.stop();
        early.detail("body", body.as_str());
        early.stop();
        let events = parsed(&log);
        assert_eq!(events.len(), 1 + 15 + 1);
        assert!(events[0]["stop"].is_f64() && events[0]["details"] == json!({}));
        assert_eq!(events[16]["name"], "left out");
        assert_eq!(events[16]["details"], json!({"events": 6}));
        assert!(events[16]["stop"].as_f64() >= events[16]["start"].as_f64());
        assert!(events[16]["start"].as_f64() >= events[15]["start"].as_f64());
    }

    #[test]
    fn a_full_log_can_be_read_again() {
        let log = Log::new();
        let escapes = "\u{1}\n\"".repeat(100_000);
        for _ in 0..100 {
            log.moment("ws_receive", details(json!({"motd": escapes, "list": [1, [2, [3]]]})));
        }
        let events = Recording::parse(log.to_json().as_bytes()).unwrap().events;
        assert_eq!(events.last().unwrap().name, "left out");
    }

    #[test]
    fn a_file_is_written_or_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("timing.json");
        let log = Log::new();
        log.moment("exit", Map::new());
        fs::write(&path, "older").unwrap();
        log.write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), log.to_json());
        assert!(log.write(folder.path()).is_err());
        assert!(log.write(&path.join("below a file")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
