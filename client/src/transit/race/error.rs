//! Why there is no connection to the peer.

use std::{io, num::NonZeroU16, ops::RangeInclusive, time::Duration};

use wormhole_protocol::transit::Role;

use super::super::{Attempts, Off, Ways};

/// There is no connection to the peer. Names are as the peer gave them: escape them for a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransitError {
    /// Nobody listens, or is allowed to, and there is no relay.
    #[error("there is no way to reach the peer: {}", no_way(*.0))]
    NoWay(Option<Off>),
    /// One side connects directly or not at all, the other by a relay or not at all.
    #[error("there is no way to reach the peer: {}", apart(*.ours))]
    Apart {
        /// What we do.
        ours: Ways,
    },
    /// Every way was tried and failed.
    #[error("cannot reach the peer: {0}")]
    AllFailed(Attempts),
    /// The peer was waited for in vain, and what was tried failed.
    #[error(
        "cannot reach the peer: nobody who knows the key dialled our port {port} within {} \
         seconds{}{tried}",
        .limit.as_secs(),
        if tried.is_empty() && tried.off.is_none() { "" } else { "; " }
    )]
    Timeout {
        /// Where we listened.
        port: NonZeroU16,
        /// How long.
        limit: Duration,
        /// What was tried.
        tried: Attempts,
    },
    /// None of the ports on which we should listen is to be had.
    #[error("cannot listen on port {}: {cause}", shown(.ports))]
    Ports {
        /// Those that were asked for.
        ports: RangeInclusive<NonZeroU16>,
        /// Why the last is not.
        cause: io::Error,
    },
}

impl TransitError {
    /// What the peer of this role's end should hear, which holds nothing of this machine.
    pub(crate) fn for_the_peer(&self, role: Role) -> String {
        let us = match role {
            Role::Sender => "the sender",
            Role::Receiver => "the receiver",
        };
        match self {
            Self::Apart { ours: Ways::RelayOnly } => {
                format!("{us} connects through a relay only, and this side does not")
            }
            Self::Apart { .. } => format!("{us} connects directly only, and this side does not"),
            Self::NoWay(Some(Off::Relays { here: true }))
            | Self::AllFailed(Attempts { off: Some(Off::Relays { here: true }), .. })
            | Self::Timeout {
                tried: Attempts { off: Some(Off::Relays { here: true }), .. }, ..
            } => {
                format!("no direct connection could be made, and {us} uses no relay")
            }
            Self::NoWay(Some(Off::Direct { here: true }))
            | Self::AllFailed(Attempts { off: Some(Off::Direct { here: true }), .. }) => {
                format!("no relay brought us together, and {us} connects in no other way")
            }
            _ => "no connection could be made".to_owned(),
        }
    }
}

fn no_way(off: Option<Off>) -> String {
    match off {
        None => "neither side listens or has a relay".to_owned(),
        Some(off @ Off::Relays { .. }) => format!("neither side listens, and {off}"),
        Some(off @ Off::Direct { .. }) => format!("neither side has a relay, and {off}"),
    }
}

fn apart(ours: Ways) -> &'static str {
    match ours {
        Ways::RelayOnly => "this side connects through a relay only, the other directly only",
        _ => "this side connects directly only, the other through a relay only",
    }
}

fn shown(ports: &RangeInclusive<NonZeroU16>) -> String {
    match (ports.start(), ports.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}
