//! The configuration file: TOML, whose keys are the options' names.

use std::{fs, path::Path};

use toml::de::{DeTable, DeValue};

use super::{Kind, OPTIONS, Opt, Setting, Source, Wrong};

/// Reads the file; gives each option that it sets.
pub(super) fn read(path: &Path, origin: &Source) -> Result<Vec<(&'static str, Setting)>, Wrong> {
    let text = fs::read_to_string(path).map_err(|reason| Wrong::File {
        path: path.to_owned(),
        reason,
        origin: origin.clone(),
    })?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<Vec<(&'static str, Setting)>, Wrong> {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| Wrong::Toml {
        path: path.to_owned(),
        line: line(error.span().map_or(0, |span| span.start)),
        reason: error.message().to_owned(),
    })?;
    let entries = table.get_ref().iter().map(|(key, value)| {
        let line = line(key.span().start);
        let name: &str = key.get_ref();
        let option = OPTIONS.iter().find(|option| option.name == name);
        let option = option.ok_or_else(|| Wrong::UnknownKey {
            key: name.to_owned(),
            path: path.to_owned(),
            line,
            hint: nearest(name),
        })?;
        let origin = Source::File { path: path.to_owned(), line };
        let values = values(option, value.get_ref(), &origin)?;
        Ok((option.name, Setting { values, origin }))
    });
    entries.collect()
}

fn values(option: &Opt, value: &DeValue<'_>, origin: &Source) -> Result<Vec<String>, Wrong> {
    let wrong = |value: &DeValue<'_>| Wrong::Type {
        option: option.name,
        expected: match option.kind {
            Kind::Flag => "true or false",
            Kind::Number(_) => "a whole number",
            Kind::Text(_) => "a text in quotes",
            Kind::Texts(_) => "a text in quotes, or a list of them",
        },
        found: kind(value),
        origin: origin.clone(),
    };
    match (option.kind, value) {
        (Kind::Texts(_), DeValue::Array(items)) => items
            .iter()
            .map(|item| one(item.get_ref()).ok_or_else(|| wrong(item.get_ref())))
            .collect(),
        (Kind::Flag, DeValue::Boolean(flag)) => Ok(vec![flag.to_string()]),
        (Kind::Text(_), DeValue::String(text)) => Ok(vec![text.to_string()]),
        (Kind::Number(_), DeValue::Integer(_)) | (Kind::Texts(_), _) => {
            one(value).map(|text| vec![text]).ok_or_else(|| wrong(value))
        }
        _ => Err(wrong(value)),
    }
}

/// A port is a number as well as a text.
fn one(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            // As it is written, but for the separators and bases that only TOML has.
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
        }
        _ => None,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Names the option that the operator may have meant.
fn nearest(name: &str) -> String {
    let plain = |name: &str| name.replace('_', "-").to_ascii_lowercase();
    let meant = plain(name);
    let found = OPTIONS.iter().find(|option| {
        meant == option.name || option.name.contains(&meant) || meant.contains(option.name)
    });
    found.map_or_else(String::new, |option| format!(": did you mean {}?", option.name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let settings = parse(text, Path::new("w.toml")).map_err(|wrong| wrong.to_string())?;
        let shown = settings.into_iter().map(|(name, setting)| {
            format!("{name}={} at {}", setting.values.join("|"), setting.origin)
        });
        Ok(shown.collect())
    }

    #[test]
    fn each_kind_of_option_is_read() {
        let text = "# comment\nport = [\"tcp:1\", 2]\nmotd = \"\"\"two\nlines\"\"\"\n\
                    disallow-list = true\nhold-down = 1_0\n";
        let mut read = read(text).unwrap();
        read.sort();
        assert_eq!(
            read,
            [
                "disallow-list=true at w.toml, line 5",
                "hold-down=10 at w.toml, line 6",
                "motd=two\nlines at w.toml, line 3",
                "port=tcp:1|2 at w.toml, line 2",
            ]
        );
        assert_eq!(super::tests::read("port = 4001").unwrap(), ["port=4001 at w.toml, line 1"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, expected) in [
            (
                "\nmotd = 5",
                "--motd: expected a text in quotes, found a number (from w.toml, line 2)",
            ),
            (
                "hold-down = \"5\"",
                "--hold-down: expected a whole number, found a text (from w.toml, line 1)",
            ),
            (
                "disallow-list = 1",
                "--disallow-list: expected true or false, found a number (from w.toml, line 1)",
            ),
            (
                "port = [1.5]",
                "--port: expected a text in quotes, or a list of them, found a fraction (from \
                 w.toml, line 1)",
            ),
            (
                "\n\nchannel_db = \"x\"",
                "unknown option \"channel_db\" in w.toml, line 3: did you mean channel-db?",
            ),
            ("nonsense = 1", "unknown option \"nonsense\" in w.toml, line 1"),
        ] {
            assert_eq!(read(text).unwrap_err(), expected);
        }
        let broken = read("motd = \"x\"\nport = ").unwrap_err();
        assert!(broken.starts_with("w.toml, line 2: not a configuration in TOML: "), "{broken}");
        assert!(!broken.contains('\n'), "{broken}");
    }
}
