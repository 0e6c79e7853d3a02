//! The line editor in its thread, and how it is ended before the person ends it.

use std::{
    convert::Infallible,
    io::{self, IsTerminal},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{self as blocking, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

#[cfg(unix)]
use rustyline::EventHandler;
use rustyline::{Behavior, CompletionType, Config, error::ReadlineError, history::DefaultHistory};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

#[cfg(unix)]
use super::pause::Pause;
use super::{InputError, Said, terminal::Terminal, typing::Typing};

/// How often a thread is told to end, and how long each time is waited for that.
const TRIES: u32 = 100;
const TRY: Duration = Duration::from_millis(10);

/// A prompt on the terminal. Dropped, it ends and gives the terminal back.
pub(super) struct Editor {
    said: mpsc::UnboundedReceiver<Said>,
    terminal: Terminal,
    thread: JoinHandle<()>,
    /// Disconnected when the thread has ended.
    running: blocking::Receiver<Infallible>,
}

type Line = rustyline::Editor<Typing, DefaultHistory>;

impl Editor {
    pub(super) fn open(prompt: &str) -> Result<Self, InputError> {
        if !io::stdin().is_terminal() {
            return Err(InputError::NoTerminal);
        }
        let turn = Turn::take()?;
        let terminal = Terminal::as_it_is()?;
        // Where standard output is a file, the prompt goes to the terminal all the same.
        let behavior = match io::stdout().is_terminal() {
            true => Behavior::Stdio,
            false => Behavior::PreferTerm,
        };
        let config = Config::builder().behavior(behavior).completion_type(CompletionType::List);
        let mut line = Line::with_config(config.build()).map_err(failure)?;
        // A printer is given for terminals that can be drawn on, and is not used: with it,
        // rustyline 18 shows of keys that come together only the first.
        drop(line.create_external_printer().map_err(|_| InputError::NoTerminal)?);
        #[cfg(unix)]
        bind(&mut line, terminal.pause());
        let (to_wormhole, said) = mpsc::unbounded_channel();
        line.set_helper(Some(Typing::new(to_wormhole.clone())));
        let prompt = prompt.to_owned();
        let (in_thread, running) = blocking::channel();
        let edit = move || {
            let _until_the_end: (Turn, blocking::Sender<Infallible>) = (turn, in_thread);
            // A wormhole that has gone needs no code.
            let _ = to_wormhole.send(read(line, &prompt));
        };
        let thread = thread::Builder::new().name("code entry".to_owned()).spawn(edit);
        let thread = thread.map_err(InputError::Terminal)?;
        Ok(Self { said, terminal, thread, running })
    }

    /// Waits for what the thread has to say next.
    pub(super) async fn said(&mut self) -> Said {
        let died = || Said::Failed(InputError::Terminal(io::Error::other("the line editor died")));
        self.said.recv().await.unwrap_or_else(died)
    }

    /// Lets the editor see an interruption that the system told another thread of.
    pub(super) fn nudge(&self) {
        Terminal::nudge(&self.thread);
    }
}

impl Drop for Editor {
    /// Takes the prompt away, where it still is, and waits until the terminal is as it was: the
    /// program may end next. That takes as long as one system call of the thread's, or a second
    /// where the terminal itself hangs.
    fn drop(&mut self) {
        self.said.close();
        // The thread may wait for the answer to one of these.
        while self.said.try_recv().is_ok() {}
        let ended = |wait| self.running.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected);
        if ended(Duration::ZERO) {
            return;
        }
        for _ in 0..TRIES {
            self.terminal.stop_reading(&self.thread);
            if ended(TRY) {
                break;
            }
        }
        self.terminal.restore();
    }
}

#[cfg(unix)]
fn bind(line: &mut Line, pause: Pause) {
    if let Some(key) = pause.key() {
        line.bind_sequence(key, EventHandler::Conditional(Box::new(pause)));
    }
}

fn read(mut line: Line, prompt: &str) -> Said {
    let typed = line.readline(prompt).map(Zeroizing::new);
    match (typed, line.helper()) {
        (Ok(typed), Some(typing)) => typing.finished(&typed),
        (Err(error), _) => Said::Failed(failure(error)),
        (Ok(_), None) => Said::Failed(InputError::NoTerminal),
    }
}

fn failure(error: ReadlineError) -> InputError {
    match error {
        ReadlineError::Interrupted => InputError::Interrupted,
        ReadlineError::Eof => InputError::EndOfInput,
        ReadlineError::Io(error) => InputError::Terminal(error),
        other => InputError::Terminal(io::Error::other(other.to_string())),
    }
}

/// The right to prompt: one has it at a time, since a terminal has one cursor.
struct Turn;

static TAKEN: AtomicBool = AtomicBool::new(false);

impl Turn {
    fn take() -> Result<Self, InputError> {
        match TAKEN.swap(true, Ordering::AcqRel) {
            false => Ok(Self),
            true => Err(InputError::Terminal(io::Error::other("there is a prompt already"))),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::Release);
    }
}
