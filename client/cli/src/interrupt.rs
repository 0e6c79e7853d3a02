//! Ctrl-C, and what a service manager sends in its place.

use std::io;

use crate::exit::{Failure, INTERRUPTED};

/// Runs a job until it ends or somebody interrupts it, by a signal or at its prompt. A second
/// Ctrl-C, while the program cleans up, ends it at once.
pub(crate) async fn guarded<T>(
    job: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let done = tokio::select! {
        done = job => done,
        interrupted = signal() => {
            interrupted.map_err(|error| Failure::Io("cannot wait for signals", error))?;
            Err(Failure::Interrupted)
        }
    };
    if let Err(Failure::Interrupted) = done {
        actix::spawn(at_the_second());
    }
    done
}

#[expect(clippy::disallowed_methods, reason = "the person does not want to wait for the clean-up")]
async fn at_the_second() {
    if signal().await.is_ok() {
        std::process::exit(INTERRUPTED.into());
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
