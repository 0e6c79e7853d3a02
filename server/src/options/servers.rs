//! Which servers run in one process.

use super::{Opt, table::Group};

/// What a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Servers {
    Mailbox,
    Relay,
    Both,
}

/// What the names of the relay's options begin with. Where it runs alone its command line goes
/// without, as Python's does.
const PREFIX: &str = "relay-";

/// Options that are no less the relay's than the mailbox server's.
const SHARED: [&str; 8] = [
    "host",
    "trusted-proxy",
    "ephemeral",
    "metrics-port",
    "status-socket",
    "drain-seconds",
    "log-format",
    "log-level",
];

impl Servers {
    pub(crate) fn has_mailbox(self) -> bool {
        self != Self::Relay
    }

    pub(crate) fn has_relay(self) -> bool {
        self != Self::Mailbox
    }

    /// Tells whether an option concerns them.
    pub(super) fn heed(self, option: &Opt) -> bool {
        match option.group {
            _ if SHARED.contains(&option.name) => true,
            Group::Relay | Group::RelayLimits => self.has_relay(),
            _ => self.has_mailbox(),
        }
    }

    /// Gives an option's name on the command line.
    pub(super) fn long(self, option: &Opt) -> &'static str {
        match self {
            Self::Relay => option.name.strip_prefix(PREFIX).unwrap_or(option.name),
            Self::Mailbox | Self::Both => option.name,
        }
    }
}
