//! What can be typed; the names are those of the Python program.

use std::{
    num::NonZeroU16,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use clap::{ArgAction, Parser, Subcommand};
use wormhole_client::{
    DEFAULT_WORDS, MAX_WORDS, PUBLIC_SERVER,
    protocol::{
        transit::{RelayArgument, RelayHint},
        uri::{BadWebSocketUrl, WebSocketUrl},
        wire::MAX_IDENTIFIER,
    },
    timing::Log,
    transfer::{self, APPID, SafeName},
    transit::{self, Listen, Ways},
};

use crate::ask;

/// Send text, files and folders to another computer, by a short code.
#[derive(Parser)]
#[command(name = "wormhole", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EVERYWHERE: &str = "Options of every command";

/// What holds for every command.
#[derive(clap::Args)]
pub(crate) struct Global {
    /// Use another application's id
    ///
    /// Only programs with the same id meet.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_parser = appid,
          default_value = APPID, hide_default_value = true)]
    pub(crate) appid: String,
    /// The mailbox server, at which both computers meet
    ///
    /// For wss:// the certificates in SSL_CERT_FILE (PEM) are believed besides the public ones.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "URL", env = "WORMHOLE_RELAY_URL",
          default_value = PUBLIC_SERVER, value_parser = server)]
    pub(crate) relay_url: String,
    /// The relay for computers that cannot reach each other, or empty for none
    ///
    /// tcp:HOST:PORT, ws://HOST:PORT or wss://HOST; may be repeated, or name several with blanks
    /// between them. Behind tcp:HOST:PORT may stand :priority=NUMBER: the highest is tried first.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "RELAY", env = "WORMHOLE_TRANSIT_HELPER",
          default_value = RelayArgument::DEFAULT, value_parser = relays)]
    pub(crate) transit_helper: Vec<Relays>,
    /// Write what happened when to a file, which `wormhole timing` draws
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) dump_timing: Option<PathBuf>,
    /// What happens when.
    #[arg(skip)]
    pub(crate) timing: Log,
}

impl Global {
    pub(crate) fn transit(&self, common: &Common) -> transit::Config {
        let relays = self.transit_helper.iter().flat_map(|relays| relays.0.clone()).collect();
        let (listen, ways) = (common.listen(), common.ways());
        transit::Config { listen, ways, relays, ..Default::default() }
    }
}

/// The relays that one argument names.
#[derive(Clone)]
pub(crate) struct Relays(Vec<RelayHint>);

fn relays(text: &str) -> Result<Relays, String> {
    let relay = |word: &str| match word.parse() {
        Ok(RelayArgument::Relay(endpoint)) => Ok(Some(RelayHint::from(endpoint))),
        Ok(RelayArgument::NoRelay) => Ok(None),
        Err(reason) => Err(format!("{word}: {reason}")),
    };
    let relays = text.split_whitespace().map(relay).filter_map(Result::transpose);
    relays.collect::<Result<_, _>>().map(Relays)
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Send a text, files, folders, or standard input
    #[command(visible_alias = "tx")]
    Send(Send),
    /// Receive what the other computer sends
    #[command(visible_alias = "rx", aliases = ["recv", "recieve"])]
    Receive(Receive),
    /// Draw what --dump-timing wrote as a web page
    Timing(Timing),
}

/// What sending and receiving have in common.
#[derive(clap::Args)]
pub(crate) struct Common {
    /// Show a verifier, to be compared with the other computer's before anything is sent
    #[arg(short, long)]
    pub(crate) verify: bool,
    /// Draw no progress bar
    #[arg(long)]
    pub(crate) hide_progress: bool,
    /// Listen for a direct connection (the default)
    #[arg(long, overrides_with = "no_listen")]
    listen: bool,
    /// Do not listen for a direct connection
    #[arg(long)]
    no_listen: bool,
    /// Listen on this port, or on the first of a range that is free, such as 4010-4020
    #[arg(long, value_name = "PORT[-PORT]", value_parser = ports, conflicts_with_all = ["no_listen", "force_relay"])]
    port: Option<RangeInclusive<NonZeroU16>>,
    /// Connect directly or not at all: offer and use no relay
    #[arg(long, conflicts_with = "force_relay")]
    force_direct: bool,
    /// Connect through a relay only: tell the other computer no address of this one
    #[arg(long)]
    force_relay: bool,
    /// Use no code: whoever else does so meets the first who comes, friend or stranger
    #[arg(short = '0', conflicts_with_all = ["code", "code_length"])]
    pub(crate) no_code: bool,
    /// Take 0- for a code, which is that of -0
    #[arg(long)]
    pub(crate) force: bool,
}

impl Common {
    fn listen(&self) -> Listen {
        match &self.port {
            _ if self.no_listen => Listen::Never,
            Some(ports) => Listen::Ports(ports.clone()),
            None => Listen::Any,
        }
    }

