//! The placeholders of a transcript: strings beginning with `$` for values that differ each run.

use std::collections::HashMap;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

/// The earliest plausible unix time, in seconds.
const EARLIEST: f64 = 1e9;

/// Holds the values that placeholders have taken in one run.
pub(super) struct Bindings {
    /// Makes the names that the client invents differ from all other runs.
    run: String,
    bound: HashMap<String, Value>,
    /// Nameplates with exactly this many digits, where a transcript says so.
    nameplate_digits: HashMap<String, usize>,
}

impl Bindings {
    pub(super) fn new(patterns: &Value) -> Self {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let patterns = patterns.as_object().into_iter().flatten();
        let digits = patterns.map(|(name, pattern)| {
            let digits = match pattern.as_str() {
                Some("^[1-9]$") => 1,
                Some("^[1-9][0-9]$") => 2,
                _ => panic!("{name}: unknown pattern {pattern}"),
            };
            (name.clone(), digits)
        });
        Self {
            run: format!("{:x}-{now:x}-{number:x}", process::id()),
            bound: HashMap::new(),
            nameplate_digits: digits.collect(),
        }
    }

    /// Returns what a placeholder was bound to.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.bound.get(name)
    }

    /// Puts values in the place of placeholders in something to be sent.
    pub(super) fn expand(&self, frame: &Value) -> Value {
        match frame {
            Value::String(text) => self.expand_text(text),
            Value::Array(items) => items.iter().map(|item| self.expand(item)).collect(),
            Value::Object(fields) => {
                let expand = |(key, value): (&String, &Value)| (key.clone(), self.expand(value));
                Value::Object(fields.iter().map(expand).collect())
            }
            plain => plain.clone(),
        }
    }

    fn expand_text(&self, text: &str) -> Value {
        match Placeholder::parse(text) {
            Some(Placeholder::Invented) => format!("{}-{}", &text[1..], self.run).into(),
            Some(Placeholder::Repeat(part, times)) => part.repeat(times).into(),
            _ => self.bound.get(text).cloned().unwrap_or_else(|| text.into()),
        }
    }

    /// Compares what came with what was recorded; a placeholder seen first is bound.
    ///
    /// Objects may hold more than was recorded, except inside an error's `orig`.
    pub(super) fn compare(&mut self, want: &Value, got: &Value, at: &str) -> Result<(), String> {
        let differs = || Err(format!("{at}: wanted {want}, got {got}"));
        match (want, got) {
            (Value::String(text), _) => match Placeholder::parse(text) {
                Some(Placeholder::Any) => Ok(()),
                Some(Placeholder::Time) => is_time(got).then_some(()).map_or_else(differs, Ok),
                Some(
                    kind @ (Placeholder::Mailbox | Placeholder::Nameplate | Placeholder::Received),
                ) => self.bind(text, kind, got).map_err(|e| format!("{at}: {e}")),
                _ if self.expand_text(text) == *got => Ok(()),
                _ => differs(),
            },
            (Value::Object(want), Value::Object(got)) => self.compare_fields(want, got, at),
            (Value::Array(wants), Value::Array(gots)) if wants.len() == gots.len() => {
                let mut pairs = wants.iter().zip(gots).enumerate();
                pairs
                    .try_for_each(|(i, (want, got))| self.compare(want, got, &format!("{at}[{i}]")))
            }
            (Value::Number(want), Value::Number(got)) if want.as_f64() == got.as_f64() => Ok(()),
            _ if want == got => Ok(()),
            _ => differs(),
        }
    }

    fn compare_fields(
        &mut self,
        want: &Map<String, Value>,
        got: &Map<String, Value>,
        at: &str,
    ) -> Result<(), String> {
        for (key, want) in want {
            let got = got.get(key).ok_or_else(|| format!("{at}: no `{key}` in {got:?}"))?;
            self.compare(want, got, &format!("{at}.{key}"))?;
        }
        match got.keys().find(|key| !want.contains_key(*key)) {
            Some(extra) if at.contains(".orig") => Err(format!("{at}: `{extra}` was not sent")),
            _ => Ok(()),
        }
    }

    fn bind(&mut self, name: &str, kind: Placeholder<'_>, got: &Value) -> Result<(), String> {
        if let Some(bound) = self.bound.get(name) {
            return if bound == got {
                Ok(())
            } else {
                Err(format!("{name} was {bound}, now {got}"))
            };
        }
        let fits = match (kind, got) {
            (Placeholder::Mailbox, Value::String(id)) => is_mailbox(id),
            (Placeholder::Nameplate, Value::String(digits)) => {
                let wanted = self.nameplate_digits.get(name);
                is_nameplate(digits) && wanted.is_none_or(|n| *n == digits.len())
            }
            (Placeholder::Received, time) => is_time(time),
            _ => false,
        };
        if !fits {
            return Err(format!("{got} does not fit {name}"));
        }
        self.bound.insert(name.to_owned(), got.clone());
        Ok(())
    }
}

/// Names the shapes that a placeholder can have.
#[derive(Clone, Copy)]
enum Placeholder<'a> {
    Any,
    Time,
    /// `$app`, `$side:LABEL`, `$new:LABEL`: a string the client makes up.
    Invented,
    Mailbox,
    Nameplate,
    /// A `server_rx`, which stays the same when a message is shown again.
    Received,
    Repeat(&'a str, usize),
}

impl<'a> Placeholder<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let name = text.strip_prefix('$')?;
        if let Some(repeat) = name.strip_prefix("REPEAT(").and_then(|rest| rest.strip_suffix(')')) {
            let (part, times) = repeat.rsplit_once(',')?;
            return Some(Self::Repeat(part, times.parse().ok()?));
        }
        let numbered = |kind: &str| {
            let number = name.strip_prefix(kind)?;
            number.parse::<u32>().ok()
        };
        match name.split(':').next()? {
            "ANY" => Some(Self::Any),
            "TIME" => Some(Self::Time),
            "app" | "side" | "new" => Some(Self::Invented),
            _ if numbered("mailbox").is_some() => Some(Self::Mailbox),
            _ if numbered("nameplate").is_some() => Some(Self::Nameplate),
            _ if numbered("rx").is_some() => Some(Self::Received),
            _ => None,
        }
    }
}

fn is_time(value: &Value) -> bool {
    value.as_f64().is_some_and(|seconds| seconds >= EARLIEST)
}

fn is_mailbox(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (8..=64).contains(&id.len()) && id.bytes().all(plain)
}

fn is_nameplate(digits: &str) -> bool {
    !digits.starts_with('0') && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}
