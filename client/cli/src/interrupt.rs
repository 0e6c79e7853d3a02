//! Ctrl-C, and what a service manager or a terminal that goes away sends in its place.
//!
//! The first signal asks the program to end: it tells the peer and leaves nothing on the server. From
//! then on, and whenever there is nothing to be told, a signal ends it at once, whatever it hangs in.

use std::{sync::mpsc, thread, time::Duration};

use crate::exit::{Failure, INTERRUPTED, leave};

/// How long a program that is done waits for files that it still reads or writes.
const LAST: Duration = Duration::from_secs(5);

/// Runs a job until it ends or somebody interrupts it, by a signal or at its prompt.
pub(crate) async fn guarded<T>(
    job: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let failed = |error| Failure::Io("cannot wait for signals", error);
    let signals = system::Signals::caught().map_err(failed)?;
    let done = tokio::select! {
        done = job => done,
        () = signals.first() => Err(Failure::Interrupted),
    };
    signals.end_the_program();
    done
}

/// Ends the event loop, which waits for what its threads do with files; where a file system does
/// not answer them, it ends the program.
pub(crate) fn end(system: actix::SystemRunner, status: u8) {
    let (ended, running) = mpsc::channel::<()>();
    thread::spawn(move || {
        if running.recv_timeout(LAST) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("wormhole: a file system does not answer: what was under way there is left");
            leave(status);
        }
    });
    drop(system);
    drop(ended);
}

#[cfg(unix)]
mod system {
    use std::{
        fs, io,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        thread,
    };

    use rustix::{
        process::getpgrp,
        termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
    };
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        iterator,
    };
    use tokio::sync::Notify;

    use super::{INTERRUPTED, leave};

    /// The signals, which a thread of its own hears: no other can keep it from that.
    pub(super) struct Signals(Arc<Shared>);

    #[derive(Default)]
    struct Shared {
        asked: Notify,
        /// The next one ends the program.
        is_last: AtomicBool,
    }

    impl Signals {
        pub(super) fn caught() -> io::Result<Self> {
            let shared = Arc::<Shared>::default();
            let mut signals = iterator::Signals::new([SIGINT, SIGTERM])?;
            if hang_up_ends_us() {
                signals.add_signal(SIGHUP)?;
            }
            let (terminal, here) = (Terminal::as_it_is(), Arc::clone(&shared));
            let listen = move || {
                for _ in signals.forever() {
                    if here.is_last.swap(true, Ordering::AcqRel) {
                        terminal.restore();
                        leave(INTERRUPTED);
                    }
                    here.asked.notify_one();
                }
            };
            thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
            Ok(Self(shared))
        }

        /// Waits for the first.
        pub(super) async fn first(&self) {
            self.0.asked.notified().await;
        }

        /// From now on one ends the program.
        pub(super) fn end_the_program(&self) {
            self.0.is_last.store(true, Ordering::Release);
        }
    }

    /// Whether the end of the terminal is the end of the program: not under `nohup`, which has it
    /// ignored. Where the system does not tell, what it does by itself is left as it is.
    fn hang_up_ends_us() -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        ignored.is_some_and(|mask| mask & (1 << (SIGHUP - 1)) == 0)
    }

    /// The terminal as it was before there was a prompt.
    struct Terminal(Option<Termios>);

    impl Terminal {
        fn as_it_is() -> Self {
            Self(tcgetattr(io::stdin()).ok())
        }

        /// Puts the settings back, unless the terminal is somebody else's at the moment.
        fn restore(&self) {
            if let Some(settings) = &self.0
                && tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
            {
                // A terminal that refuses has gone.
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, settings);
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    use super::{INTERRUPTED, leave};

    pub(super) struct Signals;

    impl Signals {
        pub(super) fn caught() -> io::Result<Self> {
            Ok(Self)
        }

        /// Waits for the first; where signals cannot be heard, for ever.
        pub(super) async fn first(&self) {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending().await
            }
        }

        pub(super) fn end_the_program(&self) {
            actix::spawn(async {
                if tokio::signal::ctrl_c().await.is_ok() {
                    leave(INTERRUPTED);
                }
            });
        }
    }
}