    fn ways(&self) -> Ways {
        match (self.force_direct, self.force_relay) {
            (true, _) => Ways::DirectOnly,
            (_, true) => Ways::RelayOnly,
            _ => Ways::All,
        }
    }
}

/// The name of an application, which servers take only so long.
fn appid(text: &str) -> Result<String, String> {
    match text.len() {
        1..=MAX_IDENTIFIER => Ok(text.to_owned()),
        _ => Err(format!("expected a name of 1 to {MAX_IDENTIFIER} bytes")),
    }
}

/// The address of a mailbox server, as links have it too.
fn server(text: &str) -> Result<String, BadWebSocketUrl> {
    text.parse::<WebSocketUrl>().map(|url| url.as_str().to_owned())
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    ask::answer(text).ok_or("expected yes or no, 1 or 0, true or false, on or off")
}

fn ports(text: &str) -> Result<RangeInclusive<NonZeroU16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err("expected a port from 1 to 65535, or two such as 4010-4020".to_owned()),
    }
}

#[derive(clap::Args)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) common: Common,
    /// How many words the new code has
    #[arg(short = 'c', long, value_name = "NUMBER", default_value_t = DEFAULT_WORDS, value_parser = words)]
    pub(crate) code_length: usize,
    /// Use this code instead of a new one
    #[arg(long, value_name = "CODE", conflicts_with = "code_length")]
    pub(crate) code: Option<String>,
    /// Send this text; - reads it from standard input
    #[arg(long, conflicts_with = "what")]
    pub(crate) text: Option<String>,
    /// Draw the code as a QR code (the default on a terminal)
    #[arg(long, env = "WORMHOLE_QR", num_args = 0..=1, require_equals = true,
          default_missing_value = "1", overrides_with = "no_qr", action = ArgAction::Set,
          value_parser = yes_or_no, value_name = "0|1")]
    qr: Option<bool>,
    /// Draw no QR code
    #[arg(long)]
    no_qr: bool,
    /// Leave out of a folder what cannot be read, instead of sending nothing
    #[arg(long)]
    pub(crate) ignore_unsendable_files: bool,
    /// What to do with symbolic links: send what they lead to, or send nothing
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Symlinks::Follow)]
    symlinks: Symlinks,
    /// What to do with names that are not UTF-8: send nothing, or write their odd bytes as %FF
    #[arg(long, value_name = "HOW", value_enum, default_value_t = NonUtf8::Refuse)]
    non_utf8: NonUtf8,
    /// Offer it under this name
    #[arg(long, value_parser = name, conflicts_with = "text")]
    pub(crate) name: Option<SafeName>,
    /// Start a mailbox server in this program, for a computer that reaches this one
    #[arg(long, conflicts_with = "code")]
    pub(crate) local: bool,
    /// The file or folder to send; several become one folder, and - is standard input
    pub(crate) what: Vec<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Symlinks {
    Follow,
    Refuse,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum NonUtf8 {
    Refuse,
    Escape,
}

impl Send {
    /// What to do with what is no ordinary file.
    pub(crate) fn rules(&self) -> transfer::Rules {
        transfer::Rules {
            unsendable: match self.ignore_unsendable_files {
                true => transfer::WhenUnsendable::Skip,
                false => transfer::WhenUnsendable::Refuse,
            },
            symlinks: match self.symlinks {
                Symlinks::Follow => transfer::Symlinks::Follow,
                Symlinks::Refuse => transfer::Symlinks::Refuse,
            },
            non_utf8: match self.non_utf8 {
                NonUtf8::Refuse => transfer::NonUtf8::Refuse,
                NonUtf8::Escape => transfer::NonUtf8::Escape,
            },
        }
    }

    /// Whether to draw a QR code; where nobody says, on terminals.
    pub(crate) fn qr(&self, terminal: bool) -> bool {
        if self.no_qr { false } else { self.qr.unwrap_or(terminal) }
    }
}

#[derive(clap::Args)]
pub(crate) struct Receive {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Accept a file or folder without asking
    #[arg(long, env = "WORMHOLE_ACCEPT_FILE", action = ArgAction::SetTrue,
          value_parser = yes_or_no)]
    pub(crate) accept_file: bool,
    /// Where to put it: a new name, a folder to put it in, or a file to overwrite
    ///
    /// In a folder, what has the offered name already is overwritten only if you say so when asked.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output_file: Option<PathBuf>,
    /// Unpack a .tar, which is what the Rust client sends for a folder, into a folder of its name
    #[arg(long)]
    pub(crate) unpack: bool,
    /// Keep what came of an interrupted transfer as NAME.part-RANDOM, with a note beside it
    #[arg(long)]
    pub(crate) keep_partial: bool,
    /// Try a folder with names that this disk may take for one
    ///
    /// Names that differ only in case or in how a letter is encoded are refused on a disk that takes
    /// some such names for one. With this option the transfer fails only where it does so with these.
    #[arg(long)]
    pub(crate) accept_colliding_names: bool,
    /// Make the code here, to be typed at the sender's
    #[arg(short, long, conflicts_with_all = ["code", "no_code"])]
    pub(crate) allocate: bool,
    /// How many words the code has that is made here or asked for [default: 2]
    #[arg(short = 'c', long, value_name = "NUMBER", value_parser = words, conflicts_with = "code")]
    code_length: Option<usize>,
    /// The code, as the sender shows it; asked for where it is missing, and Tab completes it there
    pub(crate) code: Option<String>,
}

