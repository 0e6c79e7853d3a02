//! Commands, as a client writes them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Body;
use crate::{
    name::{AppId, MailboxId, Mood, Nameplate, Phase, Side},
    permission::Permission,
};

/// One thing that a client asks of the mailbox server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Command {
    /// Says who is calling; comes first on every connection.
    Bind {
        /// The application.
        appid: AppId,
        /// The participant, the same on every connection of one wormhole.
        side: Side,
        /// The client's name and version, for the server's statistics.
        #[serde(skip_serializing_if = "Option::is_none")]
        client_version: Option<(String, String)>,
    },
    /// Shows what the welcome demands; comes before `bind`.
    #[serde(rename = "submit-permissions")]
    SubmitPermissions(Permission),
    /// The same, as the Rust client spells it.
    #[serde(rename = "submit-permission")]
    SubmitPermission(Permission),
    /// Asks for the nameplates in use.
    List,
    /// Asks for a free nameplate.
    Allocate,
    /// Takes a seat at a nameplate and asks for its mailbox.
    Claim {
        /// Which.
        nameplate: Nameplate,
    },
    /// Gives the seat back.
    Release {
        /// Which; absent means the one claimed on this connection.
        #[serde(skip_serializing_if = "Option::is_none")]
        nameplate: Option<Nameplate>,
    },
    /// Asks for all messages of a mailbox, those to come included.
    Open {
        /// Which.
        mailbox: MailboxId,
    },
    /// Puts a message into the open mailbox.
    Add {
        /// The message's label.
        phase: Phase,
        /// Its bytes.
        body: Body,
    },
    /// Leaves a mailbox for good.
    Close {
        /// Which; absent means the one opened on this connection.
        #[serde(skip_serializing_if = "Option::is_none")]
        mailbox: Option<MailboxId>,
        /// How it went.
        #[serde(skip_serializing_if = "Option::is_none")]
        mood: Option<Mood>,
    },
    /// Asks for the same value back.
    Ping {
        /// Any value.
        ping: Value,
    },
}

/// The mark by which a client knows the answers to its own command: four hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(String);

impl CommandId {
    /// Writes two random bytes as four lower-case hex digits.
    pub fn from_random(bytes: [u8; 2]) -> Self {
        Self(data_encoding::HEXLOWER.encode(&bytes))
    }
}

/// A command with its mark: what goes into a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tagged {
    /// What is asked.
    #[serde(flatten)]
    pub command: Command,
    /// The mark, which the server's `ack` repeats.
    pub id: CommandId,
}

impl Tagged {
    /// Writes the frame's text.
    pub fn to_frame(&self) -> String {
        serde_json::to_string(self).expect("strings and JSON values always serialize")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_what_the_server_expects() {
        let id = CommandId::from_random([0x0a, 0xff]);
        let frame = |command| {
            let text = Tagged { command, id: id.clone() }.to_frame();
            serde_json::from_str::<Value>(&text).expect("JSON")
        };
        assert_eq!(frame(Command::List), json!({"type": "list", "id": "0aff"}));
        assert_eq!(
            frame(Command::Add { phase: Phase::Number(0), body: Body::from_bytes(&[1]) }),
            json!({"type": "add", "phase": "0", "body": "01", "id": "0aff"}),
        );
        let close = Command::Close { mailbox: Some(MailboxId::new("m")), mood: Some(Mood::Happy) };
        assert_eq!(
            frame(close),
            json!({"type": "close", "mailbox": "m", "mood": "happy", "id": "0aff"}),
        );
        let stamp = || Permission::Hashcash { stamp: "1:2:3".to_owned() };
        assert_eq!(
            frame(Command::SubmitPermissions(stamp())),
            json!({"type": "submit-permissions", "method": "hashcash", "stamp": "1:2:3",
                   "id": "0aff"}),
        );
        assert_eq!(frame(Command::SubmitPermission(stamp()))["type"], "submit-permission");
        let bind = Command::Bind {
            appid: AppId::new("a"),
            side: Side::from_random([0, 1, 2, 3, 4]),
            client_version: Some(("x".into(), "1".into())),
        };
        assert_eq!(
            frame(bind),
            json!({"type": "bind", "appid": "a", "side": "0001020304",
                   "client_version": ["x", "1"], "id": "0aff"}),
        );
    }
}
