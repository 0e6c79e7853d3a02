//! All marks in small, to see where in the picture one is.

use std::{collections::BTreeSet, fmt::Write};

use super::Drawing;

/// How many ticks stand beside each other; the page's drawing is so many units wide.
const COLUMNS: f64 = 600.0;
/// What a lane takes, in units, of which the last is empty.
const LANE: usize = 8;

/// A path of vertical strokes.
pub(super) fn path(drawing: &Drawing) -> String {
    let scale = if drawing.length > 0.0 { (COLUMNS - 1.0) / drawing.length } else { 0.0 };
    let column = |time: f64| (time * scale).round() as u32;
    let server = 1;
    let marks = drawing.marks.iter().flat_map(|mark| {
        let arrow = mark.arrow.as_ref().map(|arrow| (server, column(arrow.x)));
        [Some((mark.lane, column(mark.x))), arrow]
    });
    let mut path = String::new();
    for (lane, column) in marks.flatten().collect::<BTreeSet<_>>() {
        // Writing into a string cannot fail.
        let _ = write!(path, "M{column}.5 {}v{}", lane * LANE, LANE - 1);
    }
    path
}
