//! `kill -9` in the middle of a load: whatever was answered is there after the next start.
//!
//! Ten rounds; `WORMHOLE_CRASH_ROUNDS` sets another number, 200 for a soak.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    env,
};

use common::{Caller, Process};
use futures_util::{FutureExt, future::join_all};
use serde_json::{Value, json};

const CALLERS: usize = 6;

/// What one client was told, over all rounds.
#[derive(Default)]
struct Told {
    /// Its mailbox, since the first claim.
    mailbox: Option<Value>,
    /// Echoes by phase: when the server got the message.
    messages: BTreeMap<String, Value>,
    /// The nameplates that it holds for certain, and those of which it cannot know.
    held: BTreeSet<String>,
    unknown: BTreeSet<String>,
    sent: usize,
}

impl Told {
    /// Sends without waiting and takes note of what comes back, until the connection ends. `left`
    /// counts down to the kill.
    async fn load(&mut self, number: usize, url: &str, left: &Cell<usize>) {
        let side = format!("side-{number}");
        let Some(mut caller) = Caller::try_bound(url, &side).await else { return };
        let mailbox = self.mailbox.clone().unwrap_or_else(|| json!(format!("mailbox-{number}")));
        caller.say(json!({"type": "open", "mailbox": mailbox})).await;
        let mut ahead = 0_usize;
        loop {
            // A few on their way, so that the kill finds some in every state.
            while ahead < 8 {
                let phase = format!("{number}-{}", self.sent);
                self.sent += 1;
                ahead += 1;
                caller.say(json!({"type": "add", "phase": phase, "body": "5a".repeat(50)})).await;
            }
            let frame = caller.hear().await;
            match frame["type"].as_str() {
                None => return,
                Some("message") => {
                    let phase = frame["phase"].as_str().unwrap().to_owned();
                    let known = self.messages.insert(phase, frame["server_rx"].clone());
                    if known.is_none() && frame["side"] == side.as_str() {
                        ahead = ahead.saturating_sub(1);
                        self.mailbox = Some(mailbox.clone());
                        left.set(left.get().saturating_sub(1));
                        if left.get() == 0 {
                            return;
                        }
                    }
                }
                Some(_) => (),
            }
        }
    }

    /// Claims one nameplate and releases another, each on a connection of its own.
    async fn trade(&mut self, round: usize, number: usize, url: &str) {
        let name = format!("{}", 2_000_000 + round * CALLERS + number);
        let side = format!("side-{number}");
        let old = self.held.pop_first();
        for (verb, name) in [("claim", Some(name)), ("release", old)] {
            let Some(name) = name else { continue };
            let Some(mut caller) = Caller::try_bound(url, &side).await else { return };
            self.unknown.insert(name.clone());
            caller.say(json!({"type": verb, "nameplate": name})).await;
            loop {
                match caller.hear().await["type"].as_str() {
                    None => return,
                    Some("claimed") => self.held.insert(name.clone()),
                    Some("released") => false,
                    Some(_) => continue,
                };
                self.unknown.remove(&name);
                break;
            }
        }
    }

    /// Compares what was told with what is there.
    async fn check(&mut self, number: usize, url: &str) {
        let mut caller = Caller::bound(url, &format!("side-{number}")).await;
        let Some(mailbox) = &self.mailbox else { return };
        let replayed = caller.ask(json!({"type": "open", "mailbox": mailbox})).await;
        let mut there: BTreeMap<&str, &Value> = BTreeMap::new();
        for message in &replayed {
            let known = there.insert(message["phase"].as_str().unwrap(), &message["server_rx"]);
            assert_eq!(known, None, "nothing is there twice");
        }
        for (phase, server_rx) in &self.messages {
            assert_eq!(there.get(phase.as_str()), Some(&server_rx), "{phase} was echoed");
        }
    }
}

async fn listed(url: &str) -> BTreeSet<String> {
    let mut caller = Caller::bound(url, "list").await;
    let listed = caller.get(json!({"type": "list"})).await;
    let names = listed["nameplates"].as_array().unwrap().iter();
    names.map(|name| name["id"].as_str().unwrap().to_owned()).collect()
}

#[actix::test]
async fn what_was_answered_survives_every_kill() {
    let rounds = env::var("WORMHOLE_CRASH_ROUNDS").map_or(10, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("relay.sqlite");
    let mut clients: Vec<Told> = (0..CALLERS).map(|_| Told::default()).collect();
    let mut acknowledged = 0;
    for round in 0..rounds {
        let server = Process::start(&database);
        let url = server.url.clone();
        for (number, client) in clients.iter_mut().enumerate() {
            client.check(number, &url).await;
        }
        let names = listed(&url).await;
        let held: BTreeSet<String> = clients.iter().flat_map(|c| c.held.clone()).collect();
        let unknown: BTreeSet<String> = clients.iter().flat_map(|c| c.unknown.clone()).collect();
        assert!(held.is_subset(&names), "claims are kept: {held:?} {names:?}");
        assert!(names.iter().all(|n| held.contains(n) || unknown.contains(n)), "{names:?}");

        // Another moment in every round.
        let left = Cell::new(50 + round * 37 % 211);
        let loads = clients.iter_mut().enumerate().map(|(number, client)| {
            let (left, url) = (&left, url.as_str());
            async move {
                client.trade(round, number, url).await;
                client.load(number, url, left).await;
            }
            .boxed_local()
        });
        // The first that has counted down leaves; the others still talk when the server dies.
        let (_, _, others) = futures_util::future::select_all(loads).await;
        server.kill();
        join_all(others).await;
        acknowledged = clients.iter().map(|client| client.messages.len()).sum();
    }
    assert!(acknowledged > rounds * 50, "{acknowledged} messages were acknowledged");
}
