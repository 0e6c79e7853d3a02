//! The program `wormhole-server`.

mod allocator;
mod args;
mod ask;
mod command;
mod descriptors;
mod endpoint;
mod log;
mod log_fd;
mod options;
mod pinned;
mod plan;
mod protocol_options;
mod run;
mod supervise;

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use args::Wanted;
use clap::ArgMatches;
use options::{Servers, Settings, Wrong};
use plan::Plan;
use run::Again;
use wormhole_server::{CopyError, DatabaseError};

/// Why the program failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// What the operator wants cannot be done: exit code 2.
    #[error(transparent)]
    Configuration(#[from] Wrong),
    /// What the operator wants could not be done: exit code 1.
    #[error(transparent)]
    Run(#[from] run::Error),
    /// What systemd has passed is of no use: its units have to be changed.
    #[error(transparent)]
    Socket(#[from] supervise::BadSocket),
    /// A running server does not answer well.
    #[error(transparent)]
    Unanswered(#[from] ask::Unanswered),
    /// A database cannot be copied or imported.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A database cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Failure {
    fn code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) | Self::Socket(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

fn main() -> ExitCode {
    allocator::give_back();
    let given = args::command().get_matches();
    match obey(&given) {
        Ok(told) => {
            say(told);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("wormhole-server: {failure}");
            failure.code()
        }
    }
}

/// Does what is asked for; gives what is to be printed.
fn obey(given: &ArgMatches) -> Result<String, Failure> {
    match given.subcommand() {
        Some(("mailbox", given)) => serve(given, Servers::Mailbox),
        Some(("relay", given)) => serve(given, Servers::Relay),
        Some(("serve", given)) => serve(given, Servers::Both),
        Some(("healthcheck", given)) => {
            command::healthcheck::run(&Settings::gather(given)?, args::servers(given))
        }
        Some(("status", given)) => {
            command::status::run(&Settings::gather(given)?, given.get_flag(args::JSON))
        }
        Some(("usage", given)) => {
            let range = args::range(given);
            command::usage::run(&Settings::gather(given)?, range, given.get_flag(args::JSON))
        }
        Some(("backup", given)) => {
            command::backup::run(&Settings::gather(given)?, &args::files(given)[0])
        }
        Some(("restore", given)) => {
            command::restore::run(&Settings::gather(given)?, &args::files(given)[0])
        }
        Some(("import", given)) => {
            command::import::run(&Settings::gather(given)?, &args::files(given))
        }
        Some(("options", _)) => Ok(options::markdown()),
        _ => unreachable!("clap knows the commands"),
    }
}

/// Prints for whoever cares to read to the end.
fn say(text: impl Display) {
    drop(write!(io::stdout(), "{text}"));
}

fn serve(given: &ArgMatches, servers: Servers) -> Result<String, Failure> {
    // Before anything opens a file or starts a thread.
    let passed = supervise::sockets()?;
    let settings = Settings::gather(given)?;
    let plan = Plan::of(&settings, servers)?;
    if Wanted::of(given) != Wanted::Print {
        plan.check_databases()?;
    }
    match Wanted::of(given) {
        Wanted::Print => Ok(settings.to_string()),
        Wanted::Check => Ok("the configuration is good\n".to_owned()),
        Wanted::Serve => {
            run::serve(plan, passed, Again { given: given.clone(), servers })?;
            Ok(String::new())
        }
    }
}
