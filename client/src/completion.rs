//! Typing a code at the terminal, with completion: Tab finishes what was begun, near misses of the
//! list's words are told, and the nameplate is claimed while the words are being typed.
//!
//! The line editor has a thread of its own (`editor`), where the keys are; the wormhole stays on
//! its own thread. What they tell each other is [`Said`].

mod editor;
mod near;
mod offer;
#[cfg(unix)]
mod pause;
mod place;
mod remark;
mod terminal;
mod typing;

use std::{collections::BTreeSet, io, time::Duration};

use tokio::{sync::oneshot, time::timeout};
use wormhole_protocol::{code::Code, name::Nameplate};
use zeroize::Zeroizing;

use self::editor::Editor;
use crate::{entry::Entry, error::Error};

/// How long Tabs may wait for the server, once: meanwhile no key is read, not even Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(2);

/// How soon the editor sees a SIGINT that somebody sends to the process.
const NUDGE: Duration = Duration::from_millis(250);

/// Why no code came from the terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The person pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The person pressed Ctrl-D on an empty line.
    #[error("no code was entered")]
    EndOfInput,
    /// Standard input is no terminal, or one that cannot move its cursor. Nothing was read.
    #[error("there is no terminal to edit a line at")]
    NoTerminal,
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    Terminal(#[source] io::Error),
    /// The wormhole ended while the person was typing.
    #[error(transparent)]
    Wormhole(#[from] Error),
}

/// What the thread of the editor says to the wormhole's.
enum Said {
    /// Which nameplates are in use?
    Nameplates(oneshot::Sender<BTreeSet<String>>),
    /// The words begin, so this is the nameplate.
    Chose(Nameplate),
    /// Which words may follow these?
    Words(Zeroizing<String>, oneshot::Sender<BTreeSet<String>>),
    /// This is the code; whether Tab was ever pressed.
    Typed { code: Code, tabbed: bool },
    /// There will be none.
    Failed(InputError),
}

/// Asks a person for the code, on the terminal of this process, and chooses it.
///
/// Gives whether Tab was ever pressed, so that a program can tell who never did that it is there.
///
/// Tab completes a nameplate from those in use, and a word from the list. Where nothing begins as
/// was typed, Tab takes the one word that is nearest, or shows several; what is typed is never
/// changed but by Tab. The nameplate is chosen, and so claimed on the server, with the first
/// character behind its hyphen, or with Tab there. At Return a line that is no code is refused
/// with the reason, and stays to be corrected. One that ends with a hyphen is taken at the second
/// Return, so also `0-`, the code of those who [want no secret](Code::without_secret); no other
/// code without one is.
///
/// When the wormhole ends meanwhile, or this future is dropped, the prompt is taken away and the
/// terminal is as it was before. There can be one prompt at a time.
///
/// While the prompt is there, SIGINT sent to the process interrupts the prompt and nobody else:
/// the line editor takes the signal's handler, and puts back the one it found.
///
/// The code is wiped where this crate keeps it. The line editor does not wipe its own memory when
/// it is freed, and tells each key to the `log` crate at level debug, under the target
/// `rustyline`: let no logger take that. Nothing is written to a history.
///
/// # Errors
/// [`InputError::Interrupted`], [`InputError::EndOfInput`], [`InputError::NoTerminal`],
/// [`InputError::Terminal`]; [`InputError::Wormhole`] with the reason of the wormhole's end, or
/// what [`Entry`] refuses where another handle chose before.
///
/// # Panics
/// Outside of a tokio runtime with a clock, which every actix system is.
pub async fn input_with_completion(prompt: &str, entry: Entry) -> Result<bool, InputError> {
    let editor = Editor::open(prompt)?;
    let typed = tokio::select! {
        biased;
        reason = entry.ended() => Err(reason.into()),
        typed = converse(editor, &entry) => typed,
    };
    match typed {
        // The reason of the end follows at once.
        Err(InputError::Wormhole(Error::Closed)) => Err(entry.ended().await.into()),
        typed => typed,
    }
}

/// Answers the editor until the code is there.
async fn converse(mut editor: Editor, entry: &Entry) -> Result<bool, InputError> {
    let mut silent = false;
    loop {
        let Ok(said) = timeout(NUDGE, editor.said()).await else {
            editor.nudge();
            continue;
        };
        match said {
            Said::Nameplates(answer) => {
                entry.refresh_nameplates().await?;
                // Who asked and has gone needs no answer, here and below.
                let _ = answer.send(entry.nameplate_completions("").await?);
            }
            Said::Chose(nameplate) => entry.choose_nameplate(nameplate.as_str()).await?,
            Said::Words(kept, answer) => {
                // Without an answer of the server there are no completions.
                if !silent {
                    let known = timeout(PATIENCE, entry.when_wordlist_is_available()).await;
                    silent = known.is_err();
                    known.unwrap_or(Ok(()))?;
                }
                let _ = answer.send(entry.word_completions(&kept).await?);
            }
            Said::Typed { code, tabbed } => {
                entry.choose(code).await?;
                return Ok(tabbed);
            }
            Said::Failed(error) => return Err(error),
        }
    }
}
