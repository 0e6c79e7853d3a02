//! The handle to one wormhole.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{Stream, stream};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use wormhole_protocol::{
    code::Code,
    key::{Key, Verifier},
    wordlist::MAX_WORDS,
};
use zeroize::Zeroizing;

use crate::{
    builder::Builder,
    entry::Entry,
    error::Error,
    keeper::{Inbox, Kept, Observed, Request},
    layer::input::{Input, StartInput},
    random::random,
    socket::{OnThisComputer, Trust},
    status::Status,
};

/// The mailbox server that the existing clients use by default.
pub const PUBLIC_SERVER: &str = "wss://relay.magic-wormhole.io/v1";

/// One wormhole: a code, a peer, a key, and messages both ways.
///
/// A handle is cheap to clone and may go to other threads; the wormhole itself lives on the thread
/// that opened it. When the last handle is dropped it closes in order, within five seconds, as
/// long as that thread's tasks still run.
///
/// Everything may be asked for before or after it is known, any number of times. Once the wormhole
/// has ended, each pending and later call fails: with what went wrong, else with
/// [`Error::Closed`].
#[derive(Clone)]
pub struct Wormhole {
    requests: mpsc::UnboundedSender<Request>,
    observed: watch::Receiver<Observed>,
    inbox: Inbox,
    input: actix::WeakAddr<Input>,
    code_chosen: Arc<AtomicBool>,
    trust: Trust,
    on_this_computer: OnThisComputer,
}

impl Wormhole {
    /// Begins with the application's id and the mailbox server's `ws:` or `wss:` address.
    ///
    /// Only programs with the same id meet: use a name that is yours, such as
    /// `example.org/my-app`.
    pub fn builder(appid: impl Into<String>, url: impl Into<String>) -> Builder {
        Builder::new(appid.into(), url.into())
    }

    pub(crate) fn kept(kept: Kept) -> Self {
        let Kept { requests, observed, inbox, input, trust, on_this_computer } = kept;
        let code_chosen = Arc::default();
        Self { requests, observed, inbox, input, code_chosen, trust, on_this_computer }
    }

    /// Whom the wormhole believes to be a server.
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whether its mailbox server is on this computer, as far as is known.
    pub(crate) fn is_on_this_computer(&self) -> bool {
        self.on_this_computer.get()
    }

    /// Asks the server for a nameplate and makes a code of it with `words` words (1 to 64).
    ///
    /// # Errors
    /// [`Error::OnlyOneCode`], or the reason of the wormhole's end.
    pub fn allocate_code(&self, words: usize) -> Result<(), Error> {
        self.choose_code()?;
        let mut random = Zeroizing::new(random::<MAX_WORDS>().to_vec());
        random.truncate(words.clamp(1, MAX_WORDS));
        self.ask(Request::Allocate(random));
        Ok(())
    }

    /// Takes a code that somebody else made up.
    ///
    /// # Errors
    /// [`Error::KeyFormat`], after which another try is open; [`Error::OnlyOneCode`]; or the reason
    /// of the wormhole's end.
    pub fn set_code(&self, code: &str) -> Result<(), Error> {
        self.use_code(Code::parse(code)?)
    }

    /// Takes a code that is read already, be it the one [without a secret](Code::without_secret).
    ///
    /// # Errors
    /// [`Error::OnlyOneCode`], or the reason of the wormhole's end.
    pub fn use_code(&self, code: Code) -> Result<(), Error> {
        self.choose_code()?;
        self.ask(Request::Set(code));
        Ok(())
    }

    /// Lets a person type the code, with completion.
    ///
    /// # Errors
    /// [`Error::OnlyOneCode`], or the reason of the wormhole's end.
    pub fn input_code(&self) -> Result<Entry, Error> {
        self.choose_code()?;
        if let Some(input) = self.input.upgrade() {
            input.do_send(StartInput);
        }
        Ok(Entry::new(self.input.clone(), self.observed.clone()))
    }

    /// Waits for the server's welcome: its whole dictionary, unknown keys too.
    ///
    /// # Errors
    /// The reason of the wormhole's end.
    pub async fn welcome(&self) -> Result<Arc<Map<String, Value>>, Error> {
        self.when(|observed| observed.welcome.clone()).await
    }

    /// Waits for the code.
    ///
    /// # Errors
    /// The reason of the wormhole's end.
    pub async fn code(&self) -> Result<Code, Error> {
        self.when(|observed| observed.code.clone()).await
    }

    /// Waits until there is a key, which the peer has not proved to have yet.
    ///
    /// # Errors
    /// The reason of the wormhole's end.
    pub async fn unverified_key(&self) -> Result<Key, Error> {
        self.when(|observed| observed.key.clone()).await
    }

    /// Waits until the peer has proved that it has the key, and gives what two people may compare
    /// to be sure that nobody sits between them.
    ///
    /// # Errors
    /// The reason of the wormhole's end: [`Error::WrongPassword`] for a wrong code.
    pub async fn verifier(&self) -> Result<Verifier, Error> {
        self.when(|observed| observed.verifier).await
    }

    /// Waits for what the peer's application says of itself.
    ///
    /// # Errors
    /// The reason of the wormhole's end.
    pub async fn versions(&self) -> Result<Arc<Value>, Error> {
        self.when(|observed| observed.versions.clone()).await
    }

