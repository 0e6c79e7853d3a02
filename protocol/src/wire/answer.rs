//! Answers, as a server writes and a client reads them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Body;
use crate::name::{MailboxId, Nameplate, Phase, Side};

/// One thing that the mailbox server says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Answer {
    /// Comes first on every connection.
    Welcome {
        /// What the operator has to say: `motd`, `error`, and keys of other servers.
        welcome: Map<String, Value>,
    },
    /// A command has arrived; what it causes comes later.
    Ack {
        /// The command's mark, null where it had none.
        #[serde(default)]
        id: Value,
    },
    /// The answer to a ping.
    Pong {
        /// The ping's value.
        #[serde(default)]
        pong: Value,
    },
    /// The answer to `list`.
    Nameplates {
        /// The nameplates in use.
        nameplates: Vec<ListedNameplate>,
    },
    /// The answer to `allocate`.
    Allocated {
        /// The nameplate, not yet claimed.
        nameplate: Nameplate,
    },
    /// The answer to `claim`.
    Claimed {
        /// Where the nameplate leads.
        mailbox: MailboxId,
    },
    /// The answer to `release`.
    Released,
    /// A message in the open mailbox, one of our own included.
    Message {
        /// Who added it.
        side: Side,
        /// Its label.
        phase: Phase,
        /// Its bytes.
        body: Body,
        /// When the server got it, in unix seconds.
        #[serde(default)]
        server_rx: Option<f64>,
        /// The mark of the `add`.
        #[serde(default)]
        id: Value,
    },
    /// The answer to `close`.
    Closed,
    /// A command was refused.
    Error {
        /// Why.
        error: String,
        /// The whole command; null, and not written, where it could not be read.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        orig: Value,
    },
    /// Of a type that a client does not know and ignores.
    #[serde(other)]
    Unknown,
}

/// One element of `nameplates`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedNameplate {
    /// The nameplate; a text, since servers are free to list what is no number.
    pub id: String,
}

/// An answer with the time at which it left: what goes into a frame.
#[derive(Debug)]
pub struct Reply {
    /// What is said.
    pub answer: Answer,
    /// When, in unix seconds.
    pub server_tx: f64,
}

impl Reply {
    /// Writes the frame's text.
    pub fn to_frame(&self) -> String {
        let answer = serde_json::to_string(&self.answer);
        let mut frame = answer.expect("strings, numbers and JSON values always serialize");
        // serde's own way to add a key copies every value once more. There is a key already: the
        // type.
        frame.pop();
        frame.push_str(",\"server_tx\":");
        frame.push_str(&Value::from(self.server_tx).to_string());
        frame.push('}');
        frame
    }
}

/// A frame of the server's was no answer that the protocol knows.
#[derive(Debug, thiserror::Error)]
#[error("the server sent a malformed message: {reason}")]
pub struct BadAnswer {
    reason: serde_json::Error,
}

impl Answer {
    /// Reads a frame's text; unknown keys are ignored.
    ///
    /// # Errors
    /// [`BadAnswer`] for what is no JSON object with a `type`, or whose keys do not fit its type.
    pub fn parse(frame: &str) -> Result<Self, BadAnswer> {
        serde_json::from_str(frame).map_err(|reason| BadAnswer { reason })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decorations_are_ignored_and_unknown_types_known_as_such() {
        let text = r#"{"type": "claimed", "mailbox": "m", "server_tx": 1.5, "x": [1]}"#;
        assert_eq!(Answer::parse(text).unwrap(), Answer::Claimed { mailbox: MailboxId::new("m") });
        assert_eq!(Answer::parse(r#"{"type": "new", "a": 1}"#).unwrap(), Answer::Unknown);
        assert_eq!(Answer::parse(r#"{"type": "ack"}"#).unwrap(), Answer::Ack { id: Value::Null });
    }

    #[test]
    fn garbage_is_an_error() {
        let deep = "[".repeat(10_000);
        for bad in ["", "{}", "[]", "null", r#"{"type": 1}"#, r#"{"type": "claimed"}"#, &deep] {
            assert!(Answer::parse(bad).is_err(), "{bad:.20}");
        }
    }

    proptest! {
        #[test]
        fn what_a_server_writes_a_client_reads(side: String, phase: String, body: String) {
            let answer = Answer::Message {
                side: Side::new(side),
                phase: phase.into(),
                body: Body::from_text(body),
                server_rx: Some(12.25),
                id: Value::from("0a0b"),
            };
            let frame = Reply { answer: answer.clone(), server_tx: 13.5 }.to_frame();
            prop_assert_eq!(Answer::parse(&frame).unwrap(), answer);
            let frame: Value = serde_json::from_str(&frame).unwrap();
            prop_assert_eq!(&frame["server_tx"], 13.5);
        }
    }
}
