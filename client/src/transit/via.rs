//! The ways to the peer, in words: the one that was taken, and those that led nowhere.

use std::{fmt, net::SocketAddr, time::Duration};

use wormhole_protocol::transit::{Endpoint, Route};

use super::Remarks;

/// One way to the peer.
///
/// `Display` shows it for people: `direct to 192.0.2.7:4001`, `direct from 192.0.2.7:40001`,
/// `relay relay.example:4001`. A peer made dialled names up: escape them for a terminal.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Way {
    /// We dial.
    Dialled(Route),
    /// The peer dials us.
    Accepted(SocketAddr),
}

impl Way {
    /// Whether there is a relay in between.
    pub fn is_relayed(&self) -> bool {
        matches!(self, Self::Dialled(Route { relayed: true, .. }))
    }

    /// Gives the description that the Python program has: `->tcp:192.0.2.7:4001`,
    /// `<-192.0.2.7:40001`, `->relay:tcp:relay.example:4001` [transit.md: addresses offered].
    pub fn as_in_python(&self) -> String {
        match self {
            Self::Dialled(route) => route.to_string(),
            Self::Accepted(from) => format!("<-{from}"),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Route { endpoint, relayed, .. } = match self {
            Self::Accepted(from) => return write!(f, "direct from {from}"),
            Self::Dialled(route) => route,
        };
        f.write_str(if *relayed { "relay " } else { "direct to " })?;
        match endpoint {
            Endpoint::Tcp(hint) | Endpoint::Tor(hint) => hint.fmt(f),
            Endpoint::WebSocket(url) => url.fmt(f),
        }
    }
}

/// The way by which a connection stands; `Display` shows both, as [`Way`] does.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Via {
    /// The way.
    pub way: Way,
    /// Why it is a relay, where it is one.
    pub detour: Option<Detour>,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detour {
            None => self.way.fmt(f),
            Some(detour) => write!(f, "{}: {detour}", self.way),
        }
    }
}

/// Why a connection goes through a relay, as far as this side knows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Detour {
    /// [`RelayOnly`](super::Ways::RelayOnly) was asked for here.
    Forced,
    /// The peer asked for that.
    ForcedByPeer,
    /// There is nothing to dial.
    NoAddress {
        /// Whether the peer could have dialled us, and did not come.
        listening: bool,
    },
    /// None of the peer's addresses led to it.
    Failed {
        /// What became of the first.
        first: Attempt,
        /// How many there were.
        addresses: usize,
    },
    /// No direct way worked, and some have not failed.
    Slow {
        /// For so long.
        after: Duration,
    },
}

impl fmt::Display for Detour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forced => f.write_str("direct connections are switched off here"),
            Self::ForcedByPeer => {
                f.write_str("direct connections are switched off at the other end")
            }
            Self::NoAddress { listening: false } => {
                f.write_str("the peer offers no address, and nobody can dial us")
            }
            Self::NoAddress { listening: true } => {
                f.write_str("the peer offers no address, and did not reach ours")
            }
            Self::Failed { first, addresses: 1 } => first.fmt(f),
            Self::Failed { first, addresses } => {
                write!(f, "none of {addresses} addresses led to the peer, {first}")
            }
            Self::Slow { after } => {
                write!(f, "no direct connection within {:.1} seconds", after.as_secs_f64())
            }
        }
    }
}

/// One way that led nowhere.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// The way.
    pub way: Way,
    /// Why it led nowhere.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.way, self.reason)
    }
}

/// A way that one side does not use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each says whether it is our side")]
pub enum Off {
    /// Relays.
    Relays { here: bool },
    /// Direct connections.
    Direct { here: bool },
}

impl fmt::Display for Off {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, here) = match self {
            Self::Relays { here } => ("relays", here),
            Self::Direct { here } => ("direct connections", here),
        };
        write!(f, "{what} are switched off {}", if *here { "here" } else { "at the other end" })
    }
}

/// All ways that led nowhere, of which a bounded number is kept.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Attempts {
    /// The first ones.
    pub told: Vec<Attempt>,
    /// How many more there were.
    pub more: usize,
    /// What was not even tried, or came from others.
    pub remarks: Box<Remarks>,
    /// What one of the two sides does not use.
    pub off: Option<Off>,
}

