//! A test for each limit: what is too much is refused with the limit's name and counted, and what
//! is within it goes on.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use awc::ws::Message;
use common::{Caller, Embedded, text_frame, upgrade};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use wormhole_server::{Config, Database, Limit, Limits, Permission};

/// A server with one limit set, and its counts.
struct Stage {
    server: Embedded,
    limits: Limits,
    limit: Limit,
}

impl Stage {
    fn set(limit: Limit, most: u64) -> Self {
        Self::with(limit, most, Config::default())
    }

    fn with(limit: Limit, most: u64, config: Config) -> Self {
        let limits = config.limits.clone().with(limit, most);
        let server = Embedded::start(Config { limits: limits.clone(), ..config });
        Self { server, limits, limit }
    }

    async fn caller(&self, side: &str) -> Caller {
        Caller::bound(&self.server.url, side).await
    }

    fn refusal(&self) -> String {
        let most = self.limits.most(self.limit).unwrap();
        format!("limit reached: at most {most} {}", self.limit.what())
    }

    /// The command is refused for the limit.
    async fn refuses(&self, caller: &mut Caller, command: Value) {
        let before = self.limits.reached(self.limit);
        let refused = caller.get(command.clone()).await;
        assert_eq!(refused["error"], self.refusal(), "{command}");
        assert_eq!(refused["orig"]["type"], command["type"]);
        assert_eq!(self.limits.reached(self.limit), before + 1);
    }

    /// The connection hears of the limit, and ends.
    async fn ends(&self, mut caller: Caller) {
        assert_eq!(caller.hear().await["error"], self.refusal());
        assert_eq!(caller.hear().await, Value::Null);
        assert!(self.limits.reached(self.limit) >= 1);
    }

    /// A fresh normal session works.
    async fn done(self) {
        let mut caller = self.caller("last").await;
        assert_eq!(caller.get(json!({"type": "list"})).await["type"], "nameplates");
        self.server.stop();
    }
}

fn add(body: &str) -> Value {
    json!({"type": "add", "phase": "p", "body": body})
}

fn open(mailbox: &str) -> Value {
    json!({"type": "open", "mailbox": mailbox})
}

fn claim(nameplate: &str) -> Value {
    json!({"type": "claim", "nameplate": nameplate})
}

#[actix::test]
async fn frame_bytes() {
    let stage = Stage::set(Limit::FrameBytes, 500);
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    caller.get(add(&"0".repeat(400))).await;
    caller.say(add(&"0".repeat(500))).await;
    stage.ends(caller).await;
    stage.done().await;
}

#[actix::test]
async fn frames_of_two_mebibytes_are_taken_by_default() {
    let server = Embedded::start(Config::default());
    let mut caller = Caller::bound(&server.url, "a").await;
    let mut ping = json!({"type": "ping", "ping": ""});
    ping["ping"] = " ".repeat((2 << 20) - ping.to_string().len()).into();
    assert_eq!(ping.to_string().len(), 2 << 20);
    assert_eq!(caller.get(ping.clone()).await["pong"], ping["ping"]);
    server.stop();
}

#[actix::test]
async fn body_bytes() {
    let stage = Stage::set(Limit::BodyBytes, 10);
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    stage.refuses(&mut caller, add("01234567890")).await;
    assert_eq!(caller.get(add("0123456789")).await["type"], "message");
    stage.done().await;
}

#[actix::test]
async fn identifier_bytes() {
    let stage = Stage::set(Limit::IdentifierBytes, 10);
    let long = "x".repeat(11);
    let mut caller = Caller::connect(&stage.server.url).await;
    stage.refuses(&mut caller, json!({"type": "bind", "appid": long, "side": "a"})).await;
    stage.refuses(&mut caller, json!({"type": "bind", "appid": "app", "side": long})).await;
    caller.ask(json!({"type": "bind", "appid": "app", "side": "a"})).await;
    stage.refuses(&mut caller, open(&long)).await;
    caller.ask(open("m")).await;
    let mut command = add("");
    command["phase"] = long.into();
    stage.refuses(&mut caller, command).await;
    stage.done().await;
}

