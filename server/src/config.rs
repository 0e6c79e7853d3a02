//! What the owner of a server decides.

use std::{num::NonZeroU16, path::PathBuf, time::Duration};

use wormhole_protocol::{transit::DirectHint, uri::WebSocketUrl};

use crate::{
    database::{DatabaseError, DatabaseKind},
    limits::Limits,
    permission::Permission,
    rules::LiveRules,
    tls::Tls,
};

/// Where nameplates, mailboxes and messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In memory: they end with the server.
    Memory,
    /// In a SQLite file, made where it is missing.
    File(PathBuf),
}

/// What is kept of how nameplates and mailboxes end and of the clients' versions: for counting,
/// not for finding anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageConfig {
    /// Where it is kept.
    pub database: Database,
    /// Times at which something began are kept as the last multiple of this before them; zero is
    /// as good as none.
    pub blur: Option<Duration>,
}

/// A server's settings; the defaults are those of the program.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the state is kept; by default in memory.
    pub database: Database,
    /// What is recorded of the use; by default nothing.
    pub usage: Option<UsageConfig>,
    /// Whether an answer waits until the disk holds what it tells; otherwise a power cut, though
    /// not the end of the process, loses what was answered.
    pub wait_for_disk: bool,
    /// What may change while the server runs.
    pub rules: LiveRules,
    /// The address that clients type, such as `wss://relay.example.org/v1`, for the landing page;
    /// by default made from what the browser asked for. `/v1` is added where there is no path.
    pub public_url: Option<WebSocketUrl>,
    /// Transit relays that the landing page tells, the best one first; by default none.
    pub transit: Vec<DirectHint>,
    /// The port of a transit relay at the same host, which is told where [`transit`](Self::transit)
    /// is empty.
    pub transit_port: Option<NonZeroU16>,
    /// Whether only nameplates that are in use can be claimed: people cannot make up codes then.
    pub claim_allocated_only: bool,
    /// How long a nameplate is not handed out again after it was freed.
    pub hold_down: Duration,
    /// What a client has to show before it may bind; by default nothing.
    pub permission: Permission,
    /// Of what the server takes only so much. Keep a clone to read how often each was reached.
    pub limits: Limits,
    /// For how long an address keeps the number under which the log speaks of it, at debug level;
    /// by default it has none. Which address has which number is never on disk.
    pub address_ids: Option<Duration>,
    /// The certificate with which TCP listeners speak TLS; by default they are plain.
    pub tls: Option<Tls>,
    /// How long a mailbox stays that nobody touches.
    pub expiry: Duration,
    /// How often expired mailboxes are looked for; not zero.
    pub prune_every: Duration,
    /// How often a client is pinged; not zero.
    pub ping_every: Duration,
    /// How long a client may take to send its request; zero is as long as it likes.
    pub handshake: Duration,
    /// How long the last words of a connection may take before it is cut.
    pub linger: Duration,
    /// How long clients may take at shutdown to hang up by themselves; by default no time at all.
    pub goodbye: Duration,
    /// The threads that serve connections, at least one; by default half of the processors, since
    /// the decisions and the database have a thread each.
    pub workers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: Database::Memory,
            usage: None,
            wait_for_disk: true,
            rules: LiveRules::default(),
            public_url: None,
            transit: Vec::new(),
            transit_port: None,
            claim_allocated_only: false,
            hold_down: Duration::from_secs(60),
            permission: Permission::default(),
            limits: Limits::default(),
            address_ids: None,
            tls: None,
            expiry: Duration::from_secs(660),
            prune_every: Duration::from_secs(300),
            ping_every: Duration::from_secs(60),
            handshake: Duration::from_secs(5),
            linger: Duration::from_secs(10),
            goodbye: Duration::ZERO,
            workers: std::thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2)),
        }
    }
}

impl Config {
    /// Tells whether the databases could be used, without touching them; those that are missing
    /// will be made. [`launch`](crate::launch) begins with it.
    ///
    /// # Errors
    /// [`DatabaseError`] of the first that could not: it cannot be opened, is something else, or
    /// is of another version.
    pub fn check_databases(&self) -> Result<(), DatabaseError> {
        self.database.check(DatabaseKind::Channel)?;
        self.usage.as_ref().map_or(Ok(()), |usage| usage.database.check(DatabaseKind::Usage))
    }
}

impl Database {
    pub(crate) fn check(&self, kind: DatabaseKind) -> Result<(), DatabaseError> {
        match self {
            Self::Memory => Ok(()),
            Self::File(path) => kind.check(path),
        }
    }
}
