//! The limit of a file's size (`ulimit -f`).

use std::io;
#[cfg(unix)]
use std::sync::{Arc, atomic::AtomicBool};

/// Has what goes beyond the limit fail as any other write does. Without it the system ends the
/// program by a signal, which then cleans up nothing and tells nobody.
#[cfg(unix)]
pub(crate) fn an_error_and_no_signal() -> io::Result<()> {
    let signal = rustix::process::Signal::XFSZ.as_raw();
    // Nobody looks whether it came: the write says so.
    signal_hook::flag::register(signal, Arc::<AtomicBool>::default()).map(drop)
}

#[cfg(not(unix))]
pub(crate) fn an_error_and_no_signal() -> io::Result<()> {
    Ok(())
}
