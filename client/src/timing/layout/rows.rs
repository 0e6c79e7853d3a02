//! In which row of its side an event is drawn.

use super::super::{frame::Frame, recording::Event};

/// Bars that overlap stand below each other in so many rows; more share the last.
const MAX_BARS: usize = 8;
/// So many actors have a row of their own; more share the last.
const MAX_ACTORS: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// What one actor was told, until it had handled it.
    Actor(usize),
    /// Other spans.
    Bar(usize),
    Moments,
    /// Frames to and from the server.
    Frames,
}

impl Row {
    /// In CSS pixels.
    pub(super) fn height(self) -> u32 {
        match self {
            Self::Actor(_) => 15,
            Self::Bar(_) => 26,
            Self::Moments => 32,
            Self::Frames => 32,
        }
    }
}

/// The rows of one side.
pub(super) struct Rows {
    pub(super) actors: Vec<String>,
    bars: Bars,
    /// The row of each event.
    pub(super) of: Vec<Row>,
}

impl Rows {
    pub(super) fn of(events: &[Event]) -> Self {
        let mut rows = Self { actors: Vec::new(), bars: Bars::default(), of: Vec::new() };
        rows.of = vec![Row::Moments; events.len()];
        let mut in_time: Vec<usize> = (0..events.len()).collect();
        in_time.sort_by(|one, other| events[*one].start.total_cmp(&events[*other].start));
        for index in in_time {
            rows.of[index] = rows.place(&events[index]);
        }
        rows
    }

    fn place(&mut self, event: &Event) -> Row {
        if Frame::of(event).is_some() {
            return Row::Frames;
        }
        if waiting(event) == Some("actor") {
            let actor = event.details.get("actor").and_then(|actor| actor.as_str());
            return Row::Actor(self.actor(actor.unwrap_or("?")));
        }
        match event.stop {
            Some(stop) => Row::Bar(self.bars.place(event.start, stop)),
            None => Row::Moments,
        }
    }

    fn actor(&mut self, name: &str) -> usize {
        if let Some(known) = self.actors.iter().position(|actor| actor == name) {
            return known;
        }
        if self.actors.len() == MAX_ACTORS {
            self.actors[MAX_ACTORS - 1] = "others".to_owned();
            return MAX_ACTORS - 1;
        }
        self.actors.push(name.to_owned());
        self.actors.len() - 1
    }

    /// All rows, towards the server.
    pub(super) fn all(&self) -> Vec<Row> {
        let actors = (0..self.actors.len()).map(Row::Actor);
        let bars = (0..self.bars.ends.len()).map(Row::Bar);
        actors.chain(bars).chain([Row::Moments, Row::Frames]).collect()
    }
}

/// What a span waits for: `crypto`, `user`, `network`, `actor`.
pub(super) fn waiting(event: &Event) -> Option<&str> {
    event.details.get("waiting")?.as_str()
}

/// Where the last bar of each row ends.
#[derive(Default)]
struct Bars {
    ends: Vec<f64>,
}

impl Bars {
    /// Takes bars in the order of their starts.
    fn place(&mut self, start: f64, stop: f64) -> usize {
        let free = self.ends.iter().position(|end| *end <= start);
        let row = free.unwrap_or(self.ends.len()).min(MAX_BARS - 1);
        match self.ends.get_mut(row) {
            Some(end) => *end = end.max(stop),
            None => self.ends.push(stop),
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::timing::{Recording, vectors};

    fn rows(events: Value) -> Rows {
        Rows::of(&Recording::parse(events.to_string().as_bytes()).unwrap().events)
    }

    fn span(start: f64, stop: f64) -> Value {
        json!({"name": "tx file", "start": start, "stop": stop, "details": {}})
    }

    fn told(actor: &str) -> Value {
        let details = json!({"actor": actor, "waiting": "actor"});
        json!({"name": "GotPake", "start": 1.0, "stop": 1.5, "details": details})
    }

    #[test]
    fn events_stand_by_their_kind() {
        let recording = &vectors()[0];
        let rows = Rows::of(&recording.events);
        assert_eq!(rows.all(), [Row::Bar(0), Row::Moments, Row::Frames]);
        for (event, row) in recording.events.iter().zip(&rows.of) {
            let expected = match event.name.as_str() {
                "ws_send" | "ws_receive" => Row::Frames,
                "pake1" | "pake2" | "import" => Row::Bar(0),
                _ => Row::Moments,
            };
            assert_eq!(*row, expected, "{event:?}");
        }
    }

    #[test]
    fn bars_that_overlap_stand_below_each_other() {
        let placed =
            rows(json!([span(1.0, 4.0), span(5.0, 6.0), span(2.0, 3.0), span(4.0, 9.0)])).of;
        assert_eq!(placed, [Row::Bar(0), Row::Bar(1), Row::Bar(1), Row::Bar(0)]);
        let many: Vec<_> = (0..100).map(|start| span(start.into(), 1_000.0)).collect();
        let rows = rows(many.into());
        assert_eq!(rows.all().len(), MAX_BARS + 2);
        assert_eq!(rows.of[99], Row::Bar(MAX_BARS - 1));
    }

    #[test]
    fn each_actor_has_a_row() {
        let rows = rows(json!([told("Order"), told("Key"), told("Order")]));
        assert_eq!(rows.of, [Row::Actor(0), Row::Actor(1), Row::Actor(0)]);
        assert_eq!(rows.actors, ["Order", "Key"]);
        let many: Vec<_> = (0..100).map(|n| told(&n.to_string())).collect();
        let rows = self::rows(many.into());
        assert_eq!(rows.actors.len(), MAX_ACTORS);
        assert_eq!((rows.actors[MAX_ACTORS - 1].as_str(), rows.of[99]), ("others", Row::Actor(23)));
    }
}
