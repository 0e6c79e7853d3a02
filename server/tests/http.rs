//! What is served besides the websocket, and where that is.

#![allow(clippy::unwrap_used)]

mod common;

use awc::{Client, http::Method};
use common::{Caller, Embedded};
use serde_json::json;
use wormhole_server::{Config, Rules, Welcome};

#[actix::test]
async fn the_routes_answer_as_monitors_and_clients_expect() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Embedded::start(Config::default());
    let root = server.url.replace("ws://", "http://").replace("/v1", "");
    for (method, path, status) in [
        (Method::GET, "/", 200),
        (Method::HEAD, "/", 200),
        (Method::POST, "/", 405),
        (Method::GET, "/v1", 200),
        (Method::GET, "/v1/below?x=1", 200),
        (Method::GET, "/v2", 404),
        (Method::GET, "/healthz", 200),
        (Method::GET, "/readyz", 200),
    ] {
        let answer = Client::default().request(method, format!("{root}{path}")).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let server = answer.headers().get("server").unwrap().to_str().unwrap();
        assert!(server.starts_with("Magic Wormhole Mailbox "), "{server}");
    }
    let mut greeting = Client::default().get(&root).send().await.unwrap();
    assert_eq!(greeting.body().await.unwrap(), "Wormhole Relay\n");
    Caller::connect(&format!("{}/below?x=1", server.url)).await;
    server.stop();
}

#[actix::test]
async fn the_welcome_says_what_the_operator_wants_and_the_callers_address() {
    let welcome = Welcome { motd: Some("hello".into()), ..Welcome::default() };
    let rules = Rules { welcome, listing: false, ..Rules::default() };
    let server = Embedded::start(Config { rules: rules.into(), ..Config::default() });
    let mut caller = Caller::bound(&server.url, "a").await;
    let mut said = caller.welcome["welcome"].clone();
    let address = said.as_object_mut().unwrap().remove("your-address").unwrap();
    assert_eq!(said, json!({"motd": "hello"}));
    assert_eq!(address["ipv4"], "127.0.0.1");
    assert!(address["port"].as_u64().unwrap() > 0);

    caller.get(json!({"type": "claim", "nameplate": "8"})).await;
    let listed = caller.get(json!({"type": "list"})).await;
    assert_eq!(listed["nameplates"], json!([]), "listing is off");
    server.stop();
}

#[actix::test]
async fn two_apps_may_have_the_same_mailbox() {
    let server = Embedded::start(Config::default());
    let mut one = Caller::bound(&server.url, "a").await;
    let claimed = one.get(json!({"type": "claim", "nameplate": "8"})).await;
    let open = json!({"type": "open", "mailbox": claimed["mailbox"]});
    one.ask(open.clone()).await;
    one.get(json!({"type": "add", "phase": "p", "body": "00"})).await;
    let mut two = Caller::connect(&server.url).await;
    two.ask(json!({"type": "bind", "appid": "other", "side": "a"})).await;
    assert!(two.ask(open).await.is_empty());
    two.get(json!({"type": "add", "phase": "q", "body": "00"})).await;
    assert_eq!(two.get(json!({"type": "close"})).await["type"], "closed");
    let echo = one.get(json!({"type": "add", "phase": "r", "body": "00"})).await;
    assert_eq!(echo["phase"], "r");
    server.stop();
}
