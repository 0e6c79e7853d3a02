//! Where everything stands in the picture: across by time, down by lane.

mod overview;
mod rows;

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use self::rows::{Row, Rows, waiting};
use super::{
    clock::Offset,
    frame::{self, Frame},
    join::{Joined, join},
    recording::{Event, Recording},
};

/// Between a side and the server, in CSS pixels.
const GAP: u32 = 96;
const SERVER: u32 = 40;
/// Above and below the rows of a side.
const MARGIN: u32 = 8;
/// The longest label, in characters.
const MAX_LABEL: usize = 60;

/// The picture, as its script draws it: times are seconds from the beginning by the server's clock,
/// places down the page are CSS pixels.
#[derive(Serialize)]
pub(super) struct Drawing {
    /// When it begins, in unix time.
    #[serde(skip)]
    pub(super) origin: f64,
    pub(super) length: f64,
    height: u32,
    /// The first side, the server, the second side.
    pub(super) lanes: Vec<Lane>,
    actors: Vec<Actor>,
    /// In the order of their times.
    pub(super) marks: Vec<Mark>,
    /// All marks in small, as a path.
    overview: String,
    /// Whether a frame was seen by all recordings.
    #[serde(skip)]
    pub(super) related: bool,
    /// Whether both sides did the same.
    #[serde(skip)]
    pub(super) alike: bool,
}

#[derive(Serialize)]
pub(super) struct Lane {
    pub(super) label: &'static str,
    /// The id of a side, as the recording has it.
    id: String,
    y: u32,
    h: u32,
    #[serde(skip)]
    pub(super) clock: Option<Offset>,
}

#[derive(Serialize)]
struct Actor {
    name: String,
    y: u32,
    h: u32,
}

/// An event: a bar where it lasts, else a tick.
#[derive(Serialize)]
pub(super) struct Mark {
    lane: usize,
    pub(super) kind: &'static str,
    label: String,
    x: f64,
    w: Option<f64>,
    y: u32,
    h: u32,
    pub(super) arrow: Option<Arrow>,
    journey: Option<usize>,
    /// The event as it is in the file.
    event: String,
}

/// A frame's way between its tick and the server.
#[derive(Serialize)]
pub(super) struct Arrow {
    /// When it was at the server.
    x: f64,
    from: u32,
    to: u32,
}

impl Drawing {
    /// Draws one or two recordings.
    pub(super) fn of(recordings: &[Recording]) -> Self {
        let joined = join(recordings);
        let mut drawing = Self::empty();
        for (index, (recording, joined)) in recordings.iter().zip(&joined).enumerate() {
            if index > 0 {
                drawing.height += GAP;
            }
            drawing.side(index, recording, joined);
            if index == 0 {
                drawing.server();
            }
        }
        drawing.name_sides(recordings);
        drawing.related = related(&joined);
        drawing.begin_at_zero();
        drawing.marks.sort_by(|one, other| one.x.total_cmp(&other.x));
        drawing.overview = overview::path(&drawing);
        drawing
    }

    fn empty() -> Self {
        Self {
            origin: 0.0,
            length: 0.0,
            height: 0,
            lanes: Vec::new(),
            actors: Vec::new(),
            marks: Vec::new(),
            overview: String::new(),
            related: true,
            alike: false,
        }
    }

    fn server(&mut self) {
        self.height += GAP;
        let id = String::new();
        self.lanes.push(Lane { label: "Server", id, y: self.height, h: SERVER, clock: None });
        self.height += SERVER;
    }

    /// Adds a side, whose frames are next to the server: below the first, above the second.
    fn side(&mut self, index: usize, recording: &Recording, joined: &[Joined]) {
        let rows = Rows::of(&recording.events);
        let top = self.height;
        let placed = self.place(index, &rows);
        let y = |row: Row| placed.iter().find(|place| place.0 == row).map_or(top, |place| place.1);
        let names = rows.actors.iter().enumerate();
        self.actors.extend(names.map(|(number, name)| {
            let row = Row::Actor(number);
            Actor { name: cut(name), y: y(row), h: row.height() }
        }));
        let clock = Offset::estimate(recording, joined);
        let ahead = clock.map_or(0.0, |clock| clock.seconds);
        let way = match index {
            0 => (y(Row::Frames) + Row::Frames.height(), self.height + GAP),
            _ => (y(Row::Frames), self.lanes[1].y + SERVER),
        };
        let lane = self.lanes.len();
        for ((event, joined), row) in recording.events.iter().zip(joined).zip(&rows.of) {
            let mark = Mark::of(event, joined, way);
            let x = event.start + ahead;
            self.marks.push(Mark { lane, x, y: y(*row), h: row.height(), ..mark });
        }
        let id = frame::side(&recording.events).map(cut).unwrap_or_default();
        self.lanes.push(Lane { label: "", id, y: top, h: self.height - top, clock });
    }

