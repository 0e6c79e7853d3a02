//! How the program gets the code: as an argument, or from the person at the terminal.

use std::io::{self, IsTerminal};

use wormhole_client::{
    Entry, Error, InputError, Wormhole, input_with_completion,
    protocol::{code::Code, wire::MAX_IDENTIFIER},
    timing::Log,
};
use zeroize::Zeroizing;

use crate::{
    args::Common,
    ask,
    exit::{self, Failure},
    forget, session, show, steps,
};

const PROMPT: &str = "Enter receive wormhole code: ";

/// The longest line that is read as a code, in bytes.
const MAX_LINE: usize = 4 * MAX_IDENTIFIER;

/// The code of those who want none, as it is typed.
const NO_CODE: &str = "0-";

/// Reads what was said of the code on the command line; `None` where nothing was.
pub(crate) fn given(text: Option<String>, common: &Common) -> Result<Option<Code>, Failure> {
    match text.map(Zeroizing::new) {
        _ if common.no_code => Ok(Some(Code::without_secret())),
        Some(text) => {
            forget::argument(&text);
            read(&text, common.force).map(Some)
        }
        None => Ok(None),
    }
}

/// Reads a code as a person gives it, and the one that everybody knows where that is meant.
fn read(text: &str, force: bool) -> Result<Code, Failure> {
    match (text.trim() == NO_CODE, force) {
        (true, true) => Ok(Code::without_secret()),
        (true, false) => Err(Failure::Refused(
            "with the code 0- anybody can be at the other end: say -0 in its place, or --force, if \
             you both want that"
                .to_owned(),
        )),
        (false, _) => Ok(Code::entered(text).map_err(Error::from)?),
    }
}

/// Lets the person type a code of `words` words, with completion where the terminal can do that.
pub(crate) async fn typed(
    wormhole: &Wormhole,
    words: usize,
    force: bool,
    log: &Log,
) -> Result<(), Failure> {
    let entry = wormhole.input_code()?.expecting(words);
    // Nobody should type what no server waits for, or read what it says in the middle of a line.
    session::patiently(wormhole.welcome(), "Waiting for the mailbox server...").await?;
    let typing = steps::asking(log, "input code");
    prompted(entry, force).await?;
    typing.stop();
    Ok(())
}

async fn prompted(entry: Entry, force: bool) -> Result<(), Failure> {
    match input_with_completion(PROMPT, entry.clone()).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            show::line(" (note: you can use <Tab> to complete words)");
            Ok(())
        }
        Err(InputError::NoTerminal) => plainly(&entry, force).await,
        Err(InputError::Interrupted) => Err(Failure::Interrupted),
        Err(InputError::EndOfInput) => Err(nothing_entered()),
        Err(InputError::Terminal(error)) => Err(Failure::Io("cannot read the code", error)),
        Err(InputError::Wormhole(error)) => Err(error.into()),
        Err(other) => Err(Failure::Refused(other.to_string())),
    }
}

/// Reads a line as it comes; a person who mistypes it may try again.
async fn plainly(entry: &Entry, force: bool) -> Result<(), Failure> {
    let person = io::stdin().is_terminal();
    // A person who gives the code without a secret again, means it.
    let mut again = false;
    loop {
        let line = tokio::select! {
            line = ask::line(PROMPT.to_owned(), MAX_LINE) => line?.ok_or_else(nothing_entered)?,
            reason = entry.ended() => {
                show::line("");
                return Err(reason.into());
            }
        };
        match read(&line, force || again) {
            Ok(code) => return Ok(entry.choose(code).await?),
            Err(malformed) if person => exit::say(&malformed),
            Err(malformed) => return Err(malformed),
        }
        again = line.trim() == NO_CODE;
    }
}

fn nothing_entered() -> Failure {
    Failure::Refused("no code was entered".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_that_everybody_knows_is_not_taken_by_mistake() {
        for text in ["0-", " 0-\n"] {
            assert!(matches!(read(text, false), Err(Failure::Refused(why)) if why.contains("-0")));
            assert!(read(text, true).is_ok_and(|code| code.as_str() == "0-"), "{text}");
        }
        for text in ["5-", "5", "0", "00-"] {
            assert!(read(text, true).is_err() && read(text, false).is_err(), "{text}");
        }
    }
}
