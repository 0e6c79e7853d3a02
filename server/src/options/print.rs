//! `--print-config`: every value, and where it came from, as a configuration file.

use std::fmt;

use super::{Kind, OPTIONS, Settings};

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for option in OPTIONS.iter() {
            let setting = self.of(option.name);
            let written: Vec<String> =
                setting.values.iter().map(|v| write(option.kind, v)).collect();
            let name = option.name;
            match (option.kind, written.as_slice()) {
                (Kind::Texts(_), []) => write!(f, "{name} = []")?,
                (Kind::Flag, []) => write!(f, "{name} = false")?,
                (_, []) => write!(f, "# {name} is not set")?,
                (_, [one]) => write!(f, "{name} = {one}")?,
                (_, several) => write!(f, "{name} = [{}]", several.join(", "))?,
            }
            match self.given(name) {
                Some(origin) => writeln!(f, "  # from {origin}")?,
                None => writeln!(f, "  # the default")?,
            }
        }
        Ok(())
    }
}

/// Writes a value as TOML does.
fn write(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Flag | Kind::Number(_) => value.to_owned(),
        // TOML escapes as JSON does, and has more escapes besides.
        Kind::Text(_) | Kind::Texts(_) => serde_json::Value::from(value).to_string(),
    }
}
