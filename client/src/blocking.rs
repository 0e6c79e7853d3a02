//! The wormhole of a program without an event loop.
//!
//! ```
//! use wormhole_client::{Error, blocking::Wormhole};
//!
//! # fn example(server: &str) -> Result<(), Error> {
//! // At one computer:
//! let here = Wormhole::new("example.org/my-app", server);
//! let code = here.get_code()?;
//! println!("type {} on the other computer", code.as_str());
//! # let server = server.to_owned();
//! # let other = std::thread::spawn(move || -> Result<(), Error> {
//!
//! // At the other:
//! let there = Wormhole::new("example.org/my-app", server);
//! there.set_code(code.as_str())?;
//! assert_eq!(&there.get_data("theirs")?[..], b"mine");
//! # Ok(())
//! # });
//!
//! // And meanwhile at the first:
//! assert_eq!(&here.get_data("mine")?[..], b"theirs");
//! # other.join().unwrap()
//! # }
//! # let server = wormhole_server::testing::start();
//! # example(server.url()).unwrap();
//! ```

use std::{
    io,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use futures_executor::block_on;
use serde_json::{Map, Value};
use tokio::{runtime, task::LocalSet};
use wormhole_protocol::{code::Code, key::Verifier, wordlist::DEFAULT_WORDS};
use zeroize::Zeroizing;

use crate::{builder::Builder, error::Error, status::Status, wormhole::Wormhole as Handle};

/// A wormhole on a thread of its own; every call waits for its answer.
///
/// Dropping it closes it, and waits at most five seconds for that. Do not use it on a thread that
/// runs an event loop, which could do nothing else meanwhile, nor in the callbacks of its own
/// builder, which are called on the wormhole's thread and would wait for themselves.
pub struct Wormhole {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Wormhole {
    /// Opens a wormhole at a mailbox server and starts connecting.
    ///
    /// # Panics
    /// Where the operating system has no thread to give.
    pub fn new(appid: impl Into<String>, url: impl Into<String>) -> Self {
        let opened = Self::open(Handle::builder(appid, url));
        opened.expect("the operating system gives a thread")
    }

    /// Opens a wormhole as this builder says.
    ///
    /// # Errors
    /// Where the operating system has no thread to give, or no event queue for it.
    pub fn open(builder: Builder) -> io::Result<Self> {
        let (tell, opened) = mpsc::sync_channel(1);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let live = move || {
            let living = async {
                let handle = builder.open();
                let ended = handle.ended();
                // Whoever waits for it is there.
                let _ = tell.send(handle);
                ended.await;
            };
            LocalSet::new().block_on(&runtime, living);
            // A name may still be looked up, which nobody waits for.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("wormhole".to_owned()).spawn(live)?;
        let handle = opened.recv().map_err(|_| io::Error::other("the wormhole's thread died"))?;
        Ok(Self { handle, thread: Some(thread) })
    }

    /// Waits for the code; where none was chosen yet, the server is asked for a nameplate, and two
    /// words are drawn for it.
    ///
    /// # Errors
    /// The reason of the wormhole's end.
    pub fn get_code(&self) -> Result<Code, Error> {
        // The code there is, or is about to be, is as good.
        let _ = self.handle.allocate_code(DEFAULT_WORDS);
        block_on(self.handle.code())
    }

    /// Takes a code that somebody else made up.
    ///
    /// # Errors
    /// [`Error::KeyFormat`], after which another try is open; [`Error::OnlyOneCode`].
    pub fn set_code(&self, code: &str) -> Result<(), Error> {
        self.handle.set_code(code)
    }

    /// As [`Wormhole::use_code`](crate::Wormhole::use_code).
    ///
    /// # Errors
    /// [`Error::OnlyOneCode`].
    pub fn use_code(&self, code: Code) -> Result<(), Error> {
        self.handle.use_code(code)
    }

    /// Waits until the peer has proved that it has the same key, and gives what two people may
    /// compare before anything is sent: the first half of [`get_data`](Self::get_data).
    ///
    /// # Errors
    /// The reason of the wormhole's end: [`Error::WrongPassword`] for a wrong code.
    pub fn get_verifier(&self) -> Result<Verifier, Error> {
        block_on(self.handle.verifier())
    }

    /// Sends our data, waits for the peer's, and closes the wormhole; both sides do the same.
    ///
    /// # Errors
    /// The reason of the wormhole's end.
    pub fn get_data(&self, mine: impl Into<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Error> {
        block_on(self.handle.exchange(mine))
    }

    /// Waits for the server's welcome: its whole dictionary, unknown keys too.
    ///
    /// # Errors
    /// The reason of the wormhole's end.
    pub fn get_welcome(&self) -> Result<Arc<Map<String, Value>>, Error> {
        block_on(self.handle.welcome())
    }

    /// Waits for what the peer's application says of itself.
    ///
    /// # Errors
    /// The reason of the wormhole's end.
    pub fn get_versions(&self) -> Result<Arc<Value>, Error> {
        block_on(self.handle.versions())
    }

    /// Sends a message, at any time: it goes out when the peer has proved that it has the key.
    pub fn send_message(&self, message: impl Into<Vec<u8>>) {
        self.handle.send_message(message);
    }

    /// Waits for the peer's next message.
    ///
    /// # Errors
    /// The reason of the wormhole's end.
    pub fn get_message(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        block_on(self.handle.message())
    }

    /// Derives `length` bytes (at most 8160) for `purpose`, the same on both sides.
    ///
    /// # Errors
    /// [`Error::NoKey`] before there is one, [`Error::DerivedLength`], or the reason of the
    /// wormhole's end.
    pub fn derive_key(&self, purpose: &str, length: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.handle.derive_key(purpose, length)
    }

    /// Tells where the wormhole stands.
    pub fn status(&self) -> Status {
        self.handle.status()
    }

    /// Closes the wormhole and waits until the server has let go of it, at most five seconds.
    ///
    /// # Errors
    /// What went wrong: [`Error::Lonely`] where no peer had come.
    pub fn close(self) -> Result<(), Error> {
        block_on(self.handle.close())
    }

    /// The same wormhole for programs that have an event loop as well.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Wormhole {
    fn drop(&mut self) {
        self.handle.begin_close();
        let others = |thread: &JoinHandle<()>| thread.thread().id() != thread::current().id();
        if let Some(thread) = self.thread.take().filter(others) {
            // A panic on it has ended the wormhole, and everybody who asked was told.
            let _ = thread.join();
        }
    }
}