    /// Sends a message, at any time: it goes out when the peer has proved that it has the key.
    ///
    /// What was sent before [`close`](Self::close) leaves before the goodbye, as long as that takes
    /// no more than its five seconds; after the end nothing is sent. Our own server takes messages
    /// of up to [`MAX_MESSAGE`](wormhole_protocol::wire::MAX_MESSAGE) bytes, others more or less: the
    /// mailbox is not for bulk.
    pub fn send_message(&self, message: impl Into<Vec<u8>>) {
        self.ask(Request::Send(Zeroizing::new(message.into())));
    }

    /// Waits for the peer's next message. Of several calls each gets another message; a call that
    /// is dropped takes none. Where more than 64 MiB wait to be asked for, the wormhole ends.
    ///
    /// # Errors
    /// The reason of the wormhole's end.
    pub async fn message(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.when(|_| self.inbox.pop()).await
    }

    /// Waits until there is something to pick among the peer's messages, all of which stay to be
    /// asked for.
    pub(crate) async fn overheard<T>(
        &self,
        mut pick: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, Error> {
        let mut looked = 0;
        self.when(|_| self.inbox.look(&mut looked, &mut pick)).await
    }

    /// Gives the peer's messages one after the other, until the wormhole's end; why that came,
    /// [`closed`](Self::closed) says. A stream that is dropped takes no message with it.
    pub fn messages(&self) -> impl Stream<Item = Zeroizing<Vec<u8>>> + Send + use<> {
        stream::unfold(self.clone(), |wormhole| async move {
            let message = wormhole.message().await.ok()?;
            Some((message, wormhole))
        })
    }

    /// Sends our data, waits for the peer's, and closes the wormhole. Both sides do the same, and
    /// nothing else with this wormhole.
    ///
    /// # Errors
    /// The reason of the wormhole's end: [`Error::WrongPassword`] for a wrong code.
    pub async fn exchange(&self, mine: impl Into<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.send_message(mine);
        let theirs = self.message().await?;
        // What has come is here, however the goodbye to the server goes.
        let _ = self.close().await;
        Ok(theirs)
    }

    /// Derives `length` bytes (at most 8160) for `purpose`, the same on both sides.
    ///
    /// # Errors
    /// [`Error::NoKey`] before there is one, [`Error::DerivedLength`], or the reason of the
    /// wormhole's end.
    pub fn derive_key(&self, purpose: &str, length: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        let observed = self.observed.borrow();
        if let Some(result) = &observed.closed {
            return Err(reason(result));
        }
        let key = observed.key.as_ref().ok_or(Error::NoKey)?;
        key.derive(purpose, length).ok_or(Error::DerivedLength(length))
    }

    /// Tells where the wormhole stands.
    pub fn status(&self) -> Status {
        self.observed.borrow().status.clone()
    }

    /// Gives the status as it is now, and again whenever it has changed, until the wormhole's end.
    /// Whoever is slow sees the latest and not each.
    pub fn statuses(&self) -> impl Stream<Item = Status> + Send + use<> {
        stream::unfold((self.observed.clone(), None), |(mut watching, last)| async move {
            let changed = |observed: &Observed| last.as_ref() != Some(&observed.status);
            let ended = |observed: &Observed| observed.closed.is_some();
            let news = watching.wait_for(|observed| changed(observed) || ended(observed)).await;
            let status = news.ok().filter(|observed| changed(observed))?.status.clone();
            Some((status.clone(), (watching, Some(status))))
        })
    }

    /// Closes the wormhole and waits until the server has let go of it, at most five seconds. May
    /// be called again, with the same result.
    ///
    /// The peer is not told: where it should know that nothing more comes, send a message that says
    /// so.
    ///
    /// # Errors
    /// What went wrong: [`Error::Lonely`] where no peer had come.
    pub async fn close(&self) -> Result<(), Error> {
        self.begin_close();
        self.closed().await
    }

    pub(crate) fn begin_close(&self) {
        self.ask(Request::Close);
    }

    /// Waits for the end, without being a handle that keeps the wormhole open.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let mut observed = self.observed.clone();
        async move {
            let _ = observed.wait_for(|observed| observed.closed.is_some()).await;
        }
    }

    /// Waits for the end, without asking for it.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn closed(&self) -> Result<(), Error> {
        let mut observed = self.observed.clone();
        match observed.wait_for(|observed| observed.closed.is_some()).await {
            Ok(observed) => observed.closed.clone().unwrap_or(Err(NO_KEEPER)),
            Err(_) => Err(NO_KEEPER),
        }
    }

    fn choose_code(&self) -> Result<(), Error> {
        if let Some(result) = &self.observed.borrow().closed {
            return Err(reason(result));
        }
        match self.code_chosen.swap(true, Ordering::Relaxed) {
            false => Ok(()),
            true => Err(Error::OnlyOneCode),
        }
    }

    fn ask(&self, request: Request) {
        // A keeper that is gone has said why in `closed`.
        let _ = self.requests.send(request);
    }

    async fn when<T>(&self, mut pick: impl FnMut(&Observed) -> Option<T>) -> Result<T, Error> {
        let mut watching = self.observed.clone();
        loop {
            {
                let observed = watching.borrow_and_update();
                if let Some(result) = &observed.closed {
                    return Err(reason(result));
                }
                if let Some(value) = pick(&observed) {
                    return Ok(value);
                }
            }
            watching.changed().await.map_err(|_| NO_KEEPER)?;
        }
    }
}

/// The thread that the wormhole lived on has ended, or a callback of the application's has panicked.
const NO_KEEPER: Error = Error::Internal("the wormhole's task has ended");

fn reason(result: &Result<(), Error>) -> Error {
    result.clone().err().unwrap_or(Error::Closed)
}