#[actix::test]
async fn json_depth() {
    let stage = Stage::set(Limit::JsonDepth, 3);
    let mut caller = stage.caller("a").await;
    caller.get(json!({"type": "ping", "ping": [[]]})).await;
    caller.say(json!({"type": "ping", "ping": [[[]]]})).await;
    let refused = caller.hear().await;
    assert_eq!((&refused["error"], refused.get("orig")), (&stage.refusal().into(), None));
    assert_eq!(stage.limits.reached(Limit::JsonDepth), 1);
    stage.done().await;
}

#[actix::test]
async fn mailbox_messages_and_a_restart_does_not_empty_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::File(folder.path().join("relay.sqlite"));
    let config = Config { database, ..Config::default() };
    let stage = Stage::with(Limit::MailboxMessages, 2, config.clone());
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    for _ in 0..2 {
        assert_eq!(caller.get(add("")).await["type"], "message");
    }
    stage.refuses(&mut caller, add("")).await;
    stage.done().await;

    let stage = Stage::with(Limit::MailboxMessages, 2, config);
    let mut caller = stage.caller("a").await;
    assert_eq!(caller.ask(open("m")).await.len(), 2);
    stage.refuses(&mut caller, add("")).await;
    stage.done().await;
}

#[actix::test]
async fn mailbox_bytes() {
    let stage = Stage::set(Limit::MailboxBytes, 100);
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    assert_eq!(caller.get(add(&"0".repeat(98))).await["type"], "message");
    stage.refuses(&mut caller, add("")).await;
    let mut other = stage.caller("b").await;
    other.ask(open("n")).await;
    assert_eq!(other.get(add("")).await["type"], "message");
    stage.done().await;
}

#[actix::test]
async fn connection_nameplates() {
    let stage = Stage::set(Limit::ConnectionNameplates, 1);
    let mut caller = stage.caller("a").await;
    caller.get(json!({"type": "allocate"})).await;
    stage.refuses(&mut caller, claim("77")).await;
    let mut other = stage.caller("b").await;
    assert_eq!(other.get(claim("77")).await["type"], "claimed");
    stage.done().await;
}

#[actix::test]
async fn address_nameplates_until_one_is_released() {
    let config = Config { hold_down: Duration::ZERO, ..Config::default() };
    let stage = Stage::with(Limit::AddressNameplates, 2, config);
    let mut one = stage.caller("a").await;
    one.get(claim("7")).await;
    let mut two = stage.caller("b").await;
    two.get(claim("8")).await;
    drop(two);
    let mut three = stage.caller("c").await;
    stage.refuses(&mut three, json!({"type": "allocate"})).await;
    assert_eq!(three.get(claim("7")).await["type"], "claimed", "it is there already");
    let mut four = stage.caller("d").await;
    stage.refuses(&mut four, claim("9")).await;
    let mut two = stage.caller("b").await;
    two.get(json!({"type": "release", "nameplate": "8"})).await;
    let mut five = stage.caller("d").await;
    assert_eq!(five.get(claim("9")).await["type"], "claimed");
    stage.done().await;
}

#[actix::test]
async fn connection_mailboxes() {
    let stage = Stage::set(Limit::ConnectionMailboxes, 2);
    let mut caller = stage.caller("a").await;
    caller.get(claim("7")).await;
    caller.ask(open("m")).await;
    caller.get(json!({"type": "close"})).await;
    stage.refuses(&mut caller, open("n")).await;
    let mut other = stage.caller("b").await;
    assert!(other.ask(open("n")).await.is_empty());
    drop(other);
    assert!(caller.ask(open("n")).await.is_empty(), "it is there already");
    stage.done().await;
}

#[actix::test]
async fn address_mailboxes_until_one_is_closed() {
    let stage = Stage::set(Limit::AddressMailboxes, 1);
    let mut one = stage.caller("a").await;
    one.ask(open("m")).await;
    let mut two = stage.caller("b").await;
    stage.refuses(&mut two, open("n")).await;
    stage.refuses(&mut two, claim("7")).await;
    assert_eq!(two.get(json!({"type": "list"})).await["nameplates"], json!([]));
    one.get(json!({"type": "close"})).await;
    assert!(two.ask(open("n")).await.is_empty());
    stage.done().await;
}

