//! Joining what others have made: one address cannot end everybody's wormholes, and nobody who
//! knows a code has to wait.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Instant;

use common::{Caller, Embedded};
use serde_json::{Value, json};
use wormhole_server::{Config, Limit, Limits, Proxies, Rules};

/// A server that believes who we say that we are.
struct Stage {
    server: Embedded,
    limits: Limits,
}

/// Somebody who has made a nameplate and waits for the peer.
struct Maker {
    caller: Caller,
    nameplate: String,
}

const MAKERS: &str = "192.0.2.1";
const PEERS: &str = "192.0.2.2";
const STRANGER: &str = "192.0.2.3";

impl Stage {
    fn set(limits: Limits) -> Self {
        let trusted_proxies = Proxies::from_iter(["127.0.0.1".parse().unwrap()]);
        let rules = Rules { trusted_proxies, ..Rules::default() };
        let config = Config { rules: rules.into(), limits: limits.clone(), ..Config::default() };
        Self { server: Embedded::start(config), limits }
    }

    async fn bound(&self, address: &str, side: &str) -> Caller {
        let mut caller = match address {
            // Whoever does not say from where.
            "" => Caller::connect(&self.server.url).await,
            address => Caller::connect_as(&self.server.url, address).await,
        };
        caller.ask(json!({"type": "bind", "appid": "app", "side": side})).await;
        caller
    }

    async fn maker(&self) -> Maker {
        let mut caller = self.bound(MAKERS, "maker").await;
        let allocated = caller.get(json!({"type": "allocate"})).await;
        let nameplate = allocated["nameplate"].as_str().unwrap().to_owned();
        let claimed = caller.get(claim(&nameplate)).await;
        caller.ask(json!({"type": "open", "mailbox": claimed["mailbox"]})).await;
        Maker { caller, nameplate }
    }

    async fn makers(&self, count: usize) -> Vec<Maker> {
        let mut makers = Vec::new();
        for _ in 0..count {
            makers.push(self.maker().await);
        }
        makers
    }

    fn waited(&self) -> u64 {
        self.limits.reached(Limit::AddressJoins)
    }
}

impl Maker {
    /// Says what only one says who has met the right peer.
    async fn go_on(&mut self) {
        self.caller.say(json!({"type": "add", "phase": "0", "body": ""})).await;
        self.caller.until_pong().await;
    }
}

fn claim(nameplate: &str) -> Value {
    json!({"type": "claim", "nameplate": nameplate})
}

/// A stranger lists the nameplates and claims them all, before the peers come: most get through.
#[actix::test]
async fn one_address_does_not_end_every_exchange() {
    let (stage, began) = (Stage::set(Limits::default()), Instant::now());
    let makers = stage.makers(15).await;
    let mut stranger = stage.bound(STRANGER, "stranger").await;
    let listed = stranger.get(json!({"type": "list"})).await;
    assert_eq!(listed["nameplates"].as_array().unwrap().len(), 15);
    let mut strangers = Vec::new();
    for maker in &makers {
        let mut stranger = stage.bound(STRANGER, "stranger").await;
        stranger.say(claim(&maker.nameplate)).await;
        strangers.push(stranger);
    }
    while stage.waited() < 8 {
        tokio::task::yield_now().await;
    }
    let mut crowded = 0;
    for (number, maker) in makers.iter().enumerate() {
        let mut peer = stage.bound(&format!("198.51.100.{number}"), "peer").await;
        crowded += u64::from(peer.get(claim(&maker.nameplate)).await["error"] == "crowded");
    }
    // One every five seconds.
    let taken = 6 + began.elapsed().as_secs() / 5;
    assert!((1..=taken).contains(&crowded), "{crowded} of 15");
    stage.server.stop();
}

/// As at a conference: fifty people behind one address, at the same moment.
#[actix::test]
async fn people_who_know_their_codes_do_not_wait() {
    let stage = Stage::set(Limits::default());
    for number in 0..50 {
        let mut maker = stage.maker().await;
        let mut peer = stage.bound(PEERS, &format!("peer {number}")).await;
        let claimed = peer.get(claim(&maker.nameplate)).await;
        assert_eq!(peer.ask(json!({"type": "open", "mailbox": claimed["mailbox"]})).await.len(), 0);
        peer.get(json!({"type": "add", "phase": "pake", "body": ""})).await;
        maker.go_on().await;
    }
    assert_eq!(stage.waited(), 0);
    stage.server.stop();
}

/// What one's own address has made is no stranger's; nor has anybody a name behind a proxy that
/// tells none.
#[actix::test]
async fn some_do_not_count() {
    for who in [MAKERS, ""] {
        let stage = Stage::set(Limits::default().with(Limit::AddressJoins, 1));
        for maker in stage.makers(5).await {
            let mut peer = stage.bound(who, "peer").await;
            assert_eq!(peer.get(claim(&maker.nameplate)).await["type"], "claimed");
        }
        assert_eq!(stage.waited(), 0, "{who}");
        stage.server.stop();
    }
}

/// The answer is late, but it is none of an error, and comes as soon as it can.
#[actix::test]
async fn who_has_to_wait_is_answered_then() {
    let stage = Stage::set(Limits::default().with(Limit::AddressJoins, 1));
    let mut makers = stage.makers(2).await;
    let mut peer = stage.bound(PEERS, "peer").await;
    assert_eq!(peer.get(claim(&makers[0].nameplate)).await["type"], "claimed");
    peer.get(json!({"type": "release"})).await;
    let mut other = stage.bound(PEERS, "other").await;
    other.say(claim(&makers[1].nameplate)).await;
    while stage.waited() == 0 {
        tokio::task::yield_now().await;
    }
    makers[0].go_on().await;
    assert_eq!(other.hear().await["type"], "ack");
    assert_eq!(other.hear().await["type"], "claimed");
    stage.server.stop();
}

/// Whoever gives up while it waits takes nobody's seat afterwards.
#[actix::test]
async fn who_hangs_up_while_waiting_joins_nothing() {
    let stage = Stage::set(Limits::default().with(Limit::AddressJoins, 1));
    let mut makers = stage.makers(2).await;
    let mut peer = stage.bound(PEERS, "peer").await;
    peer.get(claim(&makers[0].nameplate)).await;
    let mut impatient = stage.bound(PEERS, "impatient").await;
    impatient.say(claim(&makers[1].nameplate)).await;
    while stage.waited() == 0 {
        tokio::task::yield_now().await;
    }
    drop(impatient);
    makers[0].go_on().await;
    let mut peer = stage.bound(PEERS, "right").await;
    assert_eq!(peer.get(claim(&makers[1].nameplate)).await["type"], "claimed");
    stage.server.stop();
}
