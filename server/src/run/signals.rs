//! What the system tells the program.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Gives what ends at the first of SIGINT and SIGTERM.
#[cfg(unix)]
pub(super) fn stopped() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

/// Gives what ends at Ctrl-C.
#[cfg(not(unix))]
pub(super) fn stopped() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// The SIGHUPs; systems without them have none.
pub(super) struct Hangups {
    #[cfg(unix)]
    signal: Signal,
}

#[cfg(unix)]
pub(super) fn hangups() -> io::Result<Hangups> {
    Ok(Hangups { signal: signal(SignalKind::hangup())? })
}

#[cfg(not(unix))]
pub(super) fn hangups() -> io::Result<Hangups> {
    Ok(Hangups {})
}

impl Hangups {
    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Option<()> {
        #[cfg(unix)]
        return self.signal.recv().await;
        #[cfg(not(unix))]
        std::future::pending().await
    }
}
