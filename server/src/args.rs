//! The program's commands.

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::options;

/// Makes the parser of the command line.
pub(crate) fn command() -> Command {
    Command::new("wormhole-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Servers for Magic-Wormhole clients")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(mailbox())
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
    /// Reads the arguments of `mailbox`.
    pub(crate) fn of(given: &ArgMatches) -> Self {
        match (given.get_flag(PRINT), given.get_flag(CHECK)) {
            (true, _) => Self::Print,
            (false, true) => Self::Check,
            (false, false) => Self::Serve,
        }
    }
}

const CHECK: &str = "check-config";
const PRINT: &str = "print-config";

fn mailbox() -> Command {
    let flag = |name, help| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
            .help_heading("Configuration")
    };
    options::declare(
        Command::new("mailbox")
            .about("Run a mailbox server, where clients with the same code find each other")
            .after_help(
                "Each option is also an environment variable (--channel-db is \
                 WORMHOLE_CHANNEL_DB; several values stand between spaces, flags are true or \
                 false, and an empty one counts as none) and a key of the configuration file \
                 (channel-db). The command line goes before the environment, and that before the \
                 file.\n\nA rate allows ten seconds' worth at once. An IPv6 address counts by its \
                 network of 64 bits.\n\nAt SIGHUP the server reads its configuration again; \
                 messages, limits, trusted proxies and the certificate change at once, and nobody \
                 is disconnected.",
            ),
    )
    .arg(flag(CHECK, "Check the configuration, touch nothing, and end"))
    .arg(flag(PRINT, "Print every option's value and where it came from, and end"))
}
