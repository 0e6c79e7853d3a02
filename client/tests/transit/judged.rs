//! What a peer may not make us dial.

use serde_json::json;
use tokio::net::TcpListener;
use wormhole_client::{
    Wormhole,
    protocol::transit::{DirectHint, Endpoint, Hints, RelayHint, Role},
    transit::{Config, Connection, Listen, Transit, TransitError},
};

use super::{
    peer::{Peer, direct, hint, key, listener, transit},
    relay::Relay,
    scripted::{
        guarded,
        session::{Session, Stage},
    },
    ways::settle,
};

/// One whose peer is not on this computer, as far as it knows.
fn remote(role: Role, relays: &[RelayHint]) -> Transit {
    let config = Config { listen: Listen::Never, relays: relays.to_vec(), ..Config::default() };
    Transit::prepare(role, &config).unwrap()
}

fn websocket(url: &str) -> RelayHint {
    Endpoint::WebSocket(url.parse().unwrap()).into()
}

fn relays(relays: impl IntoIterator<Item = RelayHint>) -> Hints {
    Hints { relays: relays.into_iter().collect(), ..Hints::default() }
}

/// Connects in vain, and gives how many addresses were not dialled, and all that is told.
async fn refused(transit: Transit, theirs: &Hints) -> (usize, String) {
    let failed = transit.connect(&key(), theirs).await.err().unwrap();
    let TransitError::AllFailed(tried) = &failed else { panic!("{failed}") };
    assert_eq!((tried.told.len(), tried.more), (0, 0), "{failed}");
    (tried.remarks.undialled, failed.to_string())
}

async fn nobody_came(listener: &TcpListener) {
    tokio::select! {
        biased;
        _ = listener.accept() => panic!("it was dialled"),
        () = settle() => {}
    }
}

#[actix::test]
async fn this_computer_is_not_dialled_for_a_peer_elsewhere() {
    guarded(async {
        let (here, at) = listener().await;
        let port = at.port.get();
        let mut named = ["127.0.0.1", "127.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0", "::"]
            .map(|name| hint(name, port))
            .to_vec();
        named.push(hint("::1", port));
        let (undialled, told) = refused(remote(Role::Receiver, &[]), &direct(named.clone())).await;
        assert_eq!(undialled, named.len(), "{told}");
        let example = format!(
            "cannot reach the peer: 7 addresses that the peer named are not dialled, as direct to \
             127.0.0.1:{port}: that is this computer itself"
        );
        assert_eq!(told, example);

        let named = named.into_iter().take(3).map(RelayHint::from);
        let (undialled, told) = refused(remote(Role::Sender, &[]), &relays(named)).await;
        assert_eq!(undialled, 3, "{told}");
        let named = ["127.0.0.1", "localhost", "[::1]", "[::ffff:7f00:1]"];
        let named = named.map(|host| websocket(&format!("ws://{host}:{port}/")));
        let (undialled, told) = refused(remote(Role::Sender, &[]), &relays(named)).await;
        assert_eq!(undialled, 4, "{told}");
        nobody_came(&here).await;
    })
    .await;
}

#[actix::test]
async fn no_web_server_is_asked_for_what_a_peer_makes_up() {
    guarded(async {
        let (here, at) = listener().await;
        for request in ["/admin/reboot?confirm=yes", "/a%2fb", "/a;b", "?x", "/~root"] {
            let theirs = relays([websocket(&format!("ws://{at}{request}"))]);
            // Not even where the peer may be on this computer.
            let (undialled, told) = refused(transit(Role::Sender, false, &[]), &theirs).await;
            assert_eq!(undialled, 1, "{told}");
            assert!(told.contains("a relay's address has a short path"), "{told}");
        }
        nobody_came(&here).await;
    })
    .await;
}

#[actix::test]
async fn our_own_relay_is_dialled_wherever_it_is() {
    guarded(async {
        for relay in [|relay: &Relay| relay.hint.clone(), |relay: &Relay| relay.websocket.clone()] {
            let running = Relay::start();
            let own = [relay(&running)];
            let (a, b) = (remote(Role::Sender, &own), remote(Role::Receiver, &own));
            // Also where the peer names it.
            let (key, theirs) = (key(), relays(own));
            let both = tokio::join!(a.connect(&key, &theirs), b.connect(&key, &theirs));
            assert!(both.0.unwrap().remarks().is_empty() && both.1.unwrap().remarks().is_empty());
        }
    })
    .await;
}

/// Connects a receiver of this wormhole's to a sender at an address.
async fn beside(wormhole: &Wormhole, at: DirectHint) -> Result<Connection, TransitError> {
    let config = Config { listen: Listen::Never, relays: Vec::new(), ..Config::default() };
    let transit = Transit::beside(wormhole, Role::Receiver, &config).unwrap();
    transit.connect(&key(), direct([at])).await
}

#[actix::test]
async fn a_peer_may_be_on_this_computer_where_the_mailbox_server_is() {
    guarded(async {
        let (here, at) = listener().await;
        // That this server would be here is not enough: there is no connection to it.
        let nowhere = Wormhole::builder("appid", "ws://127.0.0.1:1/v1").open();
        let failed = beside(&nowhere, at.clone()).await.err().unwrap();
        assert!(failed.to_string().contains("this computer itself"), "{failed}");
        nobody_came(&here).await;

        let mut session = Session::at(Stage::Unwelcomed).await;
        session.greet_with(json!({})).await;
        let peer = async {
            let (tcp, _) = here.accept().await.unwrap();
            Peer::meet(tcp, Role::Sender).await
        };
        let (connected, _peer) = tokio::join!(beside(&session.wormhole, at), peer);
        connected.unwrap();
    })
    .await;
}
