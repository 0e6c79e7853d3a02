//! Why there is no connection to the peer.

use std::{io, num::NonZeroU16, ops::RangeInclusive, time::Duration};

use wormhole_protocol::{transfer::Refusal, transit::Role};

use super::super::{Attempts, Off, Ways};

/// What a peer hears where one side has switched ways off.
const NOT_DIRECTLY: &str = "no direct connection could be made";
const NOT_BY_RELAY: &str = "no relay brought us together";
const APART: &str = " connects directly only, ";

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
        let name = |here| match if here { role } else { role.peer() } {
            Role::Sender => "the sender",
            Role::Receiver => "the receiver",
        };
        let off = match self {
            Self::Apart { ours } => {
                let by_relay = *ours == Ways::RelayOnly;
                let (direct, relayed) = (name(!by_relay), name(by_relay));
                return format!("{direct}{APART}{relayed} through a relay only");
            }
            Self::NoWay(off) => *off,
            Self::AllFailed(tried) | Self::Timeout { tried, .. } => tried.off,
            Self::Ports { .. } => None,
        };
        match off {
            None => Refusal::NoLink.to_string(),
            Some(Off::Relays { here }) => {
                format!("{NOT_DIRECTLY}, and {} uses no relay", name(here))
            }
            Some(Off::Direct { here }) => {
                format!("{NOT_BY_RELAY}, and {} connects in no other way", name(here))
            }
        }
    }

    /// Tells whether a peer of ours says no more than that it found no way either.
    pub(crate) fn is_told_by(text: &str) -> bool {
        text.starts_with(NOT_DIRECTLY) || text.starts_with(NOT_BY_RELAY) || text.contains(APART)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_hears_who_uses_what() {
        let relays = |here| TransitError::NoWay(Some(Off::Relays { here }));
        let direct = |here| TransitError::AllFailed(Attempts::new(Some(Off::Direct { here })));
        let cases = [
            (relays(true), "no direct connection could be made, and the sender uses no relay"),
            (relays(false), "no direct connection could be made, and the receiver uses no relay"),
            (direct(true), "no relay brought us together, and the sender connects in no other way"),
            (
                direct(false),
                "no relay brought us together, and the receiver connects in no other way",
            ),
            (
                TransitError::Apart { ours: Ways::RelayOnly },
                "the receiver connects directly only, the sender through a relay only",
            ),
            (TransitError::NoWay(None), "no connection could be made"),
        ];
        for (error, told) in cases {
            assert_eq!(error.for_the_peer(Role::Sender), told);
            assert!(TransitError::is_told_by(told) || Refusal::is_of_the_link(told), "{told}");
        }
    }
}
