//! What the owner of a server decides.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use wormhole_protocol::{transit::DirectHint, uri::WebSocketUrl};

use crate::{limits::Limits, permission::Permission};

/// Where nameplates, mailboxes and messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In memory: they end with the server.
    Memory,
    /// In a SQLite file, made where it is missing.
    File(PathBuf),
}

/// What the welcome says to every client, besides the client's own address.
#[derive(Clone, Debug, Default)]
pub struct Welcome {
    /// Shown to the people at both ends.
    pub motd: Option<String>,
    /// Turns every client away with this text.
    pub error: Option<String>,
    /// The newest version of the Python client, which older ones then advise to install.
    pub current_cli_version: Option<String>,
}

/// A server's settings; the defaults are those of the program.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the state is kept; by default in memory.
    pub database: Database,
    /// Whether an answer waits until the disk holds what it tells; otherwise a power cut, though
    /// not the end of the process, loses what was answered.
    pub wait_for_disk: bool,
    /// What the welcome says; by default nothing.
    pub welcome: Welcome,
    /// The address that clients type, such as `wss://relay.example.org/v1`, for the landing page;
    /// by default made from what the browser asked for. `/v1` is added where there is no path.
    pub public_url: Option<WebSocketUrl>,
    /// Transit relays that the landing page tells, the best one first; by default none.
    pub transit: Vec<DirectHint>,
    /// Whether `list` tells the nameplates in use; otherwise it answers with none.
    pub listing: bool,
    /// Whether only nameplates that are in use can be claimed: people cannot make up codes then.
    pub claim_allocated_only: bool,
    /// How long a nameplate is not handed out again after it was freed.
    pub hold_down: Duration,
    /// What a client has to show before it may bind; by default nothing.
    pub permission: Permission,
    /// Of what the server takes only so much. Keep a clone to read how often each was reached.
    pub limits: Limits,
    /// Peers whose `X-Real-IP` and `X-Real-Port` are believed; by default none.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a mailbox stays that nobody touches.
    pub expiry: Duration,
    /// How often expired mailboxes are looked for; not zero.
    pub prune_every: Duration,
    /// How often a client is pinged; not zero.
    pub ping_every: Duration,
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
            wait_for_disk: true,
            welcome: Welcome::default(),
            public_url: None,
            transit: Vec::new(),
            listing: true,
            claim_allocated_only: false,
            hold_down: Duration::from_secs(60),
            permission: Permission::default(),
            limits: Limits::default(),
            trusted_proxies: Vec::new(),
            expiry: Duration::from_secs(660),
            prune_every: Duration::from_secs(300),
            ping_every: Duration::from_secs(60),
            goodbye: Duration::ZERO,
            workers: std::thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2)),
        }
    }
}