/// Commands beyond the burst of ten seconds are answered one by one, without an `ack`.
async fn flood(stage: &Stage, callers: &mut [Caller], commands: usize) {
    let list = json!({"type": "list"}).to_string();
    for caller in &mut *callers {
        for _ in 0..commands {
            caller.send(Message::Text(list.clone().into())).await;
        }
    }
    let mut refused = 0;
    for caller in callers {
        for _ in 0..commands {
            let frame = caller.hear().await;
            match frame["type"].as_str().unwrap() {
                "ack" => assert_eq!(caller.hear().await["type"], "nameplates"),
                "error" => {
                    assert_eq!(
                        (&frame["error"], frame.get("orig")),
                        (&stage.refusal().into(), None)
                    );
                    refused += 1;
                }
                other => panic!("{other}"),
            }
        }
    }
    assert!(refused > 0);
    assert_eq!(stage.limits.reached(stage.limit), refused);
}

#[actix::test]
async fn connection_commands() {
    let stage = Stage::set(Limit::ConnectionCommands, 2);
    let mut caller = [stage.caller("a").await];
    flood(&stage, &mut caller, 500).await;
    stage.done().await;
}

#[actix::test]
async fn address_commands() {
    let stage = Stage::set(Limit::AddressCommands, 40);
    let mut callers = Vec::new();
    for side in 0..4 {
        callers.push(stage.caller(&side.to_string()).await);
    }
    // Each connection stays within its own burst of 500.
    flood(&stage, &mut callers, 300).await;
    stage.server.stop();
}

/// One that goes on and on is not answered for ever.
#[actix::test]
async fn connection_commands_without_end() {
    let stage = Stage::set(Limit::ConnectionCommands, 1);
    let mut caller = stage.caller("a").await;
    for number in 0..1_100 {
        match number % 2 {
            0 => caller.say(json!({"type": "list"})).await,
            _ => caller.send_quietly(Message::Ping("x".into())).await,
        }
    }
    assert_eq!(caller.hear_end().await, Some(1008));
    stage.done().await;
}

#[actix::test]
async fn address_commands_of_one_that_comes_again_and_again() {
    let stage = Stage::set(Limit::AddressCommands, 2);
    let mut refused = 0;
    for _ in 0..200 {
        let mut caller = Caller::connect(&stage.server.url).await;
        caller.say(json!({"type": "ping", "ping": 1})).await;
        refused += usize::from(caller.hear().await["error"] == stage.refusal());
    }
    assert!(refused > 0, "a new connection is not a new rate");
    stage.server.stop();
}

#[actix::test]
async fn connections() {
    let stage = Stage::set(Limit::Connections, 2);
    let (one, _two) = (stage.caller("a").await, stage.caller("b").await);
    let three = Caller::connect(&stage.server.url).await;
    stage.ends(three).await;
    drop(one);
    // The end of the first takes a moment to come.
    loop {
        let mut three = Caller::connect(&stage.server.url).await;
        three.say(json!({"type": "ping", "ping": 1})).await;
        if three.hear().await["type"] == "ack" {
            break;
        }
    }
    stage.server.stop();
}

/// A client may go away at any moment: nothing of it is left behind.
#[actix::test]
async fn connections_that_are_reset_while_they_bind() {
    let config = Config { limits: Limits::default(), ..Config::default() };
    let stage = Stage::with(Limit::Connections, 20, config);
    let bind = text_frame(&json!({"type": "bind", "appid": "app", "side": "a"}).to_string());
    for _ in 0..300 {
        let mut stream = upgrade(&stage.server.url).await;
        stream.write_all(&bind).await.unwrap();
        // With bytes unread the end is a reset.
        drop(stream);
    }
    let mut inside = Vec::new();
    while inside.len() < 20 {
        let mut caller = Caller::connect(&stage.server.url).await;
        caller.say(json!({"type": "ping", "ping": 1})).await;
        if caller.hear().await["type"] == "ack" {
            inside.push(caller);
        }
    }
    stage.server.stop();
}

