//! What else the operator may rule, and a third side.

use serde_json::{Value, json};
use wormhole_server::{Config, Permission};

use crate::{
    add, claim,
    common::{Caller, Embedded},
    open,
};

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