impl Attempts {
    /// The most ways that are kept.
    pub const MAX: usize = 10;
    /// The most of those who dialled us among them: strangers must not crowd out our own.
    const MAX_CALLERS: usize = 2;

    pub(super) fn new(off: Option<Off>) -> Self {
        Self { off, ..Self::default() }
    }

    /// Whether nothing was tried, and nothing else happened.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty() && self.remarks.is_empty()
    }

    pub(super) fn add(&mut self, way: Way, reason: String) {
        let is_caller = |way: &Way| matches!(way, Way::Accepted(_));
        let callers = self.told.iter().filter(|attempt| is_caller(&attempt.way)).count();
        let crowded = is_caller(&way) && callers == Self::MAX_CALLERS;
        if crowded || self.told.len() == Self::MAX {
            self.more += 1;
        } else {
            self.told.push(Attempt { way, reason });
        }
    }
}

/// Shows all on one line, each with its reason.
impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<_> = self.told.iter().map(ToString::to_string).collect();
        if self.more > 0 {
            parts.push(format!("and {} more", self.more));
        }
        if !self.remarks.is_empty() {
            parts.push(self.remarks.to_string());
        }
        parts.extend(self.off.map(|off| off.to_string()));
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::transit::DirectHint;

    use super::*;

    fn dialled(host: &str, relayed: bool) -> Way {
        let hint =
            DirectHint { hostname: host.into(), port: 4001.try_into().unwrap(), priority: 0.0 };
        Way::Dialled(Route { endpoint: Endpoint::Tcp(hint), relayed, over_tor: false })
    }

    fn accepted() -> Way {
        Way::Accepted("[2001:db8::1]:40001".parse().unwrap())
    }

    #[test]
    fn ways_are_shown_for_people_and_as_in_python() {
        let websocket = Endpoint::WebSocket("wss://relay.example/".parse().unwrap());
        let websocket = Way::Dialled(Route { endpoint: websocket, relayed: true, over_tor: false });
        let cases = [
            (dialled("192.0.2.7", false), "direct to 192.0.2.7:4001", "->tcp:192.0.2.7:4001"),
            (accepted(), "direct from [2001:db8::1]:40001", "<-[2001:db8::1]:40001"),
            (dialled("example", true), "relay example:4001", "->relay:tcp:example:4001"),
            (websocket, "relay wss://relay.example/", "->relay:wss://relay.example/"),
        ];
        for (way, shown, as_in_python) in cases {
            assert_eq!((&*way.to_string(), &*way.as_in_python()), (shown, as_in_python));
        }
    }

    #[test]
    fn the_reason_of_a_detour_is_told() {
        let first = Attempt { way: dialled("192.0.2.7", false), reason: "refused".into() };
        let cases = [
            (Detour::Forced, "direct connections are switched off here"),
            (
                Detour::NoAddress { listening: true },
                "the peer offers no address, and did not reach ours",
            ),
            (
                Detour::Failed { first: first.clone(), addresses: 1 },
                "direct to 192.0.2.7:4001: refused",
            ),
            (
                Detour::Failed { first, addresses: 3 },
                "none of 3 addresses led to the peer, direct to 192.0.2.7:4001: refused",
            ),
            (
                Detour::Slow { after: Duration::from_millis(2049) },
                "no direct connection within 2.0 seconds",
            ),
        ];
        for (detour, shown) in cases {
            let via = Via { way: dialled("example", true), detour: Some(detour) };
            assert_eq!(via.to_string(), format!("relay example:4001: {shown}"));
        }
    }

    #[test]
    fn strangers_do_not_crowd_out_what_we_tried() {
        let mut attempts = Attempts::default();
        for _ in 0..1000 {
            attempts.add(accepted(), "a stranger".into());
        }
        attempts.add(dialled("a", false), "refused".into());
        assert_eq!(
            attempts.to_string(),
            "direct from [2001:db8::1]:40001: a stranger; \
             direct from [2001:db8::1]:40001: a stranger; \
             direct to a:4001: refused; and 998 more"
        );
        for _ in 0..1000 {
            attempts.add(dialled("a", false), "refused".into());
        }
        assert_eq!((attempts.told.len(), attempts.more), (Attempts::MAX, 1991));
    }
}
