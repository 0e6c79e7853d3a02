//! The log, on standard error.

use std::{io, str::FromStr};

use tracing::Level;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How the log is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    pub(crate) format: Format,
    /// The least that is written.
    pub(crate) level: Level,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

impl FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

impl Log {
    /// Has everything that is logged from now on written so. Of what this program stands on only
    /// warnings are told: libraries do not know that addresses must not be in a log.
    pub(crate) fn start(self) {
        let of_others = self.level.min(Level::WARN);
        let told = Targets::new()
            .with_default(of_others)
            .with_target(CLIENTS, LevelFilter::OFF)
            .with_target(OWN, self.level);
        let lines = fmt::layer().with_writer(io::stderr).with_ansi(false).with_target(false);
        let log = tracing_subscriber::registry().with(told);
        match self.format {
            Format::Text => log.with(lines).init(),
            Format::Json => {
                log.with(lines.json().flatten_event(true).with_current_span(false)).init();
            }
        }
    }
}

/// What speaks HTTP: each of its lines is the doing of some client, who could fill a disk with them.
const CLIENTS: &str = "actix_http";

/// The library and the program.
const OWN: &str = "wormhole_server";