    /// Makes room for a side's rows and tells where they are.
    fn place(&mut self, index: usize, rows: &Rows) -> Vec<(Row, u32)> {
        let mut down = rows.all();
        if index > 0 {
            down.reverse();
        }
        self.height += MARGIN;
        let placed = down.into_iter().map(|row| (row, self.below(row))).collect();
        self.height += MARGIN;
        placed
    }

    /// Makes room for a row and tells where it is.
    fn below(&mut self, row: Row) -> u32 {
        let y = self.height;
        self.height += row.height();
        y
    }

    /// Names the sides by what they did, else by their order.
    fn name_sides(&mut self, recordings: &[Recording]) {
        let roles: Vec<_> = recordings.iter().map(role).collect();
        let names = match roles[..] {
            [one] => vec![one.unwrap_or("This side")],
            [Some(one), Some(other)] if one == other => {
                self.alike = true;
                vec!["First", "Second"]
            }
            [Some("Receiver"), _] | [_, Some("Sender")] => vec!["Receiver", "Sender"],
            _ => vec!["Sender", "Receiver"],
        };
        let sides = self.lanes.iter_mut().filter(|lane| lane.label.is_empty());
        for (lane, name) in sides.zip(names) {
            lane.label = name;
        }
    }

    fn begin_at_zero(&mut self) {
        let times = || {
            self.marks.iter().flat_map(|mark| {
                [Some(mark.x), mark.w.map(|w| mark.x + w), mark.arrow.as_ref().map(|arrow| arrow.x)]
            })
        };
        let first = times().flatten().reduce(f64::min).unwrap_or(0.0);
        let last = times().flatten().reduce(f64::max).unwrap_or(0.0);
        (self.origin, self.length) = (first, last - first);
        for mark in &mut self.marks {
            mark.x -= first;
            if let Some(arrow) = &mut mark.arrow {
                arrow.x -= first;
            }
        }
    }
}

impl Mark {
    /// Draws an event that has no place yet; its frame's way is from one place to another.
    fn of(event: &Event, joined: &Joined, (from, to): (u32, u32)) -> Self {
        let frame = Frame::of(event);
        Self {
            lane: 0,
            kind: kind(event, frame.as_ref()),
            label: cut(&label(event, frame.as_ref())),
            x: event.start,
            w: event.stop.map(|stop| (stop - event.start).max(0.0)),
            y: 0,
            h: 0,
            arrow: joined.server.map(|x| Arrow { x, from, to }),
            journey: joined.journey,
            event: text(event),
        }
    }
}

/// What a recording tells of its side's part in the transfer.
fn role(recording: &Recording) -> Option<&'static str> {
    let part = |event: &Event| match event.name.as_str() {
        "tx file" | "get ack" => Some("Sender"),
        "rx file" | "send ack" | "input code" | "permission" => Some("Receiver"),
        "import" => match event.details.get("which")?.as_str()? {
            "cmd_send" => Some("Sender"),
            "cmd_receive" => Some("Receiver"),
            _ => None,
        },
        _ => None,
    };
    recording.events.iter().find_map(part)
}

fn related(joined: &[Vec<Joined>]) -> bool {
    let journeys = |side: &Vec<Joined>| -> HashSet<usize> {
        side.iter().filter_map(|joined| joined.journey).collect()
    };
    match joined {
        [one, other, ..] => !journeys(one).is_disjoint(&journeys(other)),
        _ => true,
    }
}

/// The class by which a mark is coloured.
fn kind(event: &Event, frame: Option<&Frame<'_>>) -> &'static str {
    match (frame, waiting(event)) {
        (Some(Frame::Sent(_)), _) => "sent",
        (Some(frame), _) if frame.is_ack() => "ack",
        (Some(_), _) => "received",
        (None, Some("crypto")) => "crypto",
        (None, Some("user")) => "user",
        (None, Some("network")) => "network",
        (None, Some("actor")) => "actor",
        (None, _) if event.stop.is_some() => "span",
        (None, _) => "moment",
    }
}

fn label(event: &Event, frame: Option<&Frame<'_>>) -> String {
    match (frame, event.details.get("which").and_then(Value::as_str)) {
        (Some(frame), _) => frame.label(),
        (None, Some(which)) => format!("{} {which}", event.name),
        (None, None) => event.name.clone(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_LABEL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The event on lines of its own, unless it is nested so deeply that it would grow beyond measure.
fn text(event: &Event) -> String {
    let compact = serde_json::to_string(event).expect("text and numbers are JSON");
    let mut room = vec![0; 4 * compact.len()];
    let mut rest = room.as_mut_slice();
    if serde_json::to_writer_pretty(&mut rest, event).is_err() {
        return compact;
    }
    let left = rest.len();
    room.truncate(room.len() - left);
    String::from_utf8(room).unwrap_or(compact)
}

#[cfg(test)]
mod tests;