#[actix::test]
async fn address_unsent_bytes() {
    let config = Config {
        limits: Limits::default().with(Limit::AddressUnsentBytes, 15_000),
        ..Config::default()
    };
    let stage = Stage::with(Limit::AddressUnsentBytes, 15_000, config);
    let mut one = stage.caller("a").await;
    one.ask(open("small")).await;
    one.get(add(&"0".repeat(10_000))).await;
    let mut two = stage.caller("a").await;
    assert_eq!(two.get(open("small")).await["type"], "message");
    let mut again = stage.caller("a").await;
    assert_eq!(again.get(open("small")).await["type"], "message", "what was sent waits no more");
    one.get(json!({"type": "close"})).await;
    two.get(json!({"type": "close"})).await;

    one.ask(open("large")).await;
    one.get(add(&"0".repeat(10_000))).await;
    one.get(add(&"0".repeat(10_000))).await;
    let mut three = stage.caller("a").await;
    stage.refuses(&mut three, open("large")).await;
    stage.done().await;
}

#[actix::test]
async fn address_apps_until_one_is_not_needed() {
    let stage = Stage::set(Limit::AddressApps, 1);
    let _one = stage.caller("a").await;
    let mut two = Caller::connect(&stage.server.url).await;
    let bind = json!({"type": "bind", "appid": "other", "side": "a"});
    stage.refuses(&mut two, bind).await;
    two.ask(json!({"type": "bind", "appid": "app", "side": "b"})).await;
    assert_eq!(two.get(json!({"type": "list"})).await["type"], "nameplates");
    stage.done().await;
}

#[actix::test]
async fn address_connections() {
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let config = Config { trusted_proxies, ..Config::default() };
    let stage = Stage::with(Limit::AddressConnections, 1, config);
    let url = &stage.server.url;
    let _one = Caller::connect_as(url, "2001:db8:0:7::1").await;
    let same_network = Caller::connect_as(url, "2001:db8:0:7:ffff::2").await;
    stage.ends(same_network).await;
    Caller::connect_as(url, "2001:db8:0:8::1").await.until_pong().await;
    Caller::connect_as(url, "192.0.2.1").await.until_pong().await;
    stage.server.stop();
}

#[actix::test]
async fn unbound_seconds() {
    let stage = Stage::set(Limit::UnboundSeconds, 3);
    let mut bound = stage.caller("a").await;
    let unbound = Caller::connect(&stage.server.url).await;
    stage.ends(unbound).await;
    bound.until_pong().await;
    stage.done().await;
}

#[actix::test]
async fn silent_seconds() {
    let stage = Stage::set(Limit::SilentSeconds, 1);
    let silent = stage.caller("a").await;
    stage.ends(silent).await;
    stage.done().await;
}

#[actix::test]
async fn apps_until_one_is_not_needed() {
    let limits = Limits::default().with(Limit::ConnectionCommands, 0);
    let config = Config { limits: limits.with(Limit::AddressCommands, 0), ..Config::default() };
    let stage = Stage::with(Limit::Apps, 1, config);
    let one = stage.caller("a").await;
    let mut two = Caller::connect(&stage.server.url).await;
    let bind = json!({"type": "bind", "appid": "other", "side": "a"});
    stage.refuses(&mut two, bind.clone()).await;
    drop(one);
    // The refusal made the server look for an app to forget.
    while two.ask(bind.clone()).await.first().is_some_and(|frame| frame["type"] == "error") {}
    assert_eq!(two.get(json!({"type": "list"})).await["type"], "nameplates");
    stage.server.stop();
}

#[actix::test]
async fn a_limit_of_zero_is_none() {
    let stage = Stage::set(Limit::BodyBytes, 0);
    let mut caller = stage.caller("a").await;
    caller.ask(open("m")).await;
    let long = "0".repeat(2_050_000);
    assert_eq!(caller.get(add(&long)).await["body"], long);
    stage.done().await;
}

