//! What the mailbox server's word on our address makes of the hints that the peer gets.

use serde_json::{Value, json};
use wormhole_client::{
    protocol::transit::{DirectHint, Hints, Role},
    transfer::{Plan, send},
    transit::{Config, Listen},
};

use super::{
    peer::{port, transit},
    scripted::{
        guarded,
        session::{Session, Stage},
    },
};

/// The hints of a sender with a port of its own, whose server sees it at this address; all of them
/// have that port.
async fn offered(your_address: Value) -> Vec<String> {
    let port = port(&transit(Role::Sender, true, &[])).try_into().unwrap();
    let mut session = Session::at(Stage::Unwelcomed).await;
    session.greet_with(json!({"your-address": your_address})).await;
    session.open().await;
    let agreed = session.verify().await;

    let config = Config { listen: Listen::Ports(port..=port), ..Config::default() };
    let plan = Plan::reader(&"f".parse().unwrap(), 0, std::io::empty());
    let add = tokio::select! {
        sent = send(&session.wormhole, plan, &config, |_| ()) => panic!("{sent:?}"),
        add = session.line.next() => add.unwrap(),
    };
    let message: Value = serde_json::from_slice(&agreed.open(&session.side, "0", &add)).unwrap();
    let Hints { direct, .. } = Hints::read(&message["transit"]["hints-v1"]);
    let name = |hint: DirectHint| {
        assert_eq!(hint.port, port);
        hint.hostname
    };
    direct.into_iter().map(name).collect()
}

#[actix::test]
async fn the_address_at_which_the_server_sees_us_is_offered_with_our_port() {
    guarded(async {
        let mut own = offered(json!({})).await;
        assert_eq!(offered(json!({"ipv4": "198.51.100.77"})).await.pop().unwrap(), "198.51.100.77");
        for useless in ["10.98.97.96", "127.0.0.7", "100.64.98.97"] {
            assert_eq!(offered(json!({"ipv4": useless})).await, own, "{useless}");
        }
        own.push("2001:db8::98:97".to_owned());
        assert_eq!(offered(json!({"ipv6": "2001:db8::98:97"})).await, own);
    })
    .await;
}
