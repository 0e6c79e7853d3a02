//! A wormhole about to be opened.

use std::time::Duration;

use actix::Recipient;
use serde::Serialize;
use serde_json::{Map, Value};
use wormhole_protocol::name::AppId;

use crate::{
    delegate::Delegated,
    error::Error,
    event::Event,
    house::Config,
    keeper::{self, Listeners},
    layer::boss::Limits,
    schedule::Schedule,
    socket::{OnThisComputer, Trust},
    status::Status,
    timing,
    wormhole::Wormhole,
};

/// The most zero bits of a hashcash stamp that are minted for a server where the application says
/// nothing else: about a minute's work.
pub const DEFAULT_MAX_STAMP_BITS: u32 = 26;

/// A wormhole about to be opened.
///
/// It may go to another thread; the wormhole lives on the one that opens it.
#[must_use = "nothing happens until it is opened"]
pub struct Builder {
    config: Config,
    listeners: Listeners,
}

impl Builder {
    pub(crate) fn new(appid: String, url: String) -> Self {
        let ours = [env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")].map(str::to_owned);
        let config = Config {
            appid: AppId::new(appid),
            url,
            app_versions: Value::Object(Map::new()),
            client_version: ours.into(),
            trust: Trust::default(),
            on_this_computer: OnThisComputer::default(),
            schedule: None,
            limits: Limits::default(),
            max_stamp_bits: DEFAULT_MAX_STAMP_BITS,
            timing: None,
        };
        Self { config, listeners: Listeners::default() }
    }

    /// Sets what our application says of itself in the version message: anything that becomes a
    /// JSON object, nothing (`{}`) at first.
    ///
    /// # Errors
    /// [`Error::Versions`] for what becomes no object; the Rust client takes nothing else
    /// [client.md: version message].
    pub fn versions(mut self, versions: impl Serialize) -> Result<Self, Error> {
        let versions = serde_json::to_value(versions);
        self.config.app_versions = match versions {
            Ok(object @ Value::Object(_)) => object,
            Ok(_) => return Err(Error::Versions("they become something else".to_owned())),
            Err(reason) => return Err(Error::Versions(reason.to_string())),
        };
        Ok(self)
    }

    /// Sets the name and version of our program, which the server keeps for its statistics; those
    /// of this library at first.
    pub fn client_version(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.config.client_version = (name.into(), version.into());
        self
    }

    /// Believes these authorities' certificates (PEM, one or more) besides the public ones and
    /// those in the file that `SSL_CERT_FILE` names; may be called again.
    ///
    /// # Errors
    /// [`Error::TlsRoot`] where it holds no certificate, or what is none.
    pub fn tls_root(mut self, pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        self.config.trust = self.config.trust.with(pem.as_ref()).map_err(Error::TlsRoot)?;
        Ok(self)
    }

    /// Tries by this schedule to reach the server again once it was lost, instead of waiting
    /// longer after each attempt, up to a minute.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.config.schedule = Some(schedule);
        self
    }

