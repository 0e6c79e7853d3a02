//! The client's address, as the server's welcome tells it [mailbox-server.md: welcome].

use std::net::IpAddr;

use serde_json::{Map, Value};

/// Reads `your-address` of a welcome: where the server sees us. `None` where it does not say so in
/// the form `{"port": NUMBER, "ipv4": TEXT}` or `{"port": NUMBER, "ipv6": TEXT}`.
pub fn your_address(welcome: &Map<String, Value>) -> Option<IpAddr> {
    let address = welcome.get("your-address")?;
    let read = |family| address.get(family)?.as_str()?.parse::<IpAddr>().ok();
    match (read("ipv4"), read("ipv6")) {
        (Some(ip @ IpAddr::V4(_)), _) | (None, Some(ip @ IpAddr::V6(_))) => Some(ip),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_of_either_family_is_read() {
        let read =
            |address: Value| your_address(json!({ "your-address": address }).as_object().unwrap());
        assert_eq!(read(json!({"port": 1, "ipv4": "192.0.2.7"})), "192.0.2.7".parse().ok());
        assert_eq!(read(json!({"port": 1, "ipv6": "2001:db8::7"})), "2001:db8::7".parse().ok());
        for odd in [
            json!(null),
            json!("192.0.2.7"),
            json!({}),
            json!({"ipv4": "x"}),
            json!({"ipv4": "::1"}),
            json!({"ipv6": "192.0.2.7"}),
            json!({"ipv4": 7, "ipv6": null}),
        ] {
            assert_eq!(read(odd.clone()), None, "{odd}");
        }
        assert_eq!(your_address(&Map::new()), None);
    }
}