#[actix::test]
async fn a_freed_nameplate_rests() {
    let server = Embedded::start(Config::default());
    let mut free: Vec<String> = (1..10).map(|n| n.to_string()).collect();
    for round in 0..9 {
        let mut caller = Caller::bound(&server.url, &round.to_string()).await;
        let allocated = caller.get(json!({"type": "allocate"})).await;
        let name = allocated["nameplate"].as_str().unwrap();
        let place = free.iter().position(|other| other == name);
        free.remove(place.expect("one that was never handed out"));
        caller.get(json!({"type": "release", "nameplate": name})).await;
    }
    let mut caller = Caller::bound(&server.url, "last").await;
    let allocated = caller.get(json!({"type": "allocate"})).await;
    assert_eq!(allocated["nameplate"].as_str().unwrap().len(), 2);
    server.stop();
}

#[actix::test]
async fn only_allocated_nameplates_may_be_claimed_where_the_operator_wants_so() {
    let server = Embedded::start(Config { claim_allocated_only: true, ..Config::default() });
    let mut one = Caller::bound(&server.url, "a").await;
    let name = one.get(json!({"type": "allocate"})).await["nameplate"].clone();
    let other = if name == "7" { "8" } else { "7" };
    let mut two = Caller::bound(&server.url, "b").await;
    let mut three = Caller::bound(&server.url, "c").await;
    let refused = two.get(claim(other)).await;
    assert_eq!(refused["error"], "nameplate is not allocated");
    assert_eq!(three.get(claim(name.as_str().unwrap())).await["type"], "claimed");
    assert_eq!(one.get(claim(name.as_str().unwrap())).await["type"], "claimed");
    server.stop();
}

#[actix::test]
async fn a_third_side_does_no_harm_to_the_two_who_come_back() {
    let server = Embedded::start(Config::default());
    let mut mailboxes = Vec::new();
    for side in ["a", "b"] {
        let mut caller = Caller::bound(&server.url, side).await;
        let mailbox = caller.get(claim("7")).await["mailbox"].clone();
        caller.ask(json!({"type": "open", "mailbox": mailbox})).await;
        mailboxes.push(mailbox);
    }
    let mailbox = mailboxes[0].as_str().unwrap();
    for command in [claim("7"), open(mailbox), json!({"type": "close", "mailbox": mailbox})] {
        let mut third = Caller::bound(&server.url, "c").await;
        assert_eq!(third.get(command).await["error"], "crowded");
        third.get(json!({"type": "release", "nameplate": "7"})).await;
    }
    let mut back = Vec::new();
    for side in ["a", "b"] {
        let mut caller = Caller::bound(&server.url, side).await;
        assert_eq!(caller.get(claim("7")).await["mailbox"], mailbox);
        caller.ask(open(mailbox)).await;
        back.push(caller);
    }
    back[0].get(add("00")).await;
    assert_eq!(back[1].hear().await["body"], "00");
    for caller in &mut back {
        assert_eq!(caller.get(json!({"type": "close"})).await["type"], "closed");
    }
    server.stop();
}

#[actix::test]
async fn a_stamp_opens_the_door_once() {
    let permission = Permission::Hashcash { bits: 8 };
    let server = Embedded::start(Config { permission, ..Config::default() });
    let bind = json!({"type": "bind", "appid": "app", "side": "a"});
    let mut old = Caller::connect(&server.url).await;
    let refused = old.get(bind.clone()).await;
    assert!(refused["error"].as_str().unwrap().starts_with("permission required"));

    let mut caller = Caller::connect(&server.url).await;
    let demand = &caller.welcome["welcome"]["permission-required"];
    assert_eq!(demand["none"], Value::Null);
    assert_eq!(demand["hashcash"]["bits"], 8);
    let resource = demand["hashcash"]["resource"].as_str().unwrap();
    let minting = wormhole_protocol::hashcash::Minting::new(8, resource, 0, [1; 12]);
    let stamp = minting.unwrap().step(1 << 20).unwrap();
    let submission = json!({"type": "submit-permission", "method": "hashcash", "stamp": stamp});
    assert_eq!(old.get(submission.clone()).await["type"], "error", "it is for another connection");
    assert!(caller.ask(submission.clone()).await.is_empty());
    assert_eq!(caller.get(submission).await["error"], "unknown permission method");
    assert!(caller.ask(bind).await.is_empty());
    assert_eq!(caller.get(json!({"type": "list"})).await["type"], "nameplates");
    server.stop();
}
