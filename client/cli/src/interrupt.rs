//! Ctrl-C, and what a service manager sends in its place.

use std::io;

use crate::exit::Failure;

/// Runs a job until it ends or somebody interrupts it. A second Ctrl-C, while the program cleans
/// up, ends it at once.
pub(crate) async fn guarded<T>(
    job: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = job => done,
        interrupted = signal() => {
            interrupted.map_err(|error| Failure::Io("cannot wait for signals", error))?;
            actix::spawn(async {
                if signal().await.is_ok() {
                    std::process::exit(130);
                }
            });
            Err(Failure::Interrupted)
        }
    }
}

#[cfg(unix)]
async fn signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = int.recv() => Ok(()),
        _ = term.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
