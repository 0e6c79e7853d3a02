//! Replays `vectors/hints.json`, and reads back whatever is written.
#![allow(clippy::unwrap_used)]

use std::num::NonZeroU16;

use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};
use wormhole_protocol::transit::{
    Abilities, DirectHint, Endpoint, Hints, RelayArgument, RelayArgumentError, RelayHint, Route,
};

fn vectors(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("vectors/hints.json")).unwrap();
    all[name].as_array().unwrap().clone()
}

fn hint(hostname: &str, port: u16, priority: f64) -> DirectHint {
    DirectHint { hostname: hostname.to_owned(), port: NonZeroU16::new(port).unwrap(), priority }
}

/// Reads `["DirectTCPV1Hint", HOST, PORT, PRIORITY]` as the recorder wrote it.
fn recorded(parsed: &Value) -> Endpoint {
    let port = parsed[2].as_u64().unwrap().try_into().unwrap();
    let hint = hint(parsed[1].as_str().unwrap(), port, parsed[3].as_f64().unwrap());
    match parsed[0].as_str().unwrap() {
        "DirectTCPV1Hint" => Endpoint::Tcp(hint),
        "TorTCPV1Hint" => Endpoint::Tor(hint),
        other => panic!("unknown class {other}"),
    }
}

fn endpoints(hints: &Hints) -> Vec<Endpoint> {
    let direct = hints.direct.iter().cloned().map(Endpoint::Tcp);
    direct.chain(hints.tor.iter().cloned().map(Endpoint::Tor)).collect()
}

#[test]
fn single_hints() {
    for case in vectors("parse_one") {
        let read = endpoints(&Hints::read(&json!([case["hint"]])));
        let port = &case["hint"]["port"];
        let expected = match &case["parsed"] {
            // Python takes any integer, and a truth value for one; we take 1 to 65535.
            Value::Array(_) if !matches!(port.as_u64(), Some(1..=65535)) => vec![],
            // Python keeps a priority that is no number; we take the default instead.
            Value::Array(it) if it[3] == "x" => vec![Endpoint::Tcp(hint("foo", 1234, 0.0))],
            Value::Null => vec![],
            parsed => vec![recorded(parsed)],
        };
        assert_eq!(read, expected, "{case}");
    }
}

#[test]
fn lists() {
    for case in vectors("add_list") {
        let read = Hints::read(&case["hints"]);
        let result = match &case["result"] {
            // Python crashes on what is no list or no object; we leave it out.
            Value::String(_) => json!({ "direct": [], "relay": [] }),
            result => result.clone(),
        };
        let direct: Vec<_> = result["direct"].as_array().unwrap().iter().map(recorded).collect();
        assert_eq!(endpoints(&read), direct, "{case}");
        let relays = result["relay"].as_array().unwrap();
        let relays: Vec<Vec<_>> =
            relays.iter().map(|r| r.as_array().unwrap().iter().map(recorded).collect()).collect();
        assert_eq!(read.relays.iter().map(tcp_endpoints).collect::<Vec<_>>(), relays, "{case}");
    }
}

/// The addresses of a relay that Python knows; it skips websockets, which we keep.
fn tcp_endpoints(relay: &RelayHint) -> Vec<Endpoint> {
    let tcp = relay.endpoints.iter().filter(|endpoint| !matches!(endpoint, Endpoint::WebSocket(_)));
    tcp.cloned().collect()
}

#[test]
fn both_spellings_of_websocket_are_kept() {
    let list = json!([{ "type": "relay-v1", "hints": [
        { "type": "websocket", "url": "ws://r" },
        { "type": "websocket-v1", "url": "wss://r:443/x" },
        { "type": "websocket", "url": "http://r" },
        { "type": "websocket" },
    ]}]);
    let urls = ["ws://r", "wss://r:443/x"].map(|url| Endpoint::WebSocket(url.parse().unwrap()));
    assert_eq!(Hints::read(&list).relays[0].endpoints, urls);
}

