//! The program's commands.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use wormhole_server::usage::report::{Date, Range};

use crate::options::{self, Servers};

/// Makes the parser of the command line.
pub(crate) fn command() -> Command {
    Command::new("wormhole-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Servers for Magic-Wormhole clients")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(mailbox())
        .subcommand(relay())
        .subcommand(serve())
        .subcommand(beside(
            Command::new("healthcheck")
                .about("Ask the server whether it does its work, and end 0 or 1")
                .arg(which()),
        ))
        .subcommand(beside(
            Command::new("status")
                .about("Tell what the server does at the moment, asked over its --status-socket")
                .arg(json()),
        ))
        .subcommand(beside(
            Command::new("usage")
                .about("Tell what became of nameplates and mailboxes, and at the relay, by day")
                .arg(day(FROM, "The first day, such as 2026-01-31; by default the first there is"))
                .arg(day(TO, "The last day; by default today"))
                .arg(json()),
        ))
        .subcommand(beside(
            Command::new("backup").about("Copy the databases, also while the server runs").arg(
                file(
                    "Where the copy of the channel database goes; those of the usage \
                           databases get -usage and -relay-usage behind the name",
                ),
            ),
        ))
        .subcommand(beside(
            Command::new("restore")
                .about("Put a copy in its database's place, while no server runs")
                .arg(file(
                    "A copy that backup has made; beside that of the channel database those of \
                     the usage databases are restored too",
                )),
        ))
        .subcommand(beside(
            Command::new("import")
                .about("Add what another server's databases hold, after a copy of one's own")
                .arg(
                    file("A channel or usage database, of the Python servers or of this one")
                        .num_args(1..),
                ),
        ))
        .subcommand(
            Command::new("options").about("Print the table of the options as Markdown").hide(true),
        )
}

/// What to do with the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Serve,
    Check,
    Print,
}

impl Wanted {
    /// Reads the arguments of a command that runs servers.
    pub(crate) fn of(given: &ArgMatches) -> Self {
        match (given.get_flag(PRINT), given.get_flag(CHECK)) {
            (true, _) => Self::Print,
            (false, true) => Self::Check,
            (false, false) => Self::Serve,
        }
    }
}

/// The name of the flag `--json`.
pub(crate) const JSON: &str = "json";

const FROM: &str = "from";
const TO: &str = "to";
const FILE: &str = "file";
const SERVER: &str = "server";

/// Reads the days of `usage`.
pub(crate) fn range(given: &ArgMatches) -> Range {
    let day = |name| given.get_one::<Date>(name).copied();
    Range { first: day(FROM), last: day(TO) }
}

/// Reads which servers `healthcheck` asks.
pub(crate) fn servers(given: &ArgMatches) -> Servers {
    match given.get_one::<String>(SERVER).map(String::as_str) {
        Some("relay") => Servers::Relay,
        Some("serve") => Servers::Both,
        _ => Servers::Mailbox,
    }
}

fn which() -> Arg {
    Arg::new(SERVER)
        .value_name("SERVER")
        .value_parser(["mailbox", "relay", "serve"])
        .default_value("mailbox")
        .help("The command by which it was started")
}

/// Reads the files that a command is about, one at least.
pub(crate) fn files(given: &ArgMatches) -> Vec<PathBuf> {
    given.get_many(FILE).unwrap_or_default().cloned().collect()
}

fn day(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("DAY").value_parser(value_parser!(Date)).help(help)
}

fn file(help: &'static str) -> Arg {
    Arg::new(FILE).value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help(help)
}

fn json() -> Arg {
    Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("Print JSON instead of a table")
}

/// A command beside the server takes its configuration in the same ways.
fn beside(command: Command) -> Command {
    options::declare(command, Servers::Both, true)
        .after_help("Takes every option of wormhole-server serve too, in the same three ways.")
}

const CHECK: &str = "check-config";
const PRINT: &str = "print-config";

fn mailbox() -> Command {
    let command = Command::new("mailbox")
        .about("Run a mailbox server, where clients with the same code find each other")
        .after_help(format!(
            "{THREE_WAYS}\n\nA rate allows ten seconds' worth at once. An IPv6 address counts by \
             its network of 64 bits.\n\n{HANGUP}"
        ));
    server(command, Servers::Mailbox)
}

fn relay() -> Command {
    let command = Command::new("relay")
        .about("Run a transit relay, which joins clients that cannot reach each other")
        .after_help(format!(
            "{THREE_WAYS} There, and at wormhole-server serve, the options of this command's own \
             begin with relay-: --port is WORMHOLE_RELAY_PORT and relay-port.\n\nAn IPv6 address \
             counts by its network of 64 bits.\n\n{HANGUP}"
        ));
    server(command, Servers::Relay)
}

fn serve() -> Command {
    let command = Command::new("serve")
        .about("Run a mailbox server and a transit relay in one process")
        .after_help(format!("{THREE_WAYS}\n\n{HANGUP}"));
    server(command, Servers::Both)
}

const THREE_WAYS: &str = "Each option is also an environment variable (--log-format is \
    WORMHOLE_LOG_FORMAT; several values stand between spaces, flags are true or false, and an \
    empty one counts as none) and a key of the configuration file (log-format). The command line \
    goes before the environment, and that before the file.";

const HANGUP: &str = "At SIGHUP the configuration is read again; messages, limits, trusted proxies \
    and the certificate change at once, and nobody is disconnected.";

fn server(command: Command, servers: Servers) -> Command {
    let flag = |name, help| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
            .help_heading("Configuration")
    };
    options::declare(command, servers, false)
        .arg(flag(CHECK, "Check the configuration, touch nothing, and end"))
        .arg(flag(PRINT, "Print every option's value and where it came from, and end"))
}
