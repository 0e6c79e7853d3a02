//! Replays the recorded sessions of the Python client against ours. Where ours does otherwise, the
//! trace is named here with its reason.

#![allow(clippy::unwrap_used)]

mod scripted;

use futures_util::future::join_all;
use scripted::{APPID, Line, Server, guarded, session::open};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::spawn_local};
use wormhole_client::{Entry, Error, Wormhole};

fn traces() -> Vec<Value> {
    let vectors: Value = serde_json::from_str(include_str!("vectors/wire-traces.json")).unwrap();
    vectors["traces"].as_array().unwrap().clone()
}

/// Gives a trace's events as our client makes them happen. It differs from the recorded one
/// everywhere by waiting for the welcome before `bind`, and by sending `release` and `close` without
/// waiting for the answers; neither changes the order of either direction.
fn events(trace: &Value) -> Vec<Value> {
    let mut events = trace["trace"].as_array().unwrap().clone();
    match trace["name"].as_str().unwrap() {
        // We wait for the welcome, and so ask nothing of a server that turns us away.
        "welcome-error" => {
            let local = |event: &Value| event[1].is_null() || event[1]["type"] == "welcome";
            events.retain(local);
        }
        // Python's client dies of a pake that is not JSON, and reconnects to die again; ours closes
        // properly, in the mood which the specification demands.
        "pake-garbage" => {
            let died = events.iter().position(|event| event[0] == "websocket closed").unwrap();
            events.truncate(died);
            events.extend([
                json!(["C>S", {"type": "release", "nameplate": "1"}]),
                json!(["S>C", {"type": "released"}]),
                json!(["C>S", {"type": "close", "mailbox": "mb", "mood": "errory"}]),
                json!(["S>C", {"type": "closed"}]),
                json!(["websocket closed"]),
                json!(["app: close()"]),
                json!(["close -> Peer"]),
            ]);
        }
        _ => {}
    }
    events
}

/// One trace being replayed.
struct Replay {
    name: String,
    server: Server,
    line: Option<Line>,
    wormhole: Wormhole,
    entry: Option<Entry>,
    side: String,
    /// The last body which the client added.
    body: Value,
    closing: Option<oneshot::Receiver<Result<(), Error>>>,
}

impl Replay {
    async fn begin(name: &str) -> Self {
        let server = Server::bind().await;
        let wormhole = open(&server);
        let entry = match name {
            "input" => Some(wormhole.input_code().unwrap()),
            "allocate" => {
                wormhole.allocate_code(2).unwrap();
                None
            }
            "close-before-code" => None,
            _ => {
                wormhole.set_code("1-abc").unwrap();
                None
            }
        };
        let (side, body) = (String::new(), Value::Null);
        Self { name: name.into(), server, line: None, wormhole, entry, side, body, closing: None }
    }

    async fn line(&mut self) -> &mut Line {
        if self.line.is_none() {
            self.line = Some(self.server.accept().await);
        }
        self.line.as_mut().unwrap()
    }

    async fn say(&mut self, mut frame: Value) {
        if frame["side"] == "SIDE" {
            frame["side"] = json!(self.side);
        }
        if frame["body"] == "BODY" {
            frame["body"] = self.body.clone();
        }
        self.line().await.send(&frame).await;
    }

    async fn hear(&mut self, mut expected: Value) {
        let name = self.name.clone();
        if expected["type"] == "bind" {
            let side = self.line().await.bound().await;
            assert!(self.side.is_empty() || self.side == side, "{name}");
            assert_eq!(expected["appid"], APPID);
            self.side = side;
            return;
        }
        let frame = self.line().await.next().await;
        let frame = frame.unwrap_or_else(|| panic!("{name}: no {expected}"));
        if expected["body"] == "BODY" {
            if !self.body.is_null() {
                assert_eq!(self.body, frame["body"], "{name}: the same bytes again");
            }
            self.body = frame["body"].clone();
            expected["body"] = self.body.clone();
        }
        assert_eq!(frame, expected, "{name}");
    }

    /// Loses the connection where the trace goes on, else expects the client to hang up.
    async fn closed(&mut self, more: bool) {
        let mut line = self.line.take().unwrap();
        if !more {
            assert_eq!(line.next().await, None, "{}", self.name);
        }
    }

    async fn local(&mut self, what: &str) {
        match what {
            "app: close()" => {
                let (tx, rx) = oneshot::channel();
                let wormhole = self.wormhole.clone();
                spawn_local(async move { tx.send(wormhole.close().await) });
                self.closing = Some(rx);
            }
            "app: choose_nameplate(1)" => {
                self.entry.as_ref().unwrap().choose_nameplate("1").await.unwrap();
            }
            "app: choose_words(abc)" => {
                self.entry.as_ref().unwrap().choose_words("abc").await.unwrap();
            }
            result => {
                let expected = match result.strip_prefix("close -> ").unwrap() {
                    "LonelyError" => Error::Lonely,
                    "WelcomeError" => Error::Welcome("go away".into()),
                    "ServerError" => Error::Server("crowded".into()),
                    "WrongPasswordError" => Error::WrongPassword,
                    "Peer" => Error::Peer("sent a malformed pake message"),
                    odd => panic!("an unknown result: {odd}"),
                };
                // The result may be there before the socket has said goodbye, or after.
                let mut line = self.line.take();
                let goodbye = async {
                    if let Some(line) = &mut line {
                        assert_eq!(line.next().await, None, "{}", self.name);
                    }
                };
                let closing = self.closing.take().unwrap();
                let (got, ()) = tokio::join!(closing, goodbye);
                self.line = line;
                assert_eq!(got.unwrap(), Err(expected), "{}", self.name);
            }
        }
    }
}

async fn replay(trace: Value) {
    let mut replay = Replay::begin(trace["name"].as_str().unwrap()).await;
    let events = events(&trace);
    for (at, event) in events.iter().enumerate() {
        let more = events[at..].iter().any(|later| later[0] == "S>C");
        match event[0].as_str().unwrap() {
            "S>C" => replay.say(event[1].clone()).await,
            "C>S" => replay.hear(event[1].clone()).await,
            "websocket closed" => replay.closed(more).await,
            what => replay.local(what).await,
        }
    }
}

#[actix::test]
async fn the_recorded_sessions() {
    let traces = traces();
    assert_eq!(traces.len(), 14);
    guarded(join_all(traces.into_iter().map(replay))).await;
}
