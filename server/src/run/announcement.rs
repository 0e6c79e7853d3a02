//! What is told at the start, for people and for programs.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::places::Places;
use crate::{
    endpoint::Bound,
    plan::{Plan, Speaks},
};

/// Where each server listens; none where it does not run.
pub(super) struct Announcement {
    mailbox: Option<Vec<String>>,
    relay: Option<Vec<String>>,
    /// Where the relay speaks websocket.
    websocket: Option<Vec<String>>,
    pub(super) metrics: Vec<String>,
}

impl Announcement {
    pub(super) fn of(places: &Places, plan: &Plan) -> Self {
        let url = |bound: &Bound, scheme, path| bound.url(scheme, path);
        let mailbox = plan.mailbox.as_ref().map(|mailbox| {
            let scheme = if mailbox.config.tls.is_some() { "wss" } else { "ws" };
            places.mailbox.iter().map(|bound| url(bound, scheme, "/v1")).collect()
        });
        // As it is typed: `tcp:127.0.0.1:4001`.
        let relay = plan.relay.as_ref().map(|_| {
            let plain = places.relay.iter().filter(|(_, speaks)| *speaks != Speaks::WebSocket);
            plain.map(|(bound, _)| bound.hint()).collect()
        });
        let frames = places.relay.iter().filter(|(_, speaks)| *speaks != Speaks::Tcp);
        let websocket = match plan.relay.as_ref().and_then(|relay| relay.url.as_ref()) {
            Some(url) => vec![url.to_string()],
            None => frames.map(|(bound, _)| url(bound, "ws", "/")).collect(),
        };
        let metrics = places.operators[..places.metrics].iter();
        Self {
            mailbox,
            relay,
            websocket: Some(websocket).filter(|urls| !urls.is_empty()),
            metrics: metrics.map(|bound| url(bound, "http", "/metrics")).collect(),
        }
    }

    /// Tells it in one line for people.
    pub(super) fn line(&self) -> String {
        let all = self.mailbox.iter().chain(&self.relay).chain(&self.websocket).flatten();
        format!("listening on {}", all.map(String::as_str).collect::<Vec<_>>().join(" "))
    }

    /// Tells it on standard output. Whoever started the program may not care to read, and is
    /// served all the same.
    pub(super) fn say(&self, as_json: bool) {
        let line = match as_json {
            true => self.json().to_string(),
            false => self.line(),
        };
        drop(writeln!(io::stdout(), "{line}"));
    }

    fn json(&self) -> Value {
        let metrics = Some(&self.metrics);
        let all = [
            ("mailbox", self.mailbox.as_ref()),
            ("metrics", metrics),
            ("relay", self.relay.as_ref()),
            ("relay-websocket", self.websocket.as_ref()),
        ];
        let entries = all
            .into_iter()
            .filter_map(|(key, urls)| Some((key.to_owned(), Value::from(urls?.as_slice()))));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}
