//! The face of the Input layer: helps a person type a code.

use std::collections::BTreeSet;

use actix::{Handler, Message, WeakAddr};
use tokio::sync::{oneshot, watch};
use wormhole_protocol::{code::KeyFormatError, name::Nameplate, wordlist::DEFAULT_WORDS};

use crate::{
    error::Error,
    keeper::Observed,
    layer::input::{
        AwaitWordlist, ChooseNameplate, ChooseWords, CompleteNameplate, CompleteWords, Input,
        RefreshList,
    },
};

/// Completes a code while it is typed, and claims its nameplate before the words are.
///
/// All calls fail with [`Error::Closed`] once the wormhole has ended.
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
    /// [`Error::Closed`] where that never happens.
    pub async fn when_wordlist_is_available(&self) -> Result<(), Error> {
        let (tx, rx) = oneshot::channel();
        self.ask(AwaitWordlist(tx)).await?;
        rx.await.map_err(|_| Error::Closed)
    }

    /// Lists the ways to finish the last word of `prefix`, a code without its nameplate; none
    /// while the list is unknown. A hyphen follows while fewer words than
    /// [expected](Self::expecting) stand there.
    ///
    /// # Errors
    /// [`Error::MustChooseNameplateFirst`], [`Error::AlreadyChoseWords`].
    pub async fn word_completions(&self, prefix: &str) -> Result<BTreeSet<String>, Error> {
        let expected = self.expected;
        self.ask(CompleteWords { prefix: prefix.to_owned(), expected }).await?
    }

    /// Settles the words, and so the code.
    ///
    /// # Errors
    /// [`Error::MustChooseNameplateFirst`], [`Error::AlreadyChoseWords`].
    pub async fn choose_words(&self, words: &str) -> Result<(), Error> {
        self.ask(ChooseWords(words.to_owned())).await?
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
        let input = self.input.upgrade().ok_or(Error::Closed)?;
        input.send(question).await.map_err(|_| Error::Closed)
    }
}

/// Reads a nameplate as a person types it.
pub(crate) fn nameplate(text: &str) -> Result<Nameplate, Error> {
    text.parse().map_err(|_| Error::KeyFormat(KeyFormatError::Nameplate))
}
