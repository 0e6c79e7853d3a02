//! The line editor in its thread, and how it is ended before the person ends it.

use std::{
    convert::Infallible,
    io::{self, IsTerminal},
    panic::resume_unwind,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc as blocking,
    },
    thread,
    time::Duration,
};

use rustyline::{
    Behavior, Config, ExternalPrinter, Prompt, config::Configurer, error::ReadlineError,
    history::DefaultHistory,
};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::{InputError, Said, typing::Typing};

/// One prompt at a time: they share the terminal and its settings.
static TERMINAL: Mutex<()> = Mutex::new(());

/// How long the thread may take to give the terminal back; it is done at once unless the terminal
/// itself hangs.
const LET_GO: Duration = Duration::from_secs(1);

/// A prompt on the terminal. Dropped, it ends and gives the terminal back.
pub(super) struct Editor {
    said: mpsc::UnboundedReceiver<Said>,
    ended: Arc<AtomicBool>,
    waker: Box<dyn ExternalPrinter + Send>,
    /// Disconnected when the thread has ended.
    thread: blocking::Receiver<Infallible>,
}

type Line = rustyline::Editor<Typing, DefaultHistory>;

impl Editor {
    pub(super) fn open(prompt: &str) -> Result<Self, InputError> {
        if !io::stdin().is_terminal() {
            return Err(InputError::NoTerminal);
        }
        let (to_wormhole, said) = mpsc::unbounded_channel();
        // The terminal itself, so that standard output may be a file.
        let config = Config::builder().behavior(Behavior::PreferTerm).build();
        let mut line = Line::with_config(config).map_err(failure)?;
        // A thread that ends while it draws must not leave the terminal waiting for the rest.
        line.enable_synchronized_output(false);
        line.set_helper(Some(Typing::new(to_wormhole.clone())));
        let waker = line.create_external_printer().map_err(|_| InputError::NoTerminal)?;
        let ended = Arc::new(AtomicBool::new(false));
        let prompt = Asking { prompt: prompt.to_owned(), ended: Arc::clone(&ended) };
        let (in_thread, thread) = blocking::channel();
        let edit = move || {
            let _in_thread: blocking::Sender<Infallible> = in_thread;
            let _terminal = TERMINAL.lock().unwrap_or_else(PoisonError::into_inner);
            // A wormhole that has gone needs no code.
            let _ = to_wormhole.send(read(line, &prompt));
        };
        thread::Builder::new().name("code".to_owned()).spawn(edit).map_err(InputError::Terminal)?;
        Ok(Self { said, ended, waker: Box::new(waker), thread })
    }

    pub(super) async fn said(&mut self) -> Said {
        let died = || Said::Failed(InputError::Terminal(io::Error::other("the line editor died")));
        self.said.recv().await.unwrap_or_else(died)
    }
}

fn read(mut line: Line, prompt: &Asking) -> Said {
    let typed = line.readline(prompt).map(Zeroizing::new);
    match (typed, line.helper()) {
        (Ok(typed), Some(typing)) => typing.finished(&typed),
        (Ok(_), None) => Said::Failed(InputError::NoTerminal),
        (Err(error), _) => Said::Failed(failure(error)),
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

impl Drop for Editor {
    /// Makes the editor draw its prompt once more, on which it ends, and waits until the terminal
    /// is as it was: the program may end next.
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // It fails when the editor has ended by itself.
        let _ = self.waker.print(String::new());
        let _ = self.thread.recv_timeout(LET_GO);
    }
}

/// The prompt, until it is taken away.
struct Asking {
    prompt: String,
    ended: Arc<AtomicBool>,
}

impl Prompt for Asking {
    fn raw(&self) -> &str {
        if self.ended.load(Ordering::Acquire) {
            // rustyline has no call that ends `readline` from outside, and its read cannot be
            // interrupted. It asks for the prompt whenever it draws, so that is where its thread
            // leaves: not by a panic, but as quietly as by `return`, restoring the terminal.
            resume_unwind(Box::new("the prompt was taken away"));
        }
        &self.prompt
    }
}
