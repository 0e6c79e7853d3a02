//! A program at a terminal, and what a person sees there.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::thread;

use pty_process::blocking::{self as pty, Pty};
use rustix::termios::{Termios, tcgetattr};

use crate::{process, watched::Watched};

/// Is a program started at a terminal of its own, on which a person types; it is killed on drop.
pub struct Terminal {
    what: String,
    child: Child,
    pty: Arc<Pty>,
    /// How it was set in the beginning.
    set: Termios,
    screen: Arc<Watched<Drawn>>,
}

impl Terminal {
    /// Starts the program with the terminal as input, output and error.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or there are no more terminals.
    pub fn start(command: Command) -> Self {
        Self::start_as("xterm", command)
    }

    /// Starts the program at a terminal whose cursor cannot be moved.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_dumb(command: Command) -> Self {
        Self::start_as("dumb", command)
    }

    fn start_as(kind: &str, mut command: Command) -> Self {
        let what = format!("{command:?}");
        command.env("TERM", kind).env_remove("NO_COLOR");
        let (pty, inside) = pty::open().expect("a terminal");
        // As large as the screen that is drawn here.
        pty.resize(pty_process::Size::new(24, 80)).expect("a terminal of any size");
        let set = settings(&pty);
        let child = pty::Command::from(command).spawn(inside);
        let child = child.unwrap_or_else(|e| panic!("{what}: {e}"));
        let (pty, screen) = (Arc::new(pty), Arc::<Watched<Drawn>>::default());
        draw(Arc::clone(&pty), Arc::clone(&screen));
        Self { what, child, pty, set, screen }
    }

    /// Returns the number by which the system knows the program.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Presses keys, one after the other.
    ///
    /// # Panics
    ///
    /// When the terminal takes none.
    pub fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).expect("a terminal takes keys");
    }

    /// Waits until the screen shows one of these texts, and says which: the first, where it shows
    /// several.
    ///
    /// # Panics
    ///
    /// When the program ends or [`PATIENCE`](crate::PATIENCE) does before that.
    pub fn shows_one_of<const N: usize>(&self, texts: [&str; N]) -> usize {
        let shown = |drawn: &Drawn| texts.iter().position(|text| drawn.text().contains(text));
        let drawn = self.screen.wait(|drawn| drawn.left || shown(drawn).is_some());
        shown(&drawn).unwrap_or_else(|| panic!("no {texts:?} from {}\n{}", self.what, drawn.text()))
    }

    /// Waits until the screen shows a text.
    ///
    /// # Panics
    ///
    /// As [`shows_one_of`](Self::shows_one_of).
    pub fn shows(&self, text: &str) {
        self.shows_one_of([text]);
    }

    /// Waits until the screen shows a text no more.
    ///
    /// # Panics
    ///
    /// When [`PATIENCE`](crate::PATIENCE) ends before that.
    pub fn hides(&self, text: &str) {
        let drawn = self.screen.wait(|drawn| drawn.left || !drawn.text().contains(text));
        assert!(!drawn.text().contains(text), "{text:?} from {}\n{}", self.what, drawn.text());
    }

    /// Sends the program the signal `-INT`, `-TERM` or another.
    ///
    /// # Panics
    ///
    /// When the signal cannot be sent.
    pub fn signal(&self, signal: &str) {
        process::signal(signal, self.child.id());
    }

    /// Waits for the end of the program, and gives what the screen shows then.
    ///
    /// # Panics
    ///
    /// When it outlives [`PATIENCE`](crate::PATIENCE), or leaves the terminal otherwise than it found it.
    pub fn finish(mut self) -> (ExitStatus, String) {
        let text = {
            let drawn = self.screen.wait(|drawn| drawn.left);
            assert!(drawn.left, "{} does not end\n{}", self.what, drawn.text());
            drawn.text()
        };
        let status = self.child.wait().expect("a child that was started can be waited for");
        let (found, left) = (format!("{:#?}", self.set), format!("{:#?}", settings(&self.pty)));
        assert_eq!(left, found, "{} leaves the terminal otherwise", self.what);
        (status, text)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(pty: &Pty) -> Termios {
    tcgetattr(pty).expect("a terminal has settings")
}

/// What is on the screen, and whether everybody has left who could draw more.
#[derive(Default)]
struct Drawn {
    parser: vt100::Parser,
    left: bool,
}

impl Drawn {
    fn text(&self) -> String {
        self.parser.screen().contents()
    }
}

/// Draws what the program writes, until nobody has the terminal open any more.
fn draw(pty: Arc<Pty>, screen: Arc<Watched<Drawn>>) {
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(n @ 1..) = (&*pty).read(&mut piece) {
            screen.change(|drawn| drawn.parser.process(&piece[..n]));
        }
        screen.change(|drawn| drawn.left = true);
    });
}
