//! The limit of a file's size (`ulimit -f`).

use std::io;

/// Has what goes beyond the limit fail as any other write does. Without it the system ends the
/// program by a signal, which then cleans up nothing and tells nobody.
///
/// Needs a running event loop.
#[cfg(unix)]
pub(crate) fn an_error_and_no_signal() -> io::Result<()> {
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};
    // It stays caught when this is dropped.
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}

#[cfg(not(unix))]
pub(crate) fn an_error_and_no_signal() -> io::Result<()> {
    Ok(())
}
