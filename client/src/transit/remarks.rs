//! What a person should hear of a race, however it ends: what the peer named and we did not dial,
//! and who else dialled us.

use std::{fmt, net::SocketAddr};

use super::{Attempt, Forbidden, Way};

/// What was odd about a race. Names are as the peer gave them: escape them for a terminal.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Remarks {
    /// How many addresses the peer named that are not dialled.
    pub undialled: usize,
    /// One of them, with the reason: the first that is odd, where one is.
    pub example: Option<Attempt>,
    /// How many of them no honest program would name.
    pub odd: usize,
    /// How many connections came from strangers: they did not show that they know the key.
    pub strangers: u64,
    /// Where the first of those came from.
    pub first_stranger: Option<SocketAddr>,
}

impl Remarks {
    /// Whether there is anything that does not happen among honest programs.
    pub fn is_odd(&self) -> bool {
        self.odd > 0 || self.strangers > 0
    }

    /// Whether there is nothing to remark.
    pub fn is_empty(&self) -> bool {
        self.undialled == 0 && self.strangers == 0
    }

    pub(super) fn refused(&mut self, way: Way, reason: Forbidden) {
        self.undialled += 1;
        let odd = !reason.is_ordinary();
        if self.example.is_none() || (odd && self.odd == 0) {
            self.example = Some(Attempt { way, reason: reason.to_string() });
        }
        self.odd += usize::from(odd);
    }

    pub(super) fn stranger(&mut self, from: SocketAddr) {
        self.strangers += 1;
        self.first_stranger.get_or_insert(from);
    }
}

/// Shows all on one line.
impl fmt::Display for Remarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(example) = &self.example {
            match self.undialled {
                1 => write!(f, "an address that the peer named is not dialled: {example}")?,
                n => write!(f, "{n} addresses that the peer named are not dialled, as {example}")?,
            }
        }
        if let Some(from) = self.first_stranger {
            let and = if self.example.is_some() { "; " } else { "" };
            let times = match self.strangers {
                1 => "once".to_owned(),
                n => format!("{n} times"),
            };
            write!(f, "{and}somebody who does not know the key dialled us {times}, from {from}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::transit::{Block, DirectHint, Endpoint, Route};

    use super::*;

    fn way(host: &str) -> Way {
        let hint =
            DirectHint { hostname: host.into(), port: 22.try_into().unwrap(), priority: 0.0 };
        Way::Dialled(Route { endpoint: Endpoint::Tcp(hint), relayed: false, over_tor: false })
    }

    #[test]
    fn all_is_counted_and_the_oddest_is_shown() {
        let mut remarks = Remarks::default();
        assert!(remarks.is_empty());
        remarks.refused(way("10.1.1.1"), Forbidden::Elsewhere(Block::Net10));
        assert!(!remarks.is_odd());
        let ordinary = "an address that the peer named is not dialled: direct to 10.1.1.1:22: we are \
             in no network of 10.0.0.0/8";
        assert_eq!(remarks.to_string(), ordinary);
        remarks.refused(way("127.0.0.1"), Forbidden::Loopback);
        remarks.refused(way("0.0.0.0"), Forbidden::Nowhere);
        for port in 1..=556 {
            remarks.stranger(([192, 0, 2, 7], port).into());
        }
        assert!(remarks.is_odd());
        let all = "3 addresses that the peer named are not dialled, as direct to 127.0.0.1:22: that \
             is this computer itself; somebody who does not know the key dialled us 556 times, from \
             192.0.2.7:1";
        assert_eq!(remarks.to_string(), all);
    }
}
