//! The program `wormhole-server`.

mod allocator;
mod args;
mod descriptors;
mod endpoint;
mod log;
mod options;
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
use options::{Settings, Wrong};
use plan::Plan;

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
}

impl Failure {
    fn code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) | Self::Socket(_) => ExitCode::from(2),
            Self::Run(_) => ExitCode::FAILURE,
        }
    }
}

fn main() -> ExitCode {
    allocator::give_back();
    let given = args::command().get_matches();
    let done = match given.subcommand() {
        Some(("mailbox", given)) => mailbox(given),
        Some(("options", _)) => {
            say(options::markdown());
            Ok(())
        }
        _ => unreachable!("clap knows the commands"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("wormhole-server: {failure}");
            failure.code()
        }
    }
}

/// Prints for whoever cares to read to the end.
fn say(text: impl Display) {
    drop(write!(io::stdout(), "{text}"));
}

fn mailbox(given: &ArgMatches) -> Result<(), Failure> {
    // Before anything opens a file or starts a thread.
    let passed = supervise::sockets()?;
    let settings = Settings::gather(given)?;
    let plan = Plan::of(&settings)?;
    match Wanted::of(given) {
        Wanted::Print => say(settings),
        Wanted::Check => say("the configuration is good\n"),
        Wanted::Serve => run::mailbox(plan, passed, given.clone())?,
    }
    Ok(())
}
