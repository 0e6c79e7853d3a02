//! The log, on standard error.

use std::{io, str::FromStr};

use tracing_subscriber::{fmt, util::SubscriberInitExt};

/// How the log is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    pub(crate) format: Format,
    /// The least that is written.
    pub(crate) level: tracing::Level,
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
    /// Has everything that is logged from now on written so.
    pub(crate) fn start(self) {
        let log = fmt().with_writer(io::stderr).with_ansi(false).with_target(false);
        let log = log.with_max_level(self.level);
        match self.format {
            Format::Text => log.finish().init(),
            Format::Json => log.json().flatten_event(true).with_current_span(false).finish().init(),
        }
    }
}
