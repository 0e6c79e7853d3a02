//! The frames in a recording: what was sent to the server and what came from it.

use serde_json::{Map, Value};

use super::recording::{Event, is_time};

/// What a message is known by on both sides and at the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MessageId {
    side: String,
    phase: String,
    id: String,
}

/// An event that is a frame.
pub(super) enum Frame<'a> {
    Sent(&'a Map<String, Value>),
    Received(&'a Map<String, Value>),
}

impl<'a> Frame<'a> {
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        match event.name.as_str() {
            "ws_send" => Some(Self::Sent(&event.details)),
            "ws_receive" => event.details.get("message")?.as_object().map(Self::Received),
            _ => None,
        }
    }

    /// The frame's type, and the phase where it has one.
    pub(super) fn label(&self) -> String {
        let kind = self.text("type").unwrap_or("?");
        self.text("phase").map_or_else(|| kind.to_owned(), |phase| format!("{kind} {phase}"))
    }

    /// The command's mark, which its `ack` bears too.
    pub(super) fn id(&self) -> Option<&'a str> {
        self.text("id")
    }

    pub(super) fn is_ack(&self) -> bool {
        matches!(self, Self::Received(_)) && self.text("type") == Some("ack")
    }

    /// The message which it carries to the server or from there.
    pub(super) fn message(&self) -> Option<MessageId> {
        let side = match (self, self.text("type")?) {
            (Self::Sent(_), "add") => self.text("_side")?,
            (Self::Received(_), "message") => self.text("side")?,
            _ => return None,
        };
        let [side, phase, id] = [side, self.text("phase")?, self.id()?].map(str::to_owned);
        Some(MessageId { side, phase, id })
    }

    /// When the server sent it, by the server's clock.
    pub(super) fn server_tx(&self) -> Option<f64> {
        self.time("server_tx")
    }

    /// When the message in it had come to the server, by the server's clock.
    pub(super) fn server_rx(&self) -> Option<f64> {
        self.time("server_rx")
    }

    fn time(&self, key: &str) -> Option<f64> {
        match self {
            Self::Sent(_) => None,
            Self::Received(frame) => frame.get(key)?.as_f64().filter(|at| is_time(*at)),
        }
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        let (Self::Sent(frame) | Self::Received(frame)) = self;
        frame.get(key)?.as_str()
    }
}

/// The side that a recording is of, where one of its frames tells.
pub(super) fn side(events: &[Event]) -> Option<&str> {
    let frames =
        events.iter().filter(|event| matches!(event.name.as_str(), "ws_send" | "ws_receive"));
    frames.filter_map(|event| event.details.get("_side")?.as_str()).next()
}
