//! A test for each limit: what is too much is refused with the limit's name and counted, and what
//! is within it goes on.

#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod connections;
mod frames;
mod mailboxes;
mod rates;
mod rules;

use common::{Caller, Embedded};
use serde_json::{Value, json};
use wormhole_server::{Config, Limit, Limits};

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
