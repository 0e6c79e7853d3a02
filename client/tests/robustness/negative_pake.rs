//! Every recorded `pake` that no honest peer sends, to a whole client: the vectors of `protocol`.

use data_encoding::HEXLOWER;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::scripted::{
    guarded,
    peer::{SIDE, message},
    session::{Session, Stage, body, released},
};

fn vectors(list: &str) -> Vec<Value> {
    let all = include_str!("../../../protocol/tests/vectors/negative-pake.json");
    let mut all: Value = serde_json::from_str(all).unwrap();
    serde_json::from_value(all[list].take()).unwrap()
}

/// Gives a client this body as the peer's `pake`, and expects what the verdict says.
async fn judged(name: String, pake: Vec<u8>, required: String) {
    let mut session = Session::at(Stage::Opened).await;
    session.line.send(&message(SIDE, "pake", &pake)).await;
    let mood = match required.as_str() {
        "accept" => {
            // A key is agreed on, whoever has the other half, and our version goes out.
            released(&mut session.line).await;
            body(session.line.next().await, "version");
            return;
        }
        "reject" | "scared" => "scary",
        "error" => "errory",
        odd => panic!("an unknown verdict: {odd}"),
    };
    session.farewell(mood).await;
    let result = session.wormhole.closed().await;
    assert_eq!(result.unwrap_err().mood().to_string(), mood, "{name}");
}

#[actix::test]
async fn each_ends_in_its_mood() {
    let points = vectors("points");
    // That one is the reflection of a message which this client has not sent.
    let points =
        points.iter().filter(|case| !case["name"].as_str().unwrap().starts_with("reflection"));
    let points = points.map(|case| {
        let body = json!({"pake_v1": case["inbound"]}).to_string().into_bytes();
        (case.clone(), body)
    });
    let bodies = vectors("bodies");
    let bodies = bodies.iter().map(|case| {
        let body = HEXLOWER.decode(case["body"].as_str().unwrap().as_bytes()).unwrap();
        (case.clone(), body)
    });
    let all: Vec<_> = points.chain(bodies).collect();
    assert_eq!(all.len(), 60);
    let judging = stream::iter(all).for_each_concurrent(10, |(case, body)| {
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        judged(text("name"), body, text("required"))
    });
    guarded(judging).await;
}
