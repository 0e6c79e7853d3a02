//! The program `wormhole-server`.

mod args;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use args::{Cli, Command, Mailbox};
use clap::Parser;
use wormhole_server::{Error, launch, listen};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Command::Mailbox(options) = Cli::parse().command;
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).with_target(false).init();
    match actix::System::new().block_on(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wormhole-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Mailbox) -> Result<(), Error> {
    let stopped = stopped()?;
    let listener = listen(options.address())?;
    let address = listener.local_addr()?;
    // Whoever started the program may not care to read, and is served all the same.
    drop(writeln!(io::stdout(), "listening on ws://{address}/v1"));
    launch(options.into_config(), vec![listener], stopped).await
}

/// Ends at the first of SIGINT and SIGTERM.
#[cfg(unix)]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
