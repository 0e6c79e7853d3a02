//! What the operator wants: on the command line, in environment variables, and in a file, under
//! the same names. The command line goes before the environment, that before the file.

mod file;
mod print;
mod servers;
mod source;
mod table;
mod wrong;

use std::{collections::BTreeMap, env, path::PathBuf, str::FromStr};

use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};

pub(crate) use servers::Servers;
pub(crate) use source::Source;
use table::Group;
pub(crate) use table::{Kind, OPTIONS, Opt};
pub(crate) use wrong::Wrong;

/// The values of one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// None or one, but for an option that may be repeated.
    pub(crate) values: Vec<String>,
    pub(crate) origin: Source,
}

/// Writes the options as the table of the README.
pub(crate) fn markdown() -> String {
    let mut table = "| option | default | |\n|---|---|---|\n".to_owned();
    for group in Group::ALL {
        table += &format!("| **{}** | | |\n", group.title());
        for option in OPTIONS.iter().filter(|option| option.group == group) {
            let value = option.value().map_or_else(String::new, |value| format!(" {value}"));
            let default = match option.default.as_ref() {
                "" => String::new(),
                default => format!("`{default}`"),
            };
            table += &format!("| `--{}{value}` | {default} | {} |\n", option.name, option.help);
        }
    }
    table
}

/// The values of every option.
pub(crate) struct Settings(BTreeMap<&'static str, Setting>);

const CONFIG: &str = "config";

/// Adds the options of these servers to a command, and leaves all but `--config` out of its help
/// where they are hidden.
pub(crate) fn declare(command: Command, servers: Servers, hidden: bool) -> Command {
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .help_heading("Configuration")
        .help("Read options from this TOML file, by the same names without the dashes");
    let heeded = OPTIONS.iter().filter(|option| servers.heed(option));
    command.arg(config).args(heeded.map(|option| argument(option, servers).hide(hidden)))
}

fn argument(option: &Opt, servers: Servers) -> Arg {
    let long = servers.long(option);
    let arg = Arg::new(option.name)
        .long(long)
        .short(short(long))
        .help(help(option))
        .help_heading(option.group.title());
    let arg = if long == option.name { arg } else { arg.alias(option.name) };
    match (option.kind, option.value()) {
        (_, None) => arg
            .value_name("true|false")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        (Kind::Texts(_), Some(value)) => arg.value_name(value).action(ArgAction::Append),
        (_, Some(value)) => arg.value_name(value),
    }
}

/// The options of Python's servers that have a letter.
fn short(long: &str) -> Option<char> {
    match long {
        "port" => Some('p'),
        "websocket" => Some('w'),
        "websocket-url" => Some('u'),
        _ => None,
    }
}

fn help(option: &Opt) -> String {
    match option.default.as_ref() {
        "" => option.help.to_string(),
        default => format!("{} [default: {default}]", option.help),
    }
}

impl Settings {
    /// Gathers what is given in the three ways.
    pub(crate) fn gather(given: &ArgMatches) -> Result<Self, Wrong> {
        let mut settings: BTreeMap<_, _> = OPTIONS
            .iter()
            .map(|option| {
                let default = Some(option.default.to_string()).filter(|text| !text.is_empty());
                let values = default.into_iter().collect();
                (option.name, Setting { values, origin: Source::Default })
            })
            .collect();
        if let Some((path, origin)) = config_file(given)? {
            settings.extend(file::read(&path, &origin)?);
        }
        for option in OPTIONS.iter() {
            settings.extend(environment(option)?.map(|setting| (option.name, setting)));
            settings.extend(command_line(option, given).map(|setting| (option.name, setting)));
        }
        Ok(Self(settings))
    }

    /// Tells where an option's value came from; `None` for the default.
    pub(crate) fn given(&self, option: &'static str) -> Option<&Source> {
        let origin = &self.of(option).origin;
        Some(origin).filter(|origin| **origin != Source::Default)
    }

    /// Gives an option's text.
    pub(crate) fn text(&self, option: &'static str) -> Option<&str> {
        self.of(option).values.last().map(String::as_str)
    }

    /// Gives an option's path.
    pub(crate) fn path(&self, option: &'static str) -> Option<PathBuf> {
        self.text(option).map(PathBuf::from)
    }

    /// Gives an option's value; `expected` says what would be right.
    pub(crate) fn value<T: FromStr>(
        &self,
        option: &'static str,
        expected: &str,
    ) -> Result<Option<T>, Wrong> {
        let parsed = self.text(option).map(|text| {
            text.parse().map_err(|_| self.refuse(option, text, format!("expected {expected}")))
        });
        parsed.transpose()
    }

    /// Gives the values of an option that may be repeated.
    pub(crate) fn values<T>(&self, option: &'static str) -> Result<Vec<T>, Wrong>
    where
        T: FromStr<Err: ToString>,
    {
        let parse = |text: &String| {
            text.parse().map_err(|reason: T::Err| self.refuse(option, text, reason.to_string()))
        };
        self.of(option).values.iter().map(parse).collect()
    }

    /// Tells whether a flag is set.
    pub(crate) fn flag(&self, option: &'static str) -> Result<bool, Wrong> {
        Ok(self.value(option, "true or false")?.unwrap_or(false))
    }

    /// Says that a value of an option is refused.
    pub(crate) fn refuse(&self, option: &'static str, found: &str, reason: String) -> Wrong {
        let origin = self.of(option).origin.clone();
        Wrong::Value { option, found: found.to_owned(), reason, origin }
    }

    /// Says that an option does not go with others.
    pub(crate) fn contradict(&self, option: &'static str, reason: &str) -> Wrong {
        let origin = self.of(option).origin.clone();
        Wrong::Contradiction { option, reason: reason.to_owned(), origin }
    }

    fn of(&self, option: &'static str) -> &Setting {
        self.0.get(option).unwrap_or_else(|| unreachable!("{option} is in the table"))
    }
}

fn config_file(given: &ArgMatches) -> Result<Option<(PathBuf, Source)>, Wrong> {
    const VARIABLE: &str = "WORMHOLE_CONFIG";
    if let Some(path) = given.get_one::<String>(CONFIG) {
        return Ok(Some((path.into(), Source::CommandLine)));
    }
    let path = variable(VARIABLE)?;
    Ok(path.map(|path| (path.into(), Source::Variable(VARIABLE.to_owned()))))
}

/// Reads an environment variable; an empty one counts as none.
fn variable(name: &str) -> Result<Option<String>, Wrong> {
    let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let text = value.into_string().map_err(|_| Wrong::Variable { name: name.to_owned() })?;
    Ok(Some(text))
}

/// The values of an option that may be repeated stand between spaces.
fn environment(option: &Opt) -> Result<Option<Setting>, Wrong> {
    let name = option.variable();
    let Some(text) = variable(&name)? else { return Ok(None) };
    let values = match option.kind {
        Kind::Texts(_) => text.split_whitespace().map(str::to_owned).collect(),
        _ => vec![text],
    };
    Ok(Some(Setting { values, origin: Source::Variable(name) }))
}

fn command_line(option: &Opt, given: &ArgMatches) -> Option<Setting> {
    // A command knows only its own servers' options.
    if given.try_contains_id(option.name).is_err() {
        return None;
    }
    if given.value_source(option.name) != Some(ValueSource::CommandLine) {
        return None;
    }
    let values = given.get_many::<String>(option.name)?.cloned().collect();
    Some(Setting { values, origin: Source::CommandLine })
}
