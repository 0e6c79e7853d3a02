//! `status`: what a running server does, asked over its unix socket.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::{
    Failure,
    ask::{self, Address},
    options::Settings,
    plan::Plan,
};

/// Asks the server; gives a table, or its JSON as it is.
pub(crate) fn run(settings: &Settings, as_json: bool) -> Result<String, Failure> {
    let plan = Plan::of(settings)?;
    let Some(address) = plan.status.iter().find_map(Address::of) else {
        let reason = "is needed, by the server and here, for status";
        return Err(settings.contradict("status-socket", reason).into());
    };
    let answer = ask::get(&address, None, "/status")?;
    if as_json {
        return Ok(format!("{answer}\n"));
    }
    let answer: Value = serde_json::from_str(&answer).map_err(|_| ask::Unanswered::Foreign)?;
    Ok(table(&answer))
}

/// What people ask for first; the rest is in the JSON and the metrics.
const ROWS: [(&str, &str); 9] = [
    ("websockets", "websockets open"),
    ("subscriptions", "with a mailbox open"),
    ("websockets_opened", "websockets since the start"),
    ("apps", "applications"),
    ("nameplates", "nameplates"),
    ("mailboxes", "mailboxes"),
    ("messages", "messages"),
    ("message_bytes", "bytes of messages"),
    ("refusals", "errors answered"),
];

fn table(answer: &Value) -> String {
    let figures = &answer["figures"];
    let number = |name: &str| figures[name].as_f64().unwrap_or(0.0);
    let mut table = String::new();
    let mut row = |name: &str, value: String| {
        // A text in memory takes everything.
        let _ = writeln!(table, "{name:28}{value:>12}");
    };
    row("version", text(&answer["version"]));
    row("up for", duration(number("uptime_seconds")));
    row("ready", if number("ready") == 0.0 { "no" } else { "yes" }.to_owned());
    for (name, title) in ROWS {
        row(title, number(name).to_string());
    }
    let none = Map::new();
    let reached = figures["limit_reached"].as_object().unwrap_or(&none);
    for (limit, count) in reached {
        let count = count.as_f64().unwrap_or(0.0);
        if count > 0.0 {
            row(&format!("reached {}", clean(limit)), count.to_string());
        }
    }
    table
}

fn text(value: &Value) -> String {
    clean(value.as_str().unwrap_or("unknown"))
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn duration(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_tells_the_limits_that_were_reached() {
        let table = table(&json!({"version": "1\u{1b}[2J", "figures": {
            "uptime_seconds": 90_061.5, "ready": 1.0, "mailboxes": 3.0,
            "limit_reached": {"max-apps": 2.0, "max-connections": 0.0},
        }}));
        assert!(table.contains("reached max-apps                       2\n"), "{table}");
        assert!(!table.contains("max-connections") && !table.contains('\u{1b}'), "{table}");
        assert!(table.contains("1 d 1 h"), "{table}");
    }
}
