//! A server for other people's tests, in memory, on a free port of this machine.
//!
//! ```
//! let server = wormhole_server::testing::start();
//! assert!(server.url().starts_with("ws://127.0.0.1:"));
//! // Dropped, it stops.
//! ```
//!
//! It runs on a thread with an actix system of its own, so that it does not matter whether the
//! test has one: `#[test]`, `#[tokio::test]` and `#[actix::test]` are alike. What goes wrong in
//! real life can be had on purpose:
//!
//! ```
//! use std::time::Duration;
//! use wormhole_server::testing::Setup;
//!
//! let server = Setup::default().delay(Duration::from_millis(200)).drop_after(3).start();
//! ```

mod faults;

use std::{
    net::Ipv4Addr,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;

pub(crate) use faults::{Faults, Trap, faulty};

use crate::{Config, Limit, Limits, LiveRules, Rules, listen, mailbox::Mailbox};

/// Starts a server as the program has it, but for its database, which is in memory.
///
/// # Panics
/// Where this machine gives no free port or no thread.
pub fn start() -> Server {
    Setup::default().start()
}

/// What a server for a test is like.
#[derive(Clone, Debug)]
#[must_use = "it has to be started"]
pub struct Setup {
    config: Config,
    faults: Faults,
}

impl Default for Setup {
    fn default() -> Self {
        // One machine stands for all clients.
        let limits = Limits::default().with(Limit::AddressJoins, 0);
        Config { workers: 1, limits, ..Config::default() }.into()
    }
}

impl From<Config> for Setup {
    fn from(config: Config) -> Self {
        Self { config, faults: Faults::default() }
    }
}

impl Setup {
    /// Has mailboxes that nobody touches end after `lifetime`, which is at least two milliseconds,
    /// or up to half as much later.
    pub fn mailbox_lifetime(mut self, lifetime: Duration) -> Self {
        self.config.expiry = lifetime;
        self.config.prune_every = (lifetime / 2).max(Duration::from_millis(1));
        self
    }

    /// Has every message of the server wait so long before it leaves.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.faults.delay = delay;
        self
    }

    /// Cuts every connection, without a word, after so many messages of the server; the welcome is
    /// the first.
    pub fn drop_after(mut self, messages: u64) -> Self {
        self.faults.drop_after = Some(messages);
        self
    }

    /// Has the server's part for an application panic, once, when a client claims this nameplate.
    pub fn panic_at(mut self, nameplate: u32) -> Self {
        self.faults.trap = Some(Trap::at(nameplate.into()));
        self
    }

    /// Turns every client away with this text, in the welcome.
    pub fn refuse(self, text: impl Into<String>) -> Self {
        let mut rules = Rules::clone(&self.config.rules.now());
        rules.welcome.error = Some(text.into());
        self.config.rules.set(rules);
        self
    }

    /// Starts the server; clients may connect at once.
    ///
    /// # Panics
    /// Where this machine gives no free port or no thread, or the configured database cannot be
    /// used.
    pub fn start(self) -> Server {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        let scheme = if self.config.tls.is_some() { "wss" } else { "ws" };
        let rules = self.config.rules.clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("wormhole-server".to_owned());
        let serving = move || {
            actix::System::new().block_on(async {
                let mailbox = Mailbox::start_with(self.config, self.faults);
                let mailbox = mailbox.expect("a database that can be used");
                let running = crate::start(mailbox, [listener]).await;
                let running = running.expect("a listener that can be used");
                let served = running.until(async { drop(stopped.await) }).await;
                served.expect("a server that goes on");
            });
        };
        Server {
            url: format!("{scheme}://{address}/v1"),
            rules,
            stop: Some(stop),
            thread: Some(thread.spawn(serving).expect("a thread")),
        }
    }
}

/// A running server; dropped, it says goodbye to its clients and stops.
#[derive(Debug)]
pub struct Server {
    url: String,
    rules: LiveRules,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// What clients take as their server: `ws://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What may be changed while it runs.
    pub fn rules(&self) -> &LiveRules {
        &self.rules
    }

    /// Stops it, and comes back when its database is closed.
    ///
    /// # Panics
    /// Where the server has panicked.
    pub fn stop(mut self) {
        self.end().expect("a server that has not panicked");
    }

    fn end(&mut self) -> thread::Result<()> {
        // Sent or dropped, both stop it.
        drop(self.stop.take());
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The thread has told of its panic already.
        let _ = self.end();
    }
}
