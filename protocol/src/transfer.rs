//! What two programs say to each other to pass a text, a file or a folder [file-transfer.md:
//! messages].
//!
//! A [`Message`] goes as one numbered message of the wormhole; the [`Ack`] goes as the last record
//! of the transit connection, and between two of ours as a message, too. Texts and names in them are the peer's: unchecked as file names, and
//! unescaped for a terminal.

mod abilities;
mod ack;
mod offer;

use std::fmt;

use serde_json::{Value, json};

pub use self::{
    abilities::{Ability, AppVersions},
    ack::{Ack, BadAck},
    offer::{BadOffer, DirectoryOffer, FileOffer, Offer, StreamOffer},
};
use crate::transit::{Abilities, Hints, Role};

/// The application id of file transfer.
pub const APPID: &str = "lothar.com/wormhole/text-or-file-xfer";

/// The purpose for which the transit key is derived from the wormhole's key.
///
/// It stays this one under another application id, as Python has it; Rust and Go programs put
/// their application id before `/transit-key`.
pub const TRANSIT_KEY_PURPOSE: &str = "lothar.com/wormhole/text-or-file-xfer/transit-key";

/// One message of the application, an object of one key.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// How the sender of this message can be reached.
    Transit {
        /// The ways it connects.
        abilities: Abilities,
        /// The places where it can be found.
        hints: Hints,
    },
    /// What the sending side has.
    Offer(Offer),
    /// What the receiving side says to it.
    Answer(Answer),
    /// One side has given up, for this reason.
    Error(String),
    /// The receiving side is at work, and what it does may take long [abilities.md: ack-v1].
    Placing,
    /// The receiving side repeats its last record [abilities.md: ack-v1].
    Ack(Ack),
    /// Nothing that we know; to be ignored. It is written as an empty object.
    Unknown,
}

/// What the receiving side says to an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a text.
    MessageAck(Verdict),
    /// To a file or folder.
    FileAck(Verdict),
}

/// A yes, or other words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `ok`.
    Ok,
    /// Anything else, which is a no.
    Other(String),
}

/// Why we end a transfer, in the words that other programs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The person does not want it, or there is no place for it.
    Rejected,
    /// There is no room for it.
    Full,
    /// It cannot be put where the person wants it.
    Unstored,
    /// A text could not be written where the person would have read it.
    Unwritten,
    /// The folder is packed in another way than as a zip archive.
    UnknownMode,
    /// The offer is none that we understand.
    UnknownOffer,
    /// The person compared the verifiers and they differ.
    Verifier,
    /// This side broke the transfer off because somebody wanted that.
    Cancelled(Role),
    /// There is no link, which the other side may not have noticed.
    NoLink,
    /// The link is gone, likewise.
    LinkLost,
    /// Both sides are in this role.
    SameRole(Role),
}

impl Refusal {
    /// Tells whether these words of the peer's say that somebody there broke the transfer off.
    pub fn is_cancellation(text: &str) -> bool {
        let ours = [Role::Sender, Role::Receiver].map(|role| Self::Cancelled(role).as_str());
        // The words of the Rust program.
        text == "Task has been cancelled" || ours.contains(&text)
    }

    /// Tells whether these words of the peer's say no more than that the link is gone, or never
    /// came about.
    pub fn is_of_the_link(text: &str) -> bool {
        [Self::NoLink, Self::LinkLost].iter().any(|refusal| refusal.as_str() == text)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "transfer rejected",
            Self::Full => "the receiver's disk is full",
            Self::Unstored => "the receiver could not store what it was sent",
            Self::Unwritten => "the receiver could not write the text",
            Self::UnknownMode => "unknown mode",
            Self::UnknownOffer => "unknown offer type",
            Self::Verifier => "sender rejected verification check, abandoned transfer",
            Self::Cancelled(Role::Sender) => "the sender interrupted the transfer",
            Self::Cancelled(Role::Receiver) => "the receiver interrupted the transfer",
            Self::NoLink => "no connection could be made",
            Self::LinkLost => "the connection between the two was lost",
            Self::SameRole(Role::Sender) => "both sides want to send",
            Self::SameRole(Role::Receiver) => "both sides want to receive",
        }
    }
}

