//! The handle to a wormhole whose events go to an actor.

use wormhole_protocol::code::Code;
use zeroize::Zeroizing;

use crate::{entry::Entry, error::Error, status::Status, wormhole::Wormhole};

/// The handle to a wormhole that tells an actor all its [events](crate::Event).
///
/// It gives orders and answers no questions: what there is to know, the actor is told. It is cheap
/// to clone and may go to other threads; when the last one is dropped the wormhole closes in order.
/// [`Builder::delegate`](crate::Builder::delegate) makes it.
#[derive(Clone)]
pub struct Delegated(Wormhole);

impl Delegated {
    pub(crate) fn new(wormhole: Wormhole) -> Self {
        Self(wormhole)
    }

    /// As [`Wormhole::allocate_code`].
    ///
    /// # Errors
    /// [`Error::OnlyOneCode`].
    pub fn allocate_code(&self, words: usize) -> Result<(), Error> {
        self.0.allocate_code(words)
    }

    /// As [`Wormhole::set_code`].
    ///
    /// # Errors
    /// [`Error::KeyFormat`], [`Error::OnlyOneCode`].
    pub fn set_code(&self, code: &str) -> Result<(), Error> {
        self.0.set_code(code)
    }

    /// As [`Wormhole::use_code`].
    ///
    /// # Errors
    /// [`Error::OnlyOneCode`].
    pub fn use_code(&self, code: Code) -> Result<(), Error> {
        self.0.use_code(code)
    }

    /// As [`Wormhole::input_code`].
    ///
    /// # Errors
    /// [`Error::OnlyOneCode`].
    pub fn input_code(&self) -> Result<Entry, Error> {
        self.0.input_code()
    }

    /// As [`Wormhole::send_message`].
    pub fn send_message(&self, message: impl Into<Vec<u8>>) {
        self.0.send_message(message);
    }

    /// As [`Wormhole::derive_key`].
    ///
    /// # Errors
    /// [`Error::NoKey`], [`Error::DerivedLength`], or the reason of the wormhole's end.
    pub fn derive_key(&self, purpose: &str, length: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.0.derive_key(purpose, length)
    }

    /// As [`Wormhole::status`].
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// Closes the wormhole; how that went is told by [`Event::Closed`](crate::Event::Closed).
    pub fn close(&self) {
        self.0.begin_close();
    }
}