impl Receive {
    /// Where to put it; what is empty names nothing.
    pub(crate) fn output(&self) -> Option<&Path> {
        self.output_file.as_deref().filter(|output| !output.as_os_str().is_empty())
    }

    pub(crate) fn words(&self) -> usize {
        self.code_length.unwrap_or(DEFAULT_WORDS)
    }
}

#[derive(clap::Args)]
pub(crate) struct Timing {
    /// Write the page into this file instead of to standard output
    #[arg(short, long, value_name = "PAGE")]
    pub(crate) output: Option<PathBuf>,
    /// The file of one side, of the sender if there are two
    #[arg(value_name = "FILE")]
    pub(crate) first: PathBuf,
    /// The file of the other side
    #[arg(value_name = "FILE")]
    pub(crate) second: Option<PathBuf>,
}

fn words(text: &str) -> Result<usize, String> {
    let words = text.parse().ok().filter(|words| (1..=MAX_WORDS).contains(words));
    words.ok_or_else(|| format!("expected a number of words from 1 to {MAX_WORDS}"))
}

/// A name under which somebody else may store what is sent.
fn name(text: &str) -> Result<SafeName, &'static str> {
    match text.parse::<SafeName>() {
        Ok(name) if name.as_str() == text => Ok(name),
        _ => Err("expected the name of one file, which is no path and has no control characters"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn transit(words: &[&str]) -> Result<transit::Config, String> {
        let words = ["wormhole", "receive"].iter().chain(words);
        let args = Args::try_parse_from(words).map_err(|refused| refused.to_string())?;
        let Command::Receive(options) = args.command else { panic!("it is no receiver") };
        Ok(args.global.transit(&options.common))
    }

    fn relays_of(words: &[&str]) -> Vec<String> {
        let relays = transit(words).unwrap().relays;
        relays.iter().map(|relay| relay.endpoints[0].to_string()).collect()
    }

    #[test]
    fn relays_are_named_in_several_ways() {
        assert_eq!(relays_of(&["--transit-helper", ""]), [""; 0]);
        let several = ["--transit-helper=tcp:a:1", "--transit-helper=", "--transit-helper=wss://b"];
        assert_eq!(relays_of(&several), ["tcp:a:1", "wss://b"]);
        let spaced = ["--transit-helper", " tcp://a:1\tws://b:2/x  tcp:[::1]:3:priority=2 "];
        assert_eq!(relays_of(&spaced), ["tcp:a:1", "ws://b:2/x", "tcp:[::1]:3"]);
        let refused = transit(&["--transit-helper", "tcp:a:1 http://b"]).unwrap_err();
        assert!(refused.contains("http://b: unknown hint type"), "{refused}");
    }

    #[test]
    fn where_to_listen_is_said_once() {
        let port = |n| NonZeroU16::new(n).unwrap();
        let listen = |words: &[&str]| transit(words).map(|config| config.listen);
        assert_eq!(listen(&[]), Ok(Listen::Any));
        assert_eq!(listen(&["--no-listen"]), Ok(Listen::Never));
        assert_eq!(listen(&["--port", "4010"]), Ok(Listen::Ports(port(4010)..=port(4010))));
        assert_eq!(listen(&["--port=4010-4020"]), Ok(Listen::Ports(port(4010)..=port(4020))));
        for bad in ["0", "x", "4020-4010", "1-65536", "-1", "1-2-3"] {
            assert!(listen(&[&format!("--port={bad}")]).is_err(), "{bad}");
        }
        for other in ["--no-listen", "--force-relay"] {
            assert!(listen(&["--port=1", other]).is_err());
        }
    }

    #[test]
    fn ways_are_switched_off() {
        let ways = |words: &[&str]| transit(words).map(|config| config.ways);
        assert_eq!(ways(&[]), Ok(Ways::All));
        assert_eq!(ways(&["--force-direct"]), Ok(Ways::DirectOnly));
        assert_eq!(ways(&["--force-relay"]), Ok(Ways::RelayOnly));
        assert!(ways(&["--force-relay", "--force-direct"]).is_err());
    }
}
