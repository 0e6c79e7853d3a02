//! What a peer may make us dial [transit.md: rules for our client].
//!
//! The addresses that the person or our own configuration names are not judged. Names are judged by
//! what they stand for, at the moment in which that is dialled.

use std::net::IpAddr;

use wormhole_protocol::{
    transit::{Block, DirectHint, Endpoint, Scope},
    uri::WebSocketUrl,
};

/// The longest path of a websocket that a peer may name.
const MAX_PATH: usize = 64;
/// The longest name that has an address.
const MAX_NAME: usize = 255;

/// Why something that a peer names is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Forbidden {
    /// It leads to this computer, at which our mailbox server is not.
    #[error("that is this computer itself")]
    Loopback,
    /// It is of a block of which no address of this computer is.
    #[error("we are in no network of {0}")]
    Elsewhere(Block),
    /// It is of one wire, and we do not know of which.
    #[error("that is an address of one wire")]
    LinkLocal,
    /// It is no computer's address.
    #[error("that is no computer's address")]
    Nowhere,
    /// It asks a web server for more than a short path.
    #[error("a relay's address has a short path of plain characters, and nothing behind it")]
    Request,
    /// It is too long for a name.
    #[error("the name is too long")]
    Name,
}

impl Forbidden {
    /// Whether an honest program may well have named it: it does not know in which networks we are.
    pub fn is_ordinary(self) -> bool {
        matches!(self, Self::Elsewhere(_))
    }
}

/// Judges what a peer names, by the networks that this computer is in.
pub(super) struct DialPolicy {
    loopback: bool,
    link_local: bool,
    blocks: Vec<Block>,
}

impl DialPolicy {
    /// Allows the networks that this computer is in now, and itself where `loopback` says so.
    pub(super) fn here(loopback: bool) -> Self {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        Self::among(interfaces.into_iter().map(|interface| interface.ip()), loopback)
    }

    fn among(own: impl Iterator<Item = IpAddr>, loopback: bool) -> Self {
        let mut policy = Self { loopback, link_local: false, blocks: Vec::new() };
        for ip in own {
            match Scope::of(ip) {
                Scope::Private(block) => policy.blocks.push(block),
                Scope::LinkLocal if ip.is_ipv4() => policy.link_local = true,
                _ => {}
            }
        }
        policy
    }

    /// Judges an address, which is dialled next.
    ///
    /// # Errors
    /// [`Forbidden`]. One of IPv6 that belongs to one wire always is: hints do not say to which.
    pub(super) fn address(&self, ip: IpAddr) -> Result<(), Forbidden> {
        match Scope::of(ip) {
            Scope::Global => Ok(()),
            Scope::Loopback if self.loopback => Ok(()),
            Scope::Loopback => Err(Forbidden::Loopback),
            Scope::Private(block) if self.blocks.contains(&block) => Ok(()),
            Scope::Private(block) => Err(Forbidden::Elsewhere(block)),
            Scope::LinkLocal if self.link_local && ip.to_canonical().is_ipv4() => Ok(()),
            Scope::LinkLocal => Err(Forbidden::LinkLocal),
            Scope::Nowhere => Err(Forbidden::Nowhere),
        }
    }

    /// Judges what can be judged of a direct hint before its name is resolved.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub(super) fn hint(&self, hint: &DirectHint) -> Result<(), Forbidden> {
        self.name(&hint.hostname)
    }

    /// Does so of a relay's address.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub(super) fn endpoint(&self, endpoint: &Endpoint) -> Result<(), Forbidden> {
        match endpoint {
            Endpoint::Tcp(hint) | Endpoint::Tor(hint) => self.hint(hint),
            Endpoint::WebSocket(url) => {
                request(url)?;
                self.name(url.host())
            }
        }
    }

    fn name(&self, name: &str) -> Result<(), Forbidden> {
        match name.parse() {
            Ok(ip) => self.address(ip),
            Err(_) if name.len() > MAX_NAME => Err(Forbidden::Name),
            Err(_) => Ok(()),
        }
    }
}