#[test]
fn command_line_relays() {
    use RelayArgumentError as E;
    for case in vectors("command_line") {
        let argument = case["argument"].as_str().unwrap();
        let expected = match argument {
            // For Python's option, too, the empty text means no relay.
            "" => Ok(RelayArgument::NoRelay),
            // The form of Rust programs, which Python takes for a host named `//host`.
            "tcp://host:4001" => Ok(relay("host", 4001, 0.0)),
            // Python has no websockets.
            url if url.starts_with("ws:") => {
                Ok(RelayArgument::Relay(Endpoint::WebSocket(url.parse().unwrap())))
            }
            // Python checks neither the port's range nor that there is a host.
            "tcp:1.2.3.4:99999" => Err(E::Port),
            "tcp::1234" => Err(E::Host),
            // Python sees no brackets here and complains about a port; both refuse.
            "tcp:[fe80::1%eth0]:1" => Err(E::Ipv6),
            "tcp:[2001:0db8:85a3::8a2e:0370:7334]" => Err(E::MoreColons),
            _ => match &case["parsed"] {
                Value::Null => Err(complaint(case["stderr"].as_str().unwrap())),
                it => Ok(relay(
                    it[0].as_str().unwrap(),
                    it[1].as_u64().unwrap().try_into().unwrap(),
                    it[2].as_f64().unwrap(),
                )),
            },
        };
        assert_eq!(argument.parse(), expected, "{argument}");
    }
}

fn relay(hostname: &str, port: u16, priority: f64) -> RelayArgument {
    RelayArgument::Relay(Endpoint::Tcp(hint(hostname, port, priority)))
}

fn complaint(stderr: &str) -> RelayArgumentError {
    use RelayArgumentError as E;
    let known = [
        ("unparseable hint", E::NotAHint),
        ("unknown hint type", E::UnknownType),
        ("unparseable TCP hint (need more colons)", E::MoreColons),
        ("invalid IPv6 address", E::Ipv6),
        ("non-numeric port", E::Port),
        ("non-float priority=", E::Priority),
    ];
    known.into_iter().find(|(text, _)| stderr.starts_with(text)).unwrap().1
}

