//! Input: helps a person type a code, nameplate first, with completion of both parts.
//!
//! in:  [`StartInput`] (from the wormhole's handle), [`GotList`] (from Lister), [`GotWordlist`] (from
//!      Nameplate), and the questions of the entry's handle, which are answered at once: [`RefreshList`],
//!      [`CompleteNameplate`], [`ChooseNameplate`], [`AwaitWordlist`], [`CompleteWords`],
//!      [`ChooseWords`], [`ChooseCode`]
//! out: `Refresh` (to Lister), `InputCode`, `NameplateTyped`, `WordsTyped` (to Code)

use std::collections::BTreeSet;

use actix::prelude::*;
use tokio::sync::oneshot;
use wormhole_protocol::{code::Code as Secret, name::Nameplate, wordlist};
use zeroize::Zeroizing;

use super::{
    code::{InputCode, NameplateTyped, WordsTyped},
    ignored,
    lister::Refresh,
};
use crate::{error::Error, wiring::To};

/// A person begins to type. It comes on the same way as the questions, lest they overtake it.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct StartInput;

/// The nameplates in use.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotList(pub(crate) BTreeSet<Nameplate>);

/// The nameplate is claimed, and so the list of words known.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct GotWordlist;

/// Asks the server for a fresh list.
#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
pub(crate) struct RefreshList;

/// Which nameplates begin so?
#[derive(Message)]
#[rtype(result = "Result<BTreeSet<String>, Error>")]
pub(crate) struct CompleteNameplate(pub(crate) String);

/// This is the nameplate.
#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
pub(crate) struct ChooseNameplate(pub(crate) Nameplate);

/// Tells, by dropping or sending, when words can be completed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AwaitWordlist(pub(crate) oneshot::Sender<()>);

/// Which words begin so, where so many are expected?
#[derive(Message)]
#[rtype(result = "Result<BTreeSet<String>, Error>")]
pub(crate) struct CompleteWords {
    pub(crate) prefix: Zeroizing<String>,
    pub(crate) expected: usize,
}

/// These are the words.
#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
pub(crate) struct ChooseWords(pub(crate) Zeroizing<String>);

/// This is the code, of which the nameplate may be chosen.
#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
pub(crate) struct ChooseCode(pub(crate) Secret);

enum State {
    /// Nobody types.
    Idle,
    /// The nameplate is being typed.
    TypingNameplate { listed: BTreeSet<Nameplate> },
    /// It is chosen, the words are being typed.
    TypingWords { nameplate: Nameplate, wordlist: bool },
    /// The code is complete.
    Done,
}

pub(crate) struct Input {
    state: State,
    waiting: Vec<oneshot::Sender<()>>,
    lister: To<Refresh>,
    code: To<InputCode>,
    nameplate: To<NameplateTyped>,
    words: To<WordsTyped>,
}

impl Input {
    pub(crate) fn new(
        lister: To<Refresh>,
        code: To<InputCode>,
        nameplate: To<NameplateTyped>,
        words: To<WordsTyped>,
    ) -> Self {
        Self { state: State::Idle, waiting: Vec::new(), lister, code, nameplate, words }
    }
}

impl Actor for Input {
    type Context = Context<Self>;
}

impl Handler<StartInput> for Input {
    type Result = ();

    fn handle(&mut self, _: StartInput, _: &mut Self::Context) {
        let State::Idle = self.state else { return ignored::<StartInput>("input") };
        self.state = State::TypingNameplate { listed: BTreeSet::new() };
        self.code.tell(InputCode);
        self.lister.tell(Refresh);
    }
}

impl Handler<GotList> for Input {
    type Result = ();

    fn handle(&mut self, GotList(list): GotList, _: &mut Self::Context) {
        match &mut self.state {
            State::TypingNameplate { listed } => *listed = list,
            _ => ignored::<GotList>("input"),
        }
    }
}

impl Handler<GotWordlist> for Input {
    type Result = ();

