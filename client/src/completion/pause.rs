//! Ctrl-Z: the program stops, and when it goes on its prompt is there again.
//!
//! rustyline tells its process group to stop and sets the terminal up again at once. Where the
//! system gives the signal to another thread, that comes before the stop, and the shell undoes it
//! meanwhile. So the editor's own thread stops here, within the key.

use std::{
    io::{self, IsTerminal},
    sync::{Mutex, PoisonError},
};

use nix::{
    sys::{
        signal::{SigSet, Signal, kill, raise},
        termios::{SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr},
    },
    unistd::Pid,
};
use rustyline::{
    Cmd, ConditionalEventHandler, Event, EventContext, KeyEvent, Modifiers, RepeatCount,
};

/// Stops the program, with the terminal as it was before the prompt.
pub(super) struct Pause {
    before: Mutex<Termios>,
}

impl Pause {
    pub(super) fn with(before: Termios) -> Self {
        Self { before: Mutex::new(before) }
    }

    /// Names the key that asks for it, where there is one.
    pub(super) fn key(&self) -> Option<KeyEvent> {
        let key = self.before().control_chars[SpecialCharacterIndices::VSUSP as usize];
        (key != 0).then(|| KeyEvent::new(char::from(key), Modifiers::NONE))
    }

    fn before(&self) -> Termios {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn pause(&self) -> nix::Result<()> {
        let editing = tcgetattr(io::stdin())?;
        show(PASTE_UNMARKED);
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before())?;
        let stopped = stop();
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &editing)?;
        show(PASTE_MARKED);
        stopped
    }
}

impl ConditionalEventHandler for Pause {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        // What cannot be stopped goes on.
        let _ = self.pause();
        Some(Cmd::Repaint)
    }
}

/// Takes away what is told below the line, and lets the terminal paste to others as it likes.
const PASTE_UNMARKED: &str = "\x1b[J\x1b[?2004l";
const PASTE_MARKED: &str = "\x1b[?2004h";

fn show(sequence: &str) {
    if io::stderr().is_terminal() {
        eprint!("{sequence}");
    }
}

/// Stops the process group, and with it this thread, until somebody lets it go on.
///
/// The thread has a signal of its own, which it cannot pass. Both stop it once: who goes on has no
/// signal to stop any more.
fn stop() -> nix::Result<()> {
    let stop = SigSet::from(Signal::SIGTSTP);
    stop.thread_block()?;
    let sent = raise(Signal::SIGTSTP).and_then(|()| kill(Pid::from_raw(0), Signal::SIGTSTP));
    stop.thread_unblock()?;
    sent
}
