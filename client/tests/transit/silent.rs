//! How long a receiver leaves its sender alone with the relay, by what the sender says of itself.

use serde_json::{Value, json};
use tokio::time::Instant;
use wormhole_client::{
    Wormhole,
    protocol::transit::{Hints, Role},
    transit::{Config, Listen, Transit},
};

use super::{
    peer::{Peer, key, listener},
    scripted::{
        guarded,
        session::{Session, Stage},
    },
    ways::join_at,
};

/// Opens a wormhole whose peer says this of itself.
async fn with(app_versions: Value) -> Wormhole {
    let mut session = Session::at(Stage::Opened).await;
    let (agreed, version) = session.agree().await;
    let pake = session.pake.clone();
    session.echo("pake", &pake).await;
    session.echo("version", version["body"].as_str().unwrap()).await;
    let versions = json!({ "app_versions": app_versions }).to_string();
    session.line.send(&agreed.sealed("version", versions.as_bytes())).await;
    session.wormhole.versions().await.unwrap();
    session.wormhole
}

#[actix::test]
async fn only_a_sender_that_says_nothing_of_itself_is_left_alone() {
    guarded(async {
        let ours = json!({ "abilities": ["transfer-v1"] });
        for (versions, millis) in [(ours, 0), (json!({ "transfer": {} }), 0), (json!({}), 500)] {
            let wormhole = with(versions.clone()).await;
            let (relay, relay_hint) = listener().await;
            let theirs = Hints { relays: vec![relay_hint.into()], ..Hints::default() };
            let config = Config { listen: Listen::Never, relays: Vec::new(), ..Config::default() };
            let receiver = Transit::beside(&wormhole, Role::Receiver, &config).unwrap();
            let receiver = receiver.beside_itself();
            // From here on it goes by itself where all wait, so that all of it is the relay's delay.
            tokio::time::pause();
            let before = Instant::now();
            let key = key();
            let sender = async {
                let relayed = join_at(&relay).await;
                let waited = before.elapsed();
                tokio::time::resume();
                (Peer::meet(relayed, Role::Sender).await, waited)
            };
            let (connected, (_peer, waited)) =
                tokio::join!(receiver.connect(&key, &theirs), sender);
            connected.unwrap();
            // Timers are due at whole milliseconds.
            assert!((millis..=millis + 2).contains(&waited.as_millis()), "{versions} {waited:?}");
        }
    })
    .await;
}
