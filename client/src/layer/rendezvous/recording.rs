//! Frames in the timing log, as they are on the wire.

use serde_json::{Map, Value};
use wormhole_protocol::name::Side;

use crate::timing::Log;

/// Records a frame of ours: every key of it.
pub(super) fn sent(log: &Log, side: &Side, frame: &str) {
    let mut details = ours(side);
    if let Ok(Value::Object(keys)) = serde_json::from_str(frame) {
        details.extend(keys);
    }
    log.moment("ws_send", details);
}

/// Records a frame of the server's, be it what it may.
pub(super) fn received(log: &Log, side: &Side, frame: &str) {
    let mut details = ours(side);
    let message = serde_json::from_str(frame).unwrap_or_else(|_| Value::from(frame));
    details.insert("message".to_owned(), message);
    log.moment("ws_receive", details);
}

fn ours(side: &Side) -> Map<String, Value> {
    Map::from_iter([("_side".to_owned(), Value::from(side.as_str()))])
}