    /// Ends the wormhole after this time with [`Error::Timeout`], whatever it is doing then; the
    /// goodbye to the server may take a second more. One that is being closed already ends then
    /// with its own result.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config.limits.timeout = Some(timeout);
        self
    }

    /// Waits no longer than this for the server's answer when the wormhole is closed, instead of
    /// five seconds.
    pub fn close_limit(mut self, limit: Duration) -> Self {
        self.config.limits.close = limit;
        self
    }

    /// Refuses to mint a hashcash stamp of more zero bits than these for a server that demands one
    /// ([`DEFAULT_MAX_STAMP_BITS`] at first); each doubles the work. None at all with 0.
    pub fn max_stamp_bits(mut self, bits: u32) -> Self {
        self.config.max_stamp_bits = bits;
        self
    }

    /// Records what happens when, in this log.
    pub fn timing(mut self, log: timing::Log) -> Self {
        self.config.timing = Some(log);
        self
    }

    /// Calls this with the server's welcome, on every connection: the whole dictionary.
    ///
    /// It is called on the wormhole's thread, and must neither wait for the wormhole nor panic:
    /// that would be the wormhole's end.
    pub fn on_welcome(mut self, tell: impl FnMut(&Map<String, Value>) + Send + 'static) -> Self {
        self.listeners.welcome = Some(Box::new(tell));
        self
    }

    /// Calls this with the status, first as it is at the beginning, then whenever it changes; as
    /// [`on_welcome`](Self::on_welcome) does.
    pub fn on_status(mut self, tell: impl FnMut(&Status) + Send + 'static) -> Self {
        self.listeners.status = Some(Box::new(tell));
        self
    }

    /// Opens the wormhole and starts connecting.
    ///
    /// # Panics
    /// Outside of a tokio `LocalSet`, which every actix system is.
    pub fn open(self) -> Wormhole {
        Wormhole::kept(keeper::keep(self.config, self.listeners))
    }

    /// Opens the wormhole, has a conversation over it, and closes it, however that went.
    ///
    /// A program that comes back from here leaves nothing on the server. Where this future is
    /// dropped, the wormhole closes as one whose handles are gone.
    ///
    /// ```
    /// # use wormhole_client::{Error, Wormhole};
    /// # async fn example(server: &str) -> Result<(), Error> {
    /// let builder = Wormhole::builder("example.org/my-app", server);
    /// let code = builder
    ///     .run(async |wormhole| {
    ///         wormhole.allocate_code(2)?;
    ///         wormhole.code().await
    ///     })
    ///     .await;
    /// // Nobody came.
    /// assert_eq!(code.err(), Some(Error::Lonely));
    /// # Ok(())
    /// # }
    /// # let server = wormhole_server::testing::start();
    /// # actix::System::new().block_on(example(server.url())).unwrap();
    /// ```
    ///
    /// # Errors
    /// What went wrong in the conversation, else in closing.
    ///
    /// # Panics
    /// Outside of a tokio `LocalSet`, which every actix system is.
    pub async fn run<T, E: From<Error>>(
        self,
        conversation: impl AsyncFnOnce(&Wormhole) -> Result<T, E>,
    ) -> Result<T, E> {
        let wormhole = self.open();
        let talked = conversation(&wormhole).await;
        let closed = wormhole.close().await;
        let value = talked?;
        closed?;
        Ok(value)
    }

    /// Opens the wormhole and tells every event to an actor, in order; the last is
    /// [`Event::Closed`].
    ///
    /// The wormhole keeps the actor alive until then. Where the actor stops by itself, the wormhole
    /// closes at the next event.
    ///
    /// An actor that owns its wormhole needs its own address first:
    ///
    /// ```
    /// use actix::{Actor, AsyncContext, Context, Handler};
    /// use wormhole_client::{Delegated, Event, Wormhole};
    ///
    /// struct Chat {
    ///     wormhole: Delegated,
    /// }
    ///
    /// impl Actor for Chat {
    ///     type Context = Context<Self>;
    /// }
    ///
    /// impl Handler<Event> for Chat {
    ///     type Result = ();
    ///
    ///     fn handle(&mut self, event: Event, _: &mut Self::Context) {
    ///         if let Event::Versions(_) = event {
    ///             self.wormhole.send_message("hello");
    ///         }
    ///     }
    /// }
    ///
    /// # fn example(server: &str) {
    /// let context = Context::<Chat>::new();
    /// let builder = Wormhole::builder("example.org/chat", server);
    /// let wormhole = builder.delegate(context.address().recipient());
    /// let chat = context.run(Chat { wormhole });
    /// # }
    /// # actix::System::new().block_on(async { example("ws://127.0.0.1:1/v1") });
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio `LocalSet`, which every actix system is.
    pub fn delegate(mut self, recipient: Recipient<Event>) -> Delegated {
        self.listeners.delegate = Some(recipient);
        Delegated::new(self.open())
    }
}
