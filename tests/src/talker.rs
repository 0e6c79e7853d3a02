//! A conversation with a mailbox server, a command at a time.

use serde_json::{Value, json};

use crate::{Event, PATIENCE, Socket};

/// Is one connection that is bound to the app `app`.
///
/// Its calls panic where the server does not answer as a mailbox server does.
pub struct Talker(Socket);

impl Talker {
    /// Connects and binds, with a `client_version` unless that is null.
    ///
    /// # Panics
    ///
    /// As all its calls.
    pub fn bound(address: &str, side: &str, version: &Value) -> Self {
        let mut talker =
            Self(Socket::open(address, "/v1", &[], PATIENCE).expect("a server that answers"));
        assert_eq!(talker.hear()["type"], "welcome");
        let mut bind = json!({"type": "bind", "appid": "app", "side": side});
        if !version.is_null() {
            bind["client_version"] = version.clone();
        }
        assert_eq!(talker.ask(bind), [Value::Null; 0]);
        talker
    }

    /// Claims a nameplate, and opens its mailbox.
    pub fn come(address: &str, side: &str, nameplate: &str) -> Self {
        let mut talker = Self::bound(address, side, &json!(["test", side]));
        let claimed = talker.ask(json!({"type": "claim", "nameplate": nameplate}));
        talker.ask(json!({"type": "open", "mailbox": claimed[0]["mailbox"]}));
        talker
    }

    /// Releases the nameplate and closes the mailbox.
    pub fn leave(mut self, mood: &str) {
        self.release();
        self.close(mood);
    }

    /// Releases the nameplate.
    pub fn release(&mut self) {
        assert_eq!(self.ask(json!({"type": "release"}))[0]["type"], "released");
    }

    /// Closes the mailbox.
    pub fn close(&mut self, mood: &str) {
        assert_eq!(self.ask(json!({"type": "close", "mood": mood}))[0]["type"], "closed");
    }

    /// Returns the next frame.
    ///
    /// # Panics
    ///
    /// When it is none, or no JSON.
    pub fn hear(&mut self) -> Value {
        match self.0.hear().expect("a server that answers") {
            Event::Text(text) => serde_json::from_str(&text).expect("a server that answers"),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Sends a command, and gives the answers after its `ack`.
    pub fn ask(&mut self, command: Value) -> Vec<Value> {
        self.0.text(command.to_string()).expect("a server that answers");
        self.0
            .text(json!({"type": "ping", "ping": "mark", "id": "mark"}).to_string())
            .expect("a server that answers");
        assert_eq!(self.hear()["type"], "ack");
        let mut answers = Vec::new();
        loop {
            let frame = self.hear();
            if frame["type"] == "ack" && frame["id"] == "mark" {
                assert_eq!(self.hear()["pong"], "mark");
                return answers;
            }
            answers.push(frame);
        }
    }
}
