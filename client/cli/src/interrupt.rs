//! Ctrl-C, and what a service manager or a terminal that goes away sends in its place.

use std::{future::pending, io};

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
    let mut hang_up = hang_up_ends_us().then(|| signal(SignalKind::hangup())).transpose()?;
    let hung_up = async {
        match &mut hang_up {
            Some(hang_up) => hang_up.recv().await,
            None => pending().await,
        }
    };
    tokio::select! {
        _ = int.recv() => Ok(()),
        _ = term.recv() => Ok(()),
        _ = hung_up => Ok(()),
    }
}

/// Whether the end of the terminal is the end of the program: not under `nohup`, which has it
/// ignored. Where the system does not tell, what it does by itself is left as it is.
#[cfg(unix)]
fn hang_up_ends_us() -> bool {
    const HANG_UP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (HANG_UP - 1)) == 0)
}

#[cfg(not(unix))]
async fn signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