/// A relay takes whatever path it is asked for; a web server may do what it says.
fn request(url: &WebSocketUrl) -> Result<(), Forbidden> {
    let path = url.path_and_query();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/_.-".contains(&b);
    let short = path.len() <= MAX_PATH && path.bytes().all(plain);
    if short { Ok(()) } else { Err(Forbidden::Request) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn policy(own: &[&str], loopback: bool) -> DialPolicy {
        DialPolicy::among(own.iter().map(|ip| ip.parse().unwrap()), loopback)
    }

    fn allowed(policy: &DialPolicy, ip: &str) -> bool {
        policy.address(ip.parse().unwrap()).is_ok()
    }

    #[test]
    fn a_private_address_is_dialled_only_by_who_is_in_such_a_network() {
        let blocks =
            ["10.9.9.9", "172.20.1.1", "192.168.7.7", "100.100.1.1", "198.18.0.5", "fd00::5"];
        let ours = ["10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1", "fc00::1"];
        for (n, own) in ours.iter().enumerate() {
            let policy = policy(&["127.0.0.1", own, "fe80::1"], false);
            for (m, other) in blocks.iter().enumerate() {
                assert_eq!(allowed(&policy, other), n == m, "{own} {other}");
            }
        }
        let mapped = policy(&["192.168.0.1"], false);
        assert!(allowed(&mapped, "::ffff:192.168.4.4"));
        assert!(!allowed(&mapped, "::ffff:10.4.4.4"));
    }

    #[test]
    fn this_computer_is_dialled_only_where_the_mailbox_server_is_on_it() {
        for ip in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(!allowed(&policy(&["127.0.0.1", "::1", "192.0.2.7"], false), ip), "{ip}");
            assert!(allowed(&policy(&["127.0.0.1"], true), ip), "{ip}");
        }
        for ip in ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "64:ff9b::7f00:1"] {
            let verdict = policy(&["127.0.0.1", "192.168.0.1"], true).address(ip.parse().unwrap());
            assert_eq!(verdict, Err(Forbidden::Nowhere), "{ip}");
        }
    }

    #[test]
    fn the_wire_is_dialled_only_by_who_has_an_address_of_it() {
        let (with, without) = (policy(&["169.254.3.3"], true), policy(&["192.0.2.7"], true));
        assert!(allowed(&with, "169.254.169.254") && allowed(&with, "::ffff:169.254.1.1"));
        assert!(!allowed(&without, "169.254.169.254") && !allowed(&without, "::ffff:169.254.1.1"));
        assert!(!allowed(&policy(&["fe80::1", "169.254.3.3"], true), "fe80::2"));
    }

    #[test]
    fn a_peer_cannot_make_up_requests() {
        let judge = |url: &str| {
            policy(&["192.0.2.7"], false).endpoint(&Endpoint::WebSocket(url.parse().unwrap()))
        };
        let longest = format!("wss://relay.example/{}", "x".repeat(MAX_PATH - 1));
        for good in ["ws://192.0.2.1", "wss://relay.example:4002/", "ws://r/a_B-9/v.1", &*longest] {
            assert_eq!(judge(good), Ok(()), "{good}");
        }
        let longer = longest + "x";
        for bad in [
            "ws://192.0.2.1/admin/reboot?confirm=yes",
            "ws://192.0.2.1?reboot",
            "ws://192.0.2.1/a%20b",
            "ws://192.0.2.1/a;b",
            "ws://192.0.2.1/a=b",
            "ws://192.0.2.1/@",
            &*longer,
        ] {
            assert_eq!(judge(bad), Err(Forbidden::Request), "{bad}");
        }
        assert_eq!(judge("ws://127.0.0.1/"), Err(Forbidden::Loopback));
        assert_eq!(judge("ws://[::1]:631/"), Err(Forbidden::Loopback));
        assert_eq!(judge("ws://[::ffff:169.254.169.254]/"), Err(Forbidden::LinkLocal));
        // Neither user information nor fragments are read at all.
        for none in ["ws://user@192.0.2.1/", "ws://u:p@relay.example/", "ws://192.0.2.1/#x"] {
            assert!(none.parse::<WebSocketUrl>().is_err(), "{none}");
        }
    }

    #[test]
    fn names_wait_to_be_resolved_but_not_at_any_length() {
        let hint = |name: &str| DirectHint {
            hostname: name.to_owned(),
            port: 22.try_into().unwrap(),
            priority: 0.0,
        };
        let policy = policy(&["192.0.2.7"], false);
        assert_eq!(policy.hint(&hint("localhost")), Ok(()));
        assert_eq!(policy.hint(&hint(&"x".repeat(256))), Err(Forbidden::Name));
        assert_eq!(policy.hint(&hint("10.1.1.1")), Err(Forbidden::Elsewhere(Block::Net10)));
    }
}
