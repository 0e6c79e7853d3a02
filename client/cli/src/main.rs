//! wormhole: sends text, files and folders to another computer, by a short code.

#![forbid(unsafe_code)]

mod args;
mod ask;
mod exit;
mod interrupt;
mod local;
mod receive;
mod send;
mod session;
mod show;
mod timing;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    args::{Args, Command},
    exit::Failure,
};

fn main() -> ExitCode {
    let args = Args::parse();
    match actix::System::new().block_on(run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => exit::report(&failure),
    }
}

async fn run(Args { global, command }: Args) -> Result<(), Failure> {
    match command {
        Command::Send(options) => send::run(&global, options).await,
        Command::Receive(options) => receive::run(&global, options).await,
        Command::Timing(options) => timing::run(&options),
    }
}
