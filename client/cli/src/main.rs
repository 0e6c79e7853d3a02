//! wormhole: sends text, files and folders to another computer, by a short code.

#![forbid(unsafe_code)]

mod args;
mod ask;
mod code;
mod exit;
mod filesize;
mod interrupt;
mod local;
mod receive;
mod send;
mod session;
mod show;
mod steps;
mod timing;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    args::{Args, Command, Global},
    exit::Failure,
};

fn main() -> ExitCode {
    let Args { global, command } = Args::parse();
    if let Err(refused) = timing::check(&global, &command) {
        return exit::report(&refused);
    }
    global.timing.moment("command dispatch", Default::default());
    let done = actix::System::new().block_on(run(&global, command));
    global.timing.moment("exit", Default::default());
    let dumped =
        global.dump_timing.as_deref().map_or(Ok(()), |file| timing::dump(&global.timing, file));
    let mut status = ExitCode::SUCCESS;
    // The reason why it did not work comes last, as always, and its number is the program's.
    for failure in [dumped, done].into_iter().filter_map(Result::err) {
        status = exit::report(&failure);
    }
    status
}

async fn run(global: &Global, command: Command) -> Result<(), Failure> {
    filesize::an_error_and_no_signal()
        .map_err(|error| Failure::Io("cannot catch a signal", error))?;
    match command {
        Command::Send(options) => send::run(global, options).await,
        Command::Receive(options) => receive::run(global, options).await,
        Command::Timing(options) => timing::run(&options),
    }
}
