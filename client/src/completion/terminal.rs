//! The terminal's settings, and how a thread that waits for a key there is made to stop.
//!
//! rustyline has no call that ends its `readline` from outside. So the terminal is told not to
//! wait for keys, and the thread, in the midst of a read, that the window has another size: its
//! read is interrupted, the next one finds no key, and the editor takes that for the end of the
//! input. A signal for the window's size does nothing to whoever does not ask for it.

use std::thread::JoinHandle;
#[cfg(unix)]
use std::{
    io::{self, IsTerminal},
    os::unix::thread::JoinHandleExt,
};

#[cfg(unix)]
use nix::sys::{
    pthread::pthread_kill,
    signal::Signal,
    termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr},
};

use super::InputError;
#[cfg(unix)]
use super::pause::Pause;

/// The terminal as it was before the prompt.
#[cfg(unix)]
pub(super) struct Terminal {
    before: Termios,
}

#[cfg(unix)]
impl Terminal {
    pub(super) fn as_it_is() -> Result<Self, InputError> {
        let before = tcgetattr(io::stdin()).map_err(|_| InputError::NoTerminal)?;
        Ok(Self { before })
    }

    /// What Ctrl-Z has to do.
    pub(super) fn pause(&self) -> Pause {
        Pause::with(self.before.clone())
    }

    /// Ends a read of the thread's, and every later one. To be repeated: the thread may just be
    /// about to set the terminal up.
    pub(super) fn stop_reading(&self, thread: &JoinHandle<()>) {
        if let Ok(mut now) = tcgetattr(io::stdin())
            && !now.local_flags.contains(LocalFlags::ICANON)
        {
            now.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
            // A terminal that refuses has gone, and its readers with it.
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &now);
        }
        Self::nudge(thread);
    }

    /// Interrupts a read of the thread's.
    pub(super) fn nudge(thread: &JoinHandle<()>) {
        // The thread is not joined, so its number is still its own.
        let _ = pthread_kill(thread.as_pthread_t(), Signal::SIGWINCH);
    }

    /// Puts the settings back, and takes away what was told below the line.
    pub(super) fn restore(&self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
        if io::stderr().is_terminal() {
            eprint!("\x1b[J");
        }
    }
}

/// Elsewhere the editor restores the terminal itself, after the next key.
#[cfg(not(unix))]
pub(super) struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    pub(super) fn as_it_is() -> Result<Self, InputError> {
        Ok(Self)
    }

    pub(super) fn stop_reading(&self, _: &JoinHandle<()>) {}

    pub(super) fn nudge(_: &JoinHandle<()>) {}

    pub(super) fn restore(&self) {}
}
