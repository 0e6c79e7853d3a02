//! The program `wormhole-server`.

mod allocator;
mod args;
mod descriptors;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use args::{Cli, Command, Mailbox};
use clap::Parser;
use wormhole_server::{Config, Error, Limit, launch, listen};

fn main() -> ExitCode {
    allocator::give_back();
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
    let config = within_descriptors(options.into_config());
    let address = listener.local_addr()?;
    // Whoever started the program may not care to read, and is served all the same.
    drop(writeln!(io::stdout(), "listening on ws://{address}/v1"));
    launch(config, vec![listener], stopped).await
}

/// Takes no more connections than there are file descriptors for: a client that is told so is
/// better off than one that hangs.
fn within_descriptors(mut config: Config) -> Config {
    let wanted = config.limits.most(Limit::Connections).unwrap_or(u64::MAX);
    let enough = descriptors::raise(wanted, config.workers as u64).max(1);
    if enough < wanted {
        tracing::warn!("the file descriptors are enough for {enough} connections");
        config.limits = config.limits.with(Limit::Connections, enough);
    }
    config
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
