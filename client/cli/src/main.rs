//! wormhole: sends text, files and folders to another computer, by a short code.

#![forbid(unsafe_code)]

mod args;
mod ask;
mod code;
mod exit;
mod files;
mod filesize;
mod forget;
mod interrupt;
mod local;
mod receive;
mod send;
mod session;
mod show;
mod steps;
mod timing;

use std::{alloc::System, process::ExitCode};

use clap::Parser;
use zeroizing_alloc::ZeroAlloc;

use crate::{
    args::{Args, Command, Global},
    exit::Failure,
};

/// Wipes what is freed: there may be a piece of a code in it, which clap, the line editor, the QR code
/// and others do not wipe.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let Args { global, command } = Args::parse();
    if let Err(refused) = timing::check(&global, &command) {
        return exit::report(&refused).into();
    }
    global.timing.moment("command dispatch", Default::default());
    let system = actix::System::new();
    let done = system.block_on(run(&global, command));
    global.timing.moment("exit", Default::default());
    let dumped =
        global.dump_timing.as_deref().map_or(Ok(()), |file| timing::dump(&global.timing, file));
    let mut status = 0;
    // The reason why it did not work comes last, as always, and its number is the program's.
    for failure in [dumped, done].into_iter().filter_map(Result::err) {
        status = exit::report(&failure);
    }
    interrupt::end(system, status);
    status.into()
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
