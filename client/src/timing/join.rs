//! Which events are of one frame: a command and its `ack`, a message where it was sent and where
//! it was received.

use std::collections::HashMap;

use super::{
    frame::{Frame, MessageId},
    recording::{Event, Recording},
};

/// What the other events tell about one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Joined {
    /// For a frame, when the server got it or sent it, by the server's clock.
    pub(super) server: Option<f64>,
    /// The same number for all events of one frame.
    pub(super) journey: Option<usize>,
}

/// Joins the events of all recordings; the result has their shape.
pub(super) fn join(recordings: &[Recording]) -> Vec<Vec<Joined>> {
    let mut journeys = Journeys::default();
    let mut joined: Vec<Vec<Joined>> =
        recordings.iter().map(|recording| journeys.follow(&recording.events)).collect();
    for (recording, joined) in recordings.iter().zip(&mut joined) {
        for (event, joined) in recording.events.iter().zip(joined) {
            // The message itself tells better than the `ack`, which leaves later.
            if event.name == "ws_send"
                && let Some(at) = joined.journey.and_then(|journey| journeys.arrived[journey])
            {
                joined.server = Some(at);
            }
        }
    }
    joined
}

#[derive(Default)]
struct Journeys {
    messages: HashMap<MessageId, usize>,
    /// When the server had the message of this number.
    arrived: Vec<Option<f64>>,
}

impl Journeys {
    fn follow(&mut self, events: &[Event]) -> Vec<Joined> {
        // Marks are short and may come twice, so the latest command of a mark is the one meant.
        let mut unacknowledged = HashMap::new();
        let mut all: Vec<Joined> = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            let Some(frame) = Frame::of(event) else {
                all.push(Joined::default());
                continue;
            };
            let acknowledged = frame.id().filter(|_| frame.is_ack());
            let acknowledged = acknowledged.and_then(|id| unacknowledged.remove(id));
            let journey = match (acknowledged, &frame) {
                (Some(command), _) => {
                    let command: &mut Joined = &mut all[command];
                    command.server = frame.server_tx();
                    command.journey
                }
                (None, Frame::Sent(_)) => {
                    unacknowledged.extend(frame.id().map(|id| (id, index)));
                    Some(self.message(&frame).unwrap_or_else(|| self.begin()))
                }
                (None, Frame::Received(_)) => self.message(&frame),
            };
            all.push(Joined { server: frame.server_tx(), journey });
        }
        all
    }

    fn message(&mut self, frame: &Frame<'_>) -> Option<usize> {
        let message = frame.message()?;
        let journey = match self.messages.get(&message) {
            Some(journey) => *journey,
            None => {
                let journey = self.begin();
                self.messages.insert(message, journey);
                journey
            }
        };
        if let Some(at) = frame.server_rx() {
            self.arrived[journey].get_or_insert(at);
        }
        Some(journey)
    }

    fn begin(&mut self) -> usize {
        self.arrived.push(None);
        self.arrived.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::timing::vectors;

    fn recording(events: serde_json::Value) -> Recording {
        Recording::parse(events.to_string().as_bytes()).unwrap()
    }

    fn sent(start: f64, details: serde_json::Value) -> serde_json::Value {
        json!({"name": "ws_send", "start": start, "details": details})
    }

    fn received(start: f64, message: serde_json::Value) -> serde_json::Value {
        json!({"name": "ws_receive", "start": start, "details": {"message": message}})
    }

    #[test]
    fn a_message_is_one_journey_through_both_sides() {
        let recordings = vectors();
        let joined = join(&recordings);
        let pake = |recording: usize, label: &str, id: &str| {
            let wanted = |event: &Event| {
                Frame::of(event).is_some_and(|f| f.label() == label && f.id() == Some(id))
            };
            let index = recordings[recording].events.iter().position(wanted).unwrap();
            joined[recording][index]
        };
        let add = pake(0, "add pake", "6814");
        assert_eq!(add.server, Some(1_795_356_132.749_669_8), "server_rx, not that of the ack");
        for other in [
            pake(0, "ack", "6814"),
            pake(0, "message pake", "6814"),
            pake(1, "message pake", "6814"),
        ] {
            assert_eq!(other.journey, add.journey);
            assert!(other.server > add.server);
        }
        assert_ne!(pake(1, "add pake", "437d").journey, add.journey);
        // Every frame of either has been at the server, and nothing else has.
        for (recording, joined) in recordings.iter().zip(&joined) {
            for (event, joined) in recording.events.iter().zip(joined) {
                assert_eq!(joined.server.is_some(), event.name.starts_with("ws_"), "{event:?}");
            }
        }
    }

    #[test]
    fn a_mark_that_comes_twice_means_the_latest_command() {
        let events = json!([
            sent(1.0, json!({"type": "list", "id": "aa"})),
            received(2.0, json!({"type": "ack", "id": "aa", "server_tx": 1.5})),
            sent(3.0, json!({"type": "list", "id": "aa"})),
            sent(4.0, json!({"type": "list", "id": "bb"})),
            received(5.0, json!({"type": "ack", "id": "aa", "server_tx": 4.5})),
            received(6.0, json!({"type": "ack", "id": "aa", "server_tx": 5.5})),
        ]);
        let joined = &join(&[recording(events)])[0];
        let server: Vec<_> = joined.iter().map(|joined| joined.server).collect();
        assert_eq!(server, [Some(1.5), Some(1.5), Some(4.5), None, Some(4.5), Some(5.5)]);
        let journeys: Vec<_> = joined.iter().map(|joined| joined.journey).collect();
        assert_eq!(journeys, [Some(0), Some(0), Some(1), Some(2), Some(1), None]);
    }

    #[test]
    fn frames_of_no_known_shape_are_joined_to_nothing() {
        let events = json!([
            {"name": "ws_receive", "start": 1, "details": {"message": "text"}},
            {"name": "ws_send", "start": 1},
            received(1.0, json!({"type": 7, "id": [], "server_tx": "now", "server_rx": 1e300})),
            received(1.0, json!({"type": "message", "phase": "pake", "server_tx": -1})),
        ]);
        for joined in &join(&[recording(events)])[0] {
            assert_eq!(joined.server, None);
        }
    }
}
