//! From where an address can be reached, as the registries of special addresses say (RFC 6890 and
//! its successors).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// From everywhere, and it is the same computer everywhere.
    Global,
    /// From within one network; another has other computers at the same addresses.
    Private(Block),
    /// From the same wire only.
    LinkLocal,
    /// From the computer itself.
    Loopback,
    /// From nowhere: it is nobody's, or that of many.
    Nowhere,
}

/// A block of addresses which every network may give out as it likes; `Display` shows it as
/// `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "what they are called is what they are")]
pub enum Block {
    Net10,
    Net172_16,
    Net192_168,
    /// What providers have between their customers and the world, and some virtual networks use.
    Net100_64,
    /// For measurements; some proxies answer names with these.
    Net198_18,
    UniqueLocal,
}

impl Scope {
    /// Gives the scope of an address. An IPv6 address that stands for one of IPv4 has that one's,
    /// or leads nowhere where a translator would have to send what is for its own network.
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => of_v4(ip),
            IpAddr::V6(ip) => of_v6(ip),
        }
    }
}

fn of_v4(ip: Ipv4Addr) -> Scope {
    match ip.octets() {
        [0, ..] | [192, 0, 0, _] | [224..=255, ..] => Scope::Nowhere,
        [10, ..] => Scope::Private(Block::Net10),
        [100, 64..=127, ..] => Scope::Private(Block::Net100_64),
        [127, ..] => Scope::Loopback,
        [169, 254, ..] => Scope::LinkLocal,
        [172, 16..=31, ..] => Scope::Private(Block::Net172_16),
        [192, 168, ..] => Scope::Private(Block::Net192_168),
        [198, 18..=19, ..] => Scope::Private(Block::Net198_18),
        _ => Scope::Global,
    }
}

fn of_v6(ip: Ipv6Addr) -> Scope {
    if let Some(ip) = ip.to_ipv4_mapped() {
        return of_v4(ip);
    }
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Scope::Loopback,
        // NAT64, 6to4, Teredo.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => translated(high, low),
        [0x2001, 0, .., high, low] => translated(!high, !low),
        [0xfc00..=0xfdff, ..] => Scope::Private(Block::UniqueLocal),
        [0xfe80..=0xfebf, ..] => Scope::LinkLocal,
        // All that is given out.
        [0x2000..=0x3fff, ..] => Scope::Global,
        _ => Scope::Nowhere,
    }
}

/// The scope of an address at which a translator takes what is for one of IPv4.
fn translated(high: u16, low: u16) -> Scope {
    let [[a, b], [c, d]] = [high, low].map(u16::to_be_bytes);
    match of_v4(Ipv4Addr::new(a, b, c, d)) {
        Scope::Global => Scope::Global,
        _ => Scope::Nowhere,
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Net10 => "10.0.0.0/8",
            Self::Net172_16 => "172.16.0.0/12",
            Self::Net192_168 => "192.168.0.0/16",
            Self::Net100_64 => "100.64.0.0/10",
            Self::Net198_18 => "198.18.0.0/15",
            Self::UniqueLocal => "fc00::/7",
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_address_is_known() {
        use Block::*;
        let cases: &[(Scope, &[&str])] = &[
            (Scope::Global, &["9.255.255.255", "11.0.0.0", "100.63.0.1", "100.128.0.1"]),
            (Scope::Global, &["126.1.1.1", "128.0.0.1", "169.253.0.1", "169.255.0.1"]),
            (Scope::Global, &["172.15.0.1", "172.32.0.1", "192.167.0.1", "192.169.0.1"]),
            (Scope::Global, &["192.0.2.7", "198.51.100.7", "203.0.113.7", "223.255.255.255"]),
            (Scope::Global, &["2001:db8::7", "2a00::1", "3fff::1", "::ffff:192.0.2.7"]),
            (Scope::Global, &["64:ff9b::192.0.2.7", "2002:c000:207::1"]),
            // Teredo, whose last 32 bits are those of 192.0.2.7, inverted.
            (Scope::Global, &["2001:0:1:2:3:4:3fff:fdf8"]),
            (Scope::Private(Net10), &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"]),
            (Scope::Private(Net172_16), &["172.16.0.1", "172.31.255.255"]),
            (Scope::Private(Net192_168), &["192.168.0.1", "::ffff:192.168.1.1"]),
            (Scope::Private(Net100_64), &["100.64.0.1", "100.127.255.255"]),
            (Scope::Private(Net198_18), &["198.18.0.1", "198.19.255.255"]),
            (Scope::Private(UniqueLocal), &["fc00::1", "fd12:3456::1"]),
            (Scope::LinkLocal, &["169.254.169.254", "::ffff:169.254.1.1", "fe80::1", "febf::1"]),
            (Scope::Loopback, &["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"]),
            (Scope::Nowhere, &["0.0.0.0", "0.1.2.3", "192.0.0.1", "224.0.0.1", "240.0.0.1"]),
            (Scope::Nowhere, &["255.255.255.255", "::", "::127.0.0.1", "::ffff:0.0.0.0"]),
            (Scope::Nowhere, &["ff02::1", "fec0::1", "100::1", "4000::1", "1fff::1"]),
            (Scope::Nowhere, &["64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1"]),
            (Scope::Nowhere, &["2002:7f00:1::1", "2002:c0a8:101::1", "2001:0:1:2:3:4:80ff:fffe"]),
        ];
        for (scope, addresses) in cases {
            for ip in *addresses {
                assert_eq!(Scope::of(ip.parse().unwrap()), *scope, "{ip}");
            }
        }
    }
}