/// A message cannot be read. The peer is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadMessage {
    /// It is no JSON object.
    #[error("the peer sent a message that is not a JSON object")]
    NotAnObject,
    /// Its offer is none that we understand; [`BadOffer::refusal`] is what to answer.
    #[error(transparent)]
    Offer(#[from] BadOffer),
    /// Its answer is neither to a text nor to a file.
    #[error("the peer sent an answer that is neither to a text nor to a file")]
    Answer,
    /// Its error is not a text.
    #[error("the peer sent an error that is not a text")]
    Error,
    /// Its acknowledgement is none.
    #[error(transparent)]
    Ack(#[from] BadAck),
}

impl Message {
    /// Reads a message; keys that are not known are ignored.
    ///
    /// Of several keys in one message, which no program writes, one is read: the first of error,
    /// transit, offer, answer, ack and placing.
    ///
    /// # Errors
    /// Any [`BadMessage`].
    pub fn parse(json: &[u8]) -> Result<Self, BadMessage> {
        let value: Value = serde_json::from_slice(json).map_err(|_| BadMessage::NotAnObject)?;
        let message = value.as_object().ok_or(BadMessage::NotAnObject)?;
        if let Some(error) = message.get("error") {
            let text = error.as_str().ok_or(BadMessage::Error)?;
            return Ok(Self::Error(text.to_owned()));
        }
        if let Some(transit) = message.get("transit") {
            return Ok(Self::Transit {
                abilities: Abilities::read(&transit["abilities-v1"]),
                hints: Hints::read(&transit["hints-v1"]),
            });
        }
        if let Some(offer) = message.get("offer") {
            return Ok(Self::Offer(Offer::read(offer)?));
        }
        if let Some(answer) = message.get("answer") {
            return Answer::read(answer).map(Self::Answer).ok_or(BadMessage::Answer);
        }
        if let Some(ack) = message.get("ack") {
            return Ok(Self::Ack(Ack::read(ack)?));
        }
        Ok(if message.contains_key("placing") { Self::Placing } else { Self::Unknown })
    }

    /// Writes the message.
    pub fn write(&self) -> Vec<u8> {
        let value = match self {
            Self::Transit { abilities, hints } => json!({
                "transit": { "abilities-v1": abilities.write(), "hints-v1": hints.write() },
            }),
            Self::Offer(offer) => json!({ "offer": offer.write() }),
            Self::Answer(answer) => json!({ "answer": answer.write() }),
            Self::Error(text) => json!({ "error": text }),
            Self::Placing => json!({ "placing": true }),
            Self::Ack(ack) => json!({ "ack": ack.json() }),
            Self::Unknown => json!({}),
        };
        value.to_string().into_bytes()
    }
}

impl Answer {
    fn read(answer: &Value) -> Option<Self> {
        let verdict = |key| answer.get(key).and_then(Value::as_str).map(Verdict::from);
        let text = verdict("message_ack").map(Self::MessageAck);
        text.or_else(|| verdict("file_ack").map(Self::FileAck))
    }

    fn write(&self) -> Value {
        match self {
            Self::MessageAck(verdict) => json!({ "message_ack": verdict.as_str() }),
            Self::FileAck(verdict) => json!({ "file_ack": verdict.as_str() }),
        }
    }
}

impl Verdict {
    /// Shows the words.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ok => "ok",
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for Verdict {
    fn from(text: &str) -> Self {
        match text {
            "ok" => Self::Ok,
            _ => Self::Other(text.to_owned()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Refusal> for Message {
    fn from(refusal: Refusal) -> Self {
        Self::Error(refusal.to_string())
    }
}
