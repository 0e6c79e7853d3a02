//! What is told at the start, for people and for programs.

use std::{
    io::{self, Write},
    net::TcpListener,
};

use serde_json::{Map, Value};

use super::places::Places;
use crate::{endpoint::Bound, plan::Plan};

/// Where each server listens; none where it does not run.
pub(super) struct Announcement {
    mailbox: Option<Vec<String>>,
    relay: Option<Vec<String>>,
    pub(super) metrics: Vec<String>,
}

impl Announcement {
    pub(super) fn of(places: &Places, plan: &Plan) -> Self {
        let url = |bound: &Bound, scheme, path| bound.url(scheme, path);
        let mailbox = plan.mailbox.as_ref().map(|mailbox| {
            let scheme = if mailbox.config.tls.is_some() { "wss" } else { "ws" };
            places.mailbox.iter().map(|bound| url(bound, scheme, "/v1")).collect()
        });
        let relay = plan.relay.as_ref().map(|_| places.relay.iter().map(hint).collect());
        let metrics = places.operators[..places.metrics].iter();
        Self {
            mailbox,
            relay,
            metrics: metrics.map(|bound| url(bound, "http", "/metrics")).collect(),
        }
    }

    /// Tells it in one line for people.
    pub(super) fn line(&self) -> String {
        let all = self.mailbox.iter().chain(&self.relay).flatten();
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
        ];
        let entries = all
            .into_iter()
            .filter_map(|(key, urls)| Some((key.to_owned(), Value::from(urls?.as_slice()))));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}

/// Writes where a relay is, as it is typed: `tcp:127.0.0.1:4001`.
fn hint(listener: &TcpListener) -> String {
    match listener.local_addr() {
        Ok(address) => format!("tcp:{address}"),
        Err(_) => "a socket without an address".to_owned(),
    }
}
