//! The program `wormhole-server`.

mod allocator;
mod args;
mod descriptors;
mod supervise;

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    process::ExitCode,
};

use args::{Cli, Command, Mailbox};
use clap::Parser;
use supervise::{Socket, Supervisor};
use wormhole_server::{Config, Error, Limit, listen, start};

fn main() -> ExitCode {
    allocator::give_back();
    let Command::Mailbox(options) = Cli::parse().command;
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).with_target(false).init();
    let sockets = match supervise::sockets() {
        Ok(sockets) => sockets,
        Err(bad) => {
            eprintln!("wormhole-server: {bad}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    match actix::System::new().block_on(serve(options, sockets)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wormhole-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The exit code after which another start with the same settings would fail too, as of clap.
const BAD_CONFIGURATION: u8 = 2;

async fn serve(options: Mailbox, sockets: Vec<Socket>) -> Result<(), Error> {
    let supervisor = Supervisor::from_environment();
    let stopped = stopped()?;
    let listeners = listeners(sockets, options.address())?;
    let config = within_descriptors(options.into_config());
    let status = status(&listeners)?;
    let server = start(config, listeners)?;
    // Whoever started the program may not care to read, and is served all the same.
    drop(writeln!(io::stdout(), "{status}"));
    supervisor.ready(status);
    actix::spawn(supervisor.clone().keep_told());
    let stopped = async {
        stopped.await;
        supervisor.stopping();
    };
    server.until(stopped).await
}

/// Takes the sockets that the service manager has bound, or binds one if there are none.
fn listeners(sockets: Vec<Socket>, address: SocketAddr) -> io::Result<Vec<TcpListener>> {
    if sockets.is_empty() {
        return Ok(vec![listen(address)?]);
    }
    sockets.into_iter().map(Socket::into_tcp).collect()
}

fn status(listeners: &[TcpListener]) -> io::Result<String> {
    let mut status = "listening on".to_owned();
    for listener in listeners {
        status += &format!(" ws://{}/v1", listener.local_addr()?);
    }
    Ok(status)
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
