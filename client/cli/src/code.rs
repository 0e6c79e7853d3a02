//! How the receiver gets the code: from the person at the terminal.

use std::io::{self, IsTerminal};

use wormhole_client::{
    Entry, Error, InputError, Wormhole, input_with_completion, protocol::code::Code, timing::Log,
};

use crate::{
    ask,
    exit::{self, Failure},
    session, show, steps,
};

const PROMPT: &str = "Enter receive wormhole code: ";

/// Lets the person type a code of `words` words, with completion where the terminal can do that.
pub(crate) async fn typed(wormhole: &Wormhole, words: usize, log: &Log) -> Result<(), Failure> {
    let entry = wormhole.input_code()?.expecting(words);
    // Nobody should type what no server waits for, or read what it says in the middle of a line.
    session::patiently(wormhole.welcome(), "Waiting for the mailbox server...").await?;
    let typing = steps::asking(log, "input code");
    prompted(entry).await?;
    typing.stop();
    Ok(())
}

async fn prompted(entry: Entry) -> Result<(), Failure> {
    match input_with_completion(PROMPT, entry.clone()).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            show::line(" (note: you can use <Tab> to complete words)");
            Ok(())
        }
        Err(InputError::NoTerminal) => plainly(&entry).await,
        Err(InputError::Interrupted) => Err(Failure::Interrupted),
        Err(InputError::EndOfInput) => Err(nothing_entered()),
        Err(InputError::Terminal(error)) => Err(Failure::Io("cannot read the code", error)),
        Err(InputError::Wormhole(error)) => Err(error.into()),
        Err(other) => Err(Failure::Refused(other.to_string())),
    }
}

/// Reads a line as it comes; a person who mistypes it may try again.
async fn plainly(entry: &Entry) -> Result<(), Failure> {
    loop {
        let line = tokio::select! {
            line = ask::line(PROMPT.to_owned()) => line?.ok_or_else(nothing_entered)?,
            reason = entry.ended() => {
                show::line("");
                return Err(reason.into());
            }
        };
        let typed = Code::typed(line.trim()).and_then(|code| Code::parse(code.as_str()));
        match typed.map_err(Error::from) {
            Ok(code) => {
                entry.choose_nameplate(code.nameplate().as_str()).await?;
                return Ok(entry.choose_words(code.words()).await?);
            }
            Err(malformed) if io::stdin().is_terminal() => exit::say(&malformed.into()),
            Err(malformed) => return Err(malformed.into()),
        }
    }
}

fn nothing_entered() -> Failure {
    Failure::Refused("no code was entered".to_owned())
}
