//! The page on which people look at recordings.

use std::fmt::Write;

use chrono::DateTime;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{
    layout::{Drawing, Lane},
    recording::Recording,
};

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The colours, and what they mean.
const LEGEND: [(&str, &str); 9] = [
    ("sent", "to the server"),
    ("received", "from the server"),
    ("ack", "acknowledged"),
    ("crypto", "cryptography"),
    ("user", "waits for a person"),
    ("network", "waits for the network"),
    ("actor", "between actors"),
    ("span", "other work"),
    ("moment", "moment"),
];

/// A page shows one recording or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected one recording or two, got {0}")]
pub struct RenderError(usize);

/// Draws the timeline of one side, or of both with the sender's first, as one HTML page.
///
/// Both sides and the server stand in lanes below each other, on the server's clock, by which each
/// side's own is corrected; frames are arrows between the lanes. The page needs nothing else: it
/// loads nothing, and a policy in it forbids it to.
///
/// # Errors
/// [`RenderError`] for no recording and for more than two.
pub fn render(recordings: &[Recording]) -> Result<String, RenderError> {
    if !(1..=2).contains(&recordings.len()) {
        return Err(RenderError(recordings.len()));
    }
    let drawing = Drawing::of(recordings);
    Ok(format!(
        include_str!("page/page.html"),
        style = STYLE,
        style_hash = hash(STYLE),
        script = SCRIPT,
        script_hash = hash(SCRIPT),
        facts = facts(&drawing),
        clocks = clocks(&drawing),
        legend = legend(&drawing),
        data = data(&drawing),
    ))
}

/// By which the page's policy knows what is its own.
fn hash(text: &str) -> String {
    BASE64.encode(&Sha256::digest(text))
}

/// The drawing as JSON that cannot end the element it stands in.
fn data(drawing: &Drawing) -> String {
    let json = serde_json::to_string(drawing).expect("text and numbers are JSON");
    json.replace('<', "\\u003c")
}

fn facts(drawing: &Drawing) -> String {
    let frames = drawing.marks.iter().filter(|mark| mark.arrow.is_some()).count();
    let mut facts = match DateTime::from_timestamp_micros((drawing.origin * 1e6) as i64) {
        Some(begin) if !drawing.marks.is_empty() => {
            format!("{} UTC · ", begin.format("%-d %B %Y, %H:%M:%S%.3f"))
        }
        _ => String::new(),
    };
    let (events, frames) = (counted(drawing.marks.len(), "event"), counted(frames, "frame"));
    let _ = write!(facts, "{} · {events} · {frames}", span(drawing.length));
    facts
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn clocks(drawing: &Drawing) -> String {
    let sides = drawing.lanes.iter().enumerate().filter(|(index, _)| *index != 1);
    let mut notes: Vec<String> = sides.map(|(_, lane)| clock(lane)).collect();
    if drawing.alike {
        notes.push("Both recordings are of the same part in a transfer.".to_owned());
    }
    if !drawing.related {
        notes.push("No frame is in both recordings: are they of the same transfer?".to_owned());
    }
    notes.into_iter().map(|note| format!("<li>{note}</li>\n")).collect()
}

/// Tells how a side's clock stands to the server's.
fn clock(lane: &Lane) -> String {
    let label = lane.label;
    let Some(clock) = lane.clock else {
        return format!("{label}: no frame tells how its clock stands to the server’s.");
    };
    let size = clock.seconds.abs();
    let apart =
        format!("{} {}", span(size), if clock.seconds < 0.0 { "ahead of" } else { "behind" });
    match clock.within {
        None => {
            format!("{label}: its clock is about {apart} the server’s, by one direction alone.")
        }
        Some(within) if within < 0.0 => {
            format!(
                "{label}: its clock is about {apart} the server’s; one of them was set meanwhile."
            )
        }
        Some(within) if size <= within => {
            format!("{label}: its clock agrees with the server’s within {}.", span(size + within))
        }
        Some(within) => {
            format!("{label}: its clock is {apart} the server’s, give or take {}.", span(within))
        }
    }
}

/// The colours that are in use.
fn legend(drawing: &Drawing) -> String {
    let used = |kind: &str| drawing.marks.iter().any(|mark| mark.kind == kind);
    let used = LEGEND.iter().filter(|(kind, _)| used(kind));
    used.map(|(kind, text)| format!("<li class=\"{kind}\">{text}</li>\n")).collect()
}

/// A length of time for people.
fn span(seconds: f64) -> String {
    match seconds {
        ..0.001 => format!("{:.0} µs", seconds * 1e6),
        ..1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::timing::vectors;

    fn embedded(page: &str) -> Value {
        let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
        serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
    }

    #[test]
    fn one_or_two_recordings_make_a_page() {
        let recordings = vectors();
        let both = render(&recordings).unwrap();
        assert_eq!(embedded(&both)["marks"].as_array().unwrap().len(), 65);
        assert!(both.contains("65 events · 52 frames"), "{both:.2000}");
        let one = Recording::parse(br#"[{"name": "exit", "start": 1}]"#).unwrap();
        let one = render(&[one]).unwrap();
        assert!(one.contains("1 event · 0 frames"), "{one:.2000}");
        let one = render(&recordings[1..]).unwrap();
        assert_eq!(embedded(&one)["lanes"].as_array().unwrap().len(), 2);
        assert_eq!(render(&[]), Err(RenderError(0)));
        assert_eq!(render(&vec![recordings[0].clone(); 3]), Err(RenderError(3)));
    }

    #[test]
    fn nothing_comes_from_elsewhere_and_nothing_breaks_out() {
        let attack = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>\u{2028}";
        let details = json!({"_side": attack, "type": attack, "phase": attack, "id": attack});
        let file = json!([{"name": attack, "start": 1, "details": {attack: attack}},
                          {"name": "ws_send", "start": 2, "details": details}]);
        let recording = Recording::parse(file.to_string().as_bytes()).unwrap();
        let page = render(&[recording]).unwrap();
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script").count(), 2);
        assert!(!page.contains("<img") && !page.contains("<!--"), "{page}");
        assert_eq!(
            embedded(&page)["marks"][0]["label"],
            attack.chars().take(60).collect::<String>() + "…"
        );
        for elsewhere in ["src=", "href=", "url(", "@import", "fetch("] {
            let ours = page.replace("src=x onerror", "");
            assert!(!ours.contains(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn what_is_told_of_the_clocks() {
        let mut recordings = vectors();
        for event in &mut recordings[1].events {
            event.start -= 90.0;
        }
        let page = render(&recordings).unwrap();
        assert!(
            page.contains("Receiver: its clock is 90.0 s behind the server’s, give or take 2"),
            "{page:.1500}"
        );
        assert!(!page.contains("the same transfer?"));
        let stranger = json!([{"name": "exit", "start": 1}]).to_string();
        let stranger = Recording::parse(stranger.as_bytes()).unwrap();
        let page = render(&[recordings.swap_remove(0), stranger]).unwrap();
        assert!(page.contains("Receiver: no frame tells"));
        assert!(page.contains("the same transfer?"));
    }

    #[test]
    fn lengths_of_time_have_a_fitting_unit() {
        let shown = [0.0, 0.000_34, 0.0123, 3.21].map(span);
        assert_eq!(shown, ["0 µs", "340 µs", "12.3 ms", "3.2 s"]);
    }
}