#[test]
fn relays_in_other_forms() {
    let accepted = |text: &str| match text.parse() {
        Ok(RelayArgument::Relay(Endpoint::Tcp(hint))) => (hint.hostname, hint.port.get()),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(accepted("tcp://[2001:db8::1]:80/"), ("2001:db8::1".to_owned(), 80));
    assert_eq!(accepted(RelayArgument::DEFAULT), ("transit.magic-wormhole.io".to_owned(), 4001));
    for port in ["0", "+80", "-1", "65536", " 80"] {
        let argument = format!("tcp:host:{port}");
        assert_eq!(argument.parse::<RelayArgument>(), Err(RelayArgumentError::Port), "{argument}");
    }
    for url in ["ws://relay.example", "wss://[2001:db8::1]:443/path?query"] {
        let websocket = Endpoint::WebSocket(url.parse().unwrap());
        assert_eq!(url.parse(), Ok(RelayArgument::Relay(websocket)));
    }
    for url in ["ws:relay.example", "ws://", "wss://user@relay.example", "ws://relay.example:0"] {
        let refused = url.parse::<RelayArgument>();
        assert!(matches!(refused, Err(RelayArgumentError::WebSocket(_))), "{url}: {refused:?}");
    }
    for priority in ["inf", "nan", "1e999"] {
        let argument = format!("tcp:host:1:priority={priority}");
        assert_eq!(argument.parse::<RelayArgument>(), Err(RelayArgumentError::Priority));
    }
}

#[test]
fn written_hints() {
    for case in vectors("encode") {
        let encoded = &case["encoded"];
        let mut hints = Hints::default();
        match case["kind"].as_str().unwrap() {
            "direct" => hints.direct.push(hint("host", 1234, 1.0)),
            "tor" => hints.tor.push(hint("x.onion", 1, 0.0)),
            "relay" => hints.relays.push(RelayHint {
                name: None,
                endpoints: vec![
                    Endpoint::Tcp(hint("foo", 12, 0.0)),
                    Endpoint::Tcp(hint("bar", 13, 0.5)),
                ],
            }),
            other => panic!("unknown kind {other}"),
        }
        assert_eq!(hints.write(), json!([encoded]));
    }
    assert_eq!(Abilities::ALL.write(), Value::from(vectors("abilities_python")));
    // Some peers reject the whole message for a relay without its list.
    let empty = RelayHint { name: None, endpoints: vec![] };
    assert_eq!(Hints { relays: vec![empty], ..Hints::default() }.write(), json!([]));
}

#[test]
fn descriptions() {
    for case in vectors("describe") {
        let endpoint = match case["kind"].as_str().unwrap() {
            "DirectTCPV1Hint" => Endpoint::Tcp(hint("host", 1234, 0.0)),
            "TorTCPV1Hint" => Endpoint::Tor(hint("h.onion", 1, 0.0)),
            other => panic!("unknown class {other}"),
        };
        let [relayed, over_tor] = ["relay", "tor"].map(|key| case[key].as_bool().unwrap());
        let route = Route { endpoint, relayed, over_tor };
        assert_eq!(route.to_string(), case["text"].as_str().unwrap());
    }
}

#[test]
fn a_flood_of_hints_is_cut_off() {
    let direct = |i| json!({ "type": "direct-tcp-v1", "hostname": "a", "port": i });
    let relay = |i| json!({ "type": "relay-v1", "hints": vec![direct(i); 9] });
    let list: Value = (1..200).flat_map(|i| [direct(i), relay(i)]).collect();
    let hints = Hints::read(&list);
    assert_eq!(hints.direct.len(), Hints::MAX_DIRECT);
    assert_eq!(hints.relays.len(), Hints::MAX_RELAYS);
    assert_eq!(hints.relays[0].endpoints.len(), RelayHint::MAX_ENDPOINTS);
}

fn any_hint() -> impl Strategy<Value = DirectHint> {
    (".+", 1..=u16::MAX, -1e9..1e9).prop_map(|(host, port, priority)| hint(&host, port, priority))
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    prop_oneof![
        any_hint().prop_map(Endpoint::Tcp),
        any_hint().prop_map(Endpoint::Tor),
        "wss?://[a-z0-9.-]{1,9}(:[1-9][0-9]{0,3})?(/[a-z]*)?"
            .prop_map(|url| Endpoint::WebSocket(url.parse().unwrap())),
    ]
}

fn any_relay() -> impl Strategy<Value = RelayHint> {
    let endpoints = vec(any_endpoint(), 1..=RelayHint::MAX_ENDPOINTS);
    (option::of(".*"), endpoints).prop_map(|(name, endpoints)| RelayHint { name, endpoints })
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = "(type|hostname|port|priority|hints|url|name|direct-tcp-v1|relay-v1|websocket|a)";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::hash_map(words, inner, 0..8)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        direct in vec(any_hint(), 0..4),
        tor in vec(any_hint(), 0..4),
        relays in vec(any_relay(), 0..3),
    ) {
        let mut hints = Hints { direct, tor, relays };
        hints.relays.dedup();
        prop_assert_eq!(Hints::read(&hints.write()), hints);
    }

    #[test]
    fn abilities_read_back(direct_tcp: bool, relay: bool) {
        let abilities = Abilities { direct_tcp, relay };
        prop_assert_eq!(Abilities::read(&abilities.write()), abilities);
    }

    #[test]
    fn relay_arguments_read_back(
        hostname in "[a-zA-Z0-9._-]{1,20}|[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}|::1",
        port in 1..=u16::MAX,
        priority in -1e9..1e9,
    ) {
        let argument = relay(&hostname, port, priority);
        prop_assert_eq!(argument.to_string().parse(), Ok(argument));
    }

    #[test]
    fn one_bad_item_costs_only_itself(bad in any_json(), good in any_hint()) {
        let hints = Hints { direct: vec![good.clone()], ..Hints::default() };
        let [written] = hints.write().as_array().unwrap().clone().try_into().unwrap();
        let read = Hints::read(&json!([bad, written]));
        prop_assert_eq!(read.direct.last(), Some(&good));
        prop_assert_eq!(Hints::read(&read.write()), read);
    }

    #[test]
    fn any_text_as_argument_is_judged(text in "(tcp:|wss?://)?\\PC*") {
        if let Ok(argument) = text.parse::<RelayArgument>() {
            prop_assert_eq!(argument.to_string().parse(), Ok(argument));
        }
    }
}
