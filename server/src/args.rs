//! The program's command line.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand};
use wormhole_server::{Config, Database, Welcome};

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
    /// Believe the X-Real-IP and X-Real-Port headers of this reverse proxy; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    trust_proxy: Vec<IpAddr>,
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
            trusted_proxies: self.trust_proxy,
            ..Config::default()
        }
    }
}