    fn handle(&mut self, _: GotWordlist, _: &mut Self::Context) {
        if let State::TypingWords { wordlist, .. } = &mut self.state {
            *wordlist = true;
        }
        self.waiting.drain(..).for_each(answer);
    }
}

impl Handler<RefreshList> for Input {
    type Result = Result<(), Error>;

    fn handle(&mut self, _: RefreshList, _: &mut Self::Context) -> Self::Result {
        let State::TypingNameplate { .. } = self.state else {
            return Err(Error::AlreadyChoseNameplate);
        };
        self.lister.tell(Refresh);
        Ok(())
    }
}

impl Handler<CompleteNameplate> for Input {
    type Result = Result<BTreeSet<String>, Error>;

    fn handle(&mut self, msg: CompleteNameplate, _: &mut Self::Context) -> Self::Result {
        match &self.state {
            State::TypingNameplate { listed } => {
                Ok(wordlist::nameplate_completions(listed, &msg.0))
            }
            _ => Err(Error::AlreadyChoseNameplate),
        }
    }
}

impl Handler<ChooseNameplate> for Input {
    type Result = Result<(), Error>;

    fn handle(
        &mut self,
        ChooseNameplate(name): ChooseNameplate,
        _: &mut Self::Context,
    ) -> Self::Result {
        let State::TypingNameplate { .. } = self.state else {
            return Err(Error::AlreadyChoseNameplate);
        };
        self.nameplate.tell(NameplateTyped(name.clone()));
        self.state = State::TypingWords { nameplate: name, wordlist: false };
        Ok(())
    }
}

impl Handler<AwaitWordlist> for Input {
    type Result = ();

    fn handle(&mut self, AwaitWordlist(waiter): AwaitWordlist, _: &mut Self::Context) {
        match &self.state {
            State::TypingWords { wordlist: true, .. } | State::Done => answer(waiter),
            _ => self.waiting.push(waiter),
        }
    }
}

impl Handler<CompleteWords> for Input {
    type Result = Result<BTreeSet<String>, Error>;

    fn handle(
        &mut self,
        CompleteWords { prefix, expected }: CompleteWords,
        _: &mut Self::Context,
    ) -> Self::Result {
        match &self.state {
            State::Idle | State::TypingNameplate { .. } => Err(Error::MustChooseNameplateFirst),
            State::TypingWords { wordlist: false, .. } => Ok(BTreeSet::new()),
            State::TypingWords { wordlist: true, .. } => {
                Ok(wordlist::word_completions(&prefix, expected))
            }
            State::Done => Err(Error::AlreadyChoseWords),
        }
    }
}

impl Handler<ChooseWords> for Input {
    type Result = Result<(), Error>;

    fn handle(&mut self, ChooseWords(words): ChooseWords, _: &mut Self::Context) -> Self::Result {
        match &self.state {
            State::Idle | State::TypingNameplate { .. } => Err(Error::MustChooseNameplateFirst),
            State::TypingWords { nameplate, .. } => {
                self.words.tell(WordsTyped(Secret::from_parts(nameplate.clone(), &words)?));
                self.state = State::Done;
                Ok(())
            }
            State::Done => Err(Error::AlreadyChoseWords),
        }
    }
}

impl Handler<ChooseCode> for Input {
    type Result = Result<(), Error>;

    fn handle(&mut self, ChooseCode(code): ChooseCode, _: &mut Self::Context) -> Self::Result {
        match &self.state {
            State::Idle | State::TypingNameplate { .. } => {
                self.nameplate.tell(NameplateTyped(code.nameplate().clone()));
            }
            State::TypingWords { nameplate, .. } if nameplate == code.nameplate() => {}
            State::TypingWords { .. } => return Err(Error::AlreadyChoseNameplate),
            State::Done => return Err(Error::AlreadyChoseWords),
        }
        self.words.tell(WordsTyped(code));
        self.state = State::Done;
        Ok(())
    }
}

/// Wakes one who waits for the list of words, unless it has gone.
fn answer(waiter: oneshot::Sender<()>) {
    let _ = waiter.send(());
}

#[cfg(test)]
mod tests;
