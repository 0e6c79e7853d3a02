use serde_json::json;

use super::*;
use crate::timing::vectors;

fn recording(events: serde_json::Value) -> Recording {
    Recording::parse(events.to_string().as_bytes()).unwrap()
}

fn shift(recording: &mut Recording, seconds: f64) {
    for event in &mut recording.events {
        event.start += seconds;
        event.stop = event.stop.map(|stop| stop + seconds);
    }
}

#[test]
fn the_server_stands_between_the_sides_whose_frames_are_next_to_it() {
    let drawing = Drawing::of(&vectors());
    let labels: Vec<_> = drawing.lanes.iter().map(|lane| lane.label).collect();
    assert_eq!(labels, ["Sender", "Server", "Receiver"]);
    let ids: Vec<_> = drawing.lanes.iter().map(|lane| lane.id.as_str()).collect();
    assert_eq!(ids, ["0d74d9683a", "", "17d065ee61"]);
    let [sender, server, receiver] = &drawing.lanes[..] else { panic!("three lanes") };
    assert_eq!(sender.y + sender.h + GAP, server.y);
    assert_eq!(server.y + server.h + GAP, receiver.y);
    assert_eq!(receiver.y + receiver.h, drawing.height);
    for mark in &drawing.marks {
        let lane = &drawing.lanes[mark.lane];
        assert!(mark.y >= lane.y && mark.y + mark.h <= lane.y + lane.h, "{}", mark.label);
        let Some(arrow) = &mark.arrow else { continue };
        match mark.lane {
            0 => assert_eq!((arrow.from, arrow.to), (mark.y + mark.h, server.y)),
            _ => assert_eq!((arrow.from, arrow.to), (mark.y, server.y + server.h)),
        }
        assert!(!drawing.marks.iter().any(|other| {
            other.lane == mark.lane && other.y.abs_diff(server.y) < mark.y.abs_diff(server.y)
        }));
    }
}

#[test]
fn the_picture_begins_at_zero_and_holds_everything() {
    let drawing = Drawing::of(&vectors());
    assert!((drawing.origin - 1_795_356_132.667).abs() < 0.001, "{}", drawing.origin);
    assert!((0.104..0.106).contains(&drawing.length), "{}", drawing.length);
    let begins: Vec<_> = drawing.marks.iter().map(|mark| mark.x).collect();
    assert_eq!(begins[0], 0.0);
    assert!(begins.is_sorted());
    for mark in &drawing.marks {
        assert!(mark.x + mark.w.unwrap_or(0.0) <= drawing.length);
        assert!(mark.arrow.as_ref().is_none_or(|arrow| (0.0..=drawing.length).contains(&arrow.x)));
    }
}

#[test]
fn no_frame_arrives_before_it_was_sent_whatever_the_clocks_say() {
    for wrong in [0.0, 3_600.0, -5.0] {
        let mut recordings = vectors();
        shift(&mut recordings[1], wrong);
        let drawing = Drawing::of(&recordings);
        assert!((0.104..0.106).contains(&drawing.length), "{wrong}: {}", drawing.length);
        let mut frames = 0;
        for mark in &drawing.marks {
            let Some(arrow) = &mark.arrow else { continue };
            frames += 1;
            // What a double holds of a unix time is a quarter of a microsecond.
            match mark.kind {
                "sent" => assert!(arrow.x >= mark.x - 1e-6, "{}", mark.label),
                _ => assert!(arrow.x <= mark.x + 1e-6, "{}", mark.label),
            }
        }
        assert_eq!(frames, 52);
    }
}

#[test]
fn what_sides_did_tells_their_names() {
    let labels = |recordings: &[Recording]| -> Vec<&str> {
        Drawing::of(recordings).lanes.iter().map(|lane| lane.label).collect()
    };
    let [sender, receiver] = &vectors()[..] else { panic!("two sides") };
    let unknown = recording(json!([{"name": "exit", "start": 1}]));
    assert_eq!(labels(&[receiver.clone(), sender.clone()]), ["Receiver", "Server", "Sender"]);
    assert_eq!(labels(&[unknown.clone(), sender.clone()]), ["Receiver", "Server", "Sender"]);
    assert_eq!(labels(&[unknown.clone(), unknown.clone()]), ["Sender", "Server", "Receiver"]);
    assert_eq!(labels(&[sender.clone(), sender.clone()]), ["First", "Server", "Second"]);
    assert_eq!(labels(std::slice::from_ref(receiver)), ["Receiver", "Server"]);
    assert_eq!(labels(&[unknown]), ["This side", "Server"]);
}

#[test]
fn marks_have_the_class_of_what_they_wait_for() {
    let mark = |event: serde_json::Value| {
        let mark = Drawing::of(&[recording(json!([event]))]).marks.swap_remove(0);
        (mark.kind, mark.label, mark.w)
    };
    let waits = |waiting: &str| {
        let details = json!({"waiting": waiting, "actor": "Order"});
        mark(json!({"name": "GotPake", "start": 1, "stop": 3, "details": details})).0
    };
    let kinds = ["crypto", "user", "network", "actor", "new"].map(waits);
    assert_eq!(kinds, ["crypto", "user", "network", "actor", "span"]);
    assert_eq!(mark(json!({"name": "exit", "start": 1})), ("moment", "exit".to_owned(), None));
    let backwards = json!({"name": "tx file", "start": 3, "stop": 1});
    assert_eq!(mark(backwards), ("span", "tx file".to_owned(), Some(0.0)));
    let long = mark(json!({"name": "é".repeat(1_000), "start": 1})).1;
    assert_eq!(long.chars().count(), MAX_LABEL + 1);
}

#[test]
fn nothing_at_all_is_a_picture_too() {
    let drawing = Drawing::of(&[recording(json!([])), recording(json!([]))]);
    assert_eq!((drawing.length, drawing.marks.len(), drawing.lanes.len()), (0.0, 0, 3));
    assert_eq!(drawing.overview, "");
}

#[test]
fn the_overview_has_a_stroke_for_each_place_that_is_taken() {
    let at = |start: u32| json!({"name": "exit", "start": start});
    let drawing = Drawing::of(&[recording(json!([at(0), at(0), at(500), at(1_000)]))]);
    assert_eq!(drawing.overview, "M0.5 0v7M300.5 0v7M599.5 0v7");
}

#[test]
fn an_event_is_shown_as_in_the_file_and_never_much_longer() {
    let nested = format!("{}{}{}", "[".repeat(100), "1,".repeat(1_000) + "1", "]".repeat(100));
    let nested: Value = serde_json::from_str(&nested).unwrap();
    let event = |details: Value| {
        let event = json!({"name": "exit", "start": 1.5, "stop": null, "details": details});
        let text = Drawing::of(&[recording(json!([event]))]).marks.swap_remove(0).event;
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), event);
        text
    };
    assert!(event(json!({"a": [1]})).contains("\n    \"a\": [\n"));
    assert!(event(json!({"a": nested})).len() < 5_000);
}
