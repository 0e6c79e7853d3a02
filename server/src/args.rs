//! The program's command line.

mod limits;

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use wormhole_server::{Config, Database, Permission, Welcome};

use limits::LimitArgs;

/// Servers for Magic-Wormhole clients
#[derive(Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to serve.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a mailbox server, where clients with the same code find each other
    Mailbox(Mailbox),
}

/// The options of `mailbox`.
#[derive(Args)]
#[command(after_help = "A rate allows ten seconds' worth at once. An IPv6 address counts by its \
                        network of 64 bits.")]
pub(crate) struct Mailbox {
    /// Address to listen on; `::` means every interface, IPv4 included
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv6Addr::UNSPECIFIED.into())]
    host: IpAddr,
    /// Port to listen on; 0 picks a free one
    #[arg(short, long, default_value_t = 4000)]
    port: u16,
    /// SQLite file that keeps mailboxes over restarts, or `:memory:`
    #[arg(long, value_name = "PATH", default_value = "relay.sqlite")]
    channel_db: PathBuf,
    /// Answer before the disk holds the answer: a power cut loses what clients were told
    #[arg(long)]
    unsafe_no_sync: bool,
    /// Message that clients show to their users
    #[arg(long, value_name = "TEXT")]
    motd: Option<String>,
    /// Turn every client away with this message
    #[arg(long, value_name = "TEXT")]
    signal_error: Option<String>,
    /// Version of the Python client that older ones advise their users to install
    #[arg(long, value_name = "VERSION")]
    advertise_version: Option<String>,
    /// Answer every request for the nameplates in use with none
    #[arg(long)]
    disallow_list: bool,
    /// Refuse to claim nameplates that were not allocated: nobody can make up codes then
    #[arg(long)]
    claim_allocated_only: bool,
    /// Seconds for which a nameplate is not handed out again after it was freed
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    hold_down: u64,
    /// What clients have to show before they bind: `none`, or `hashcash` or `hashcash:BITS`, a
    /// stamp that takes work. The Python and Go clients have none
    #[arg(long, value_name = "METHOD")]
    permission: Option<Permission>,
    /// Believe the X-Real-IP and X-Real-Port headers of this reverse proxy; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    trust_proxy: Vec<IpAddr>,
    #[command(flatten)]
    limits: LimitArgs,
}

impl Mailbox {
    /// Gives the address to listen on.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// Gives the settings.
    pub(crate) fn into_config(self) -> Config {
        Config {
            database: match self.channel_db.to_str() {
                Some(":memory:") => Database::Memory,
                _ => Database::File(self.channel_db),
            },
            wait_for_disk: !self.unsafe_no_sync,
            welcome: Welcome {
                motd: self.motd,
                error: self.signal_error,
                current_cli_version: self.advertise_version,
            },
            listing: !self.disallow_list,
            claim_allocated_only: self.claim_allocated_only,
            hold_down: Duration::from_secs(self.hold_down),
            permission: self.permission.unwrap_or_default(),
            limits: self.limits.0,
            trusted_proxies: self.trust_proxy,
            ..Config::default()
        }
    }
}
