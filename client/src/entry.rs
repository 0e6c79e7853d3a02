//! The face of the Input layer: helps a person type a code.

use std::collections::BTreeSet;

use actix::{Handler, Message, WeakAddr};
use tokio::sync::{oneshot, watch};
use wormhole_protocol::{
    code::{Code, KeyFormatError},
    name::Nameplate,
    wordlist::DEFAULT_WORDS,
};
use zeroize::Zeroizing;

use crate::{
    error::Error,
    keeper::Observed,
    layer::input::{
        AwaitWordlist, ChooseCode, ChooseNameplate, ChooseWords, CompleteNameplate, CompleteWords,
        Input, RefreshList,
    },
};

/// Completes a code while it is typed, and claims its nameplate before the words are.
///
/// All calls fail with the reason of the wormhole's end once that has come.
#[derive(Clone)]
pub struct Entry {
    input: WeakAddr<Input>,
    observed: watch::Receiver<Observed>,
    expected: usize,
}

impl Entry {
    pub(crate) fn new(input: WeakAddr<Input>, observed: watch::Receiver<Observed>) -> Self {
        Self { input, observed, expected: DEFAULT_WORDS }
    }

    /// Expects a code of `words` words, where nobody says otherwise two: behind each but the last
    /// a completion puts a hyphen. The person may still type fewer or more.
    #[must_use]
    pub fn expecting(mut self, words: usize) -> Self {
        self.expected = words;
        self
    }

    /// Asks the server for a fresh list of nameplates, which arrives later.
    ///
    /// # Errors
    /// [`Error::AlreadyChoseNameplate`] after [`choose_nameplate`](Self::choose_nameplate).
    pub async fn refresh_nameplates(&self) -> Result<(), Error> {
        self.ask(RefreshList).await?
    }

    /// Lists the nameplates in use that start with `prefix`, each with its hyphen.
    ///
    /// # Errors
    /// [`Error::AlreadyChoseNameplate`] after [`choose_nameplate`](Self::choose_nameplate).
    pub async fn nameplate_completions(&self, prefix: &str) -> Result<BTreeSet<String>, Error> {
        self.ask(CompleteNameplate(prefix.to_owned())).await?
    }

    /// Settles the nameplate, which is then claimed on the server; there is no way back.
    ///
    /// # Errors
    /// [`Error::KeyFormat`] for anything but digits, whatever was chosen before;
    /// [`Error::AlreadyChoseNameplate`] the second time.
    pub async fn choose_nameplate(&self, nameplate: &str) -> Result<(), Error> {
        let nameplate = self::nameplate(nameplate)?;
        self.ask(ChooseNameplate(nameplate)).await?
    }

    /// Waits until the nameplate is claimed, from when on words can be completed.
    ///
    /// # Errors
    /// The reason of the wormhole's end, where that comes first.
    pub async fn when_wordlist_is_available(&self) -> Result<(), Error> {
        let (tx, rx) = oneshot::channel();
        self.ask(AwaitWordlist(tx)).await?;
        match rx.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ended().await),
        }
    }

    /// Lists the ways to finish the last word of `prefix`, a code without its nameplate; none
    /// while the list is unknown. A hyphen follows while fewer words than
    /// [expected](Self::expecting) stand there.
    ///
    /// # Errors
    /// [`Error::MustChooseNameplateFirst`], [`Error::AlreadyChoseWords`].
    pub async fn word_completions(&self, prefix: &str) -> Result<BTreeSet<String>, Error> {
        let expected = self.expected;
        self.ask(CompleteWords { prefix: Zeroizing::new(prefix.to_owned()), expected }).await?
    }

    /// Settles the words, and so the code.
    ///
    /// # Errors
    /// [`Error::MustChooseNameplateFirst`], [`Error::AlreadyChoseWords`]; [`Error::KeyFormat`] for
    /// no words at all, after which another try is open.
    pub async fn choose_words(&self, words: &str) -> Result<(), Error> {
        self.ask(ChooseWords(Zeroizing::new(words.to_owned()))).await?
    }

    /// Settles a whole code, of which the nameplate may have been chosen before.
    ///
    /// # Errors
    /// [`Error::AlreadyChoseNameplate`] where that was another one, [`Error::AlreadyChoseWords`].
    pub async fn choose(&self, code: Code) -> Result<(), Error> {
        self.ask(ChooseCode(code)).await?
    }

    /// Waits until the wormhole has ended, and tells why: its code cannot be typed any more.
    pub async fn ended(&self) -> Error {
        let mut observed = self.observed.clone();
        match observed.wait_for(|observed| observed.closed.is_some()).await {
            Ok(observed) => observed.closed.clone().and_then(Result::err).unwrap_or(Error::Closed),
            Err(_) => Error::Closed,
        }
    }

    async fn ask<M>(&self, question: M) -> Result<M::Result, Error>
    where
        Input: Handler<M>,
        M: Message<Result: Send> + Send + 'static,
    {
        if let Some(input) = self.input.upgrade()
            && let Ok(answer) = input.send(question).await
        {
            return Ok(answer);
        }
        Err(self.ended().await)
    }
}

/// Reads a nameplate as a person types it.
pub(crate) fn nameplate(text: &str) -> Result<Nameplate, Error> {
    text.parse().map_err(|_| Error::KeyFormat(KeyFormatError::Nameplate))
}
