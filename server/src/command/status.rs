//! `status`: what a running server does, asked over its unix socket.

use std::fmt::{Display, Write};

use serde_json::{Map, Value};

use crate::{
    Failure,
    ask::{self, Address},
    options::Settings,
    plan,
};

/// Asks the server; gives a table, or its JSON as it is.
pub(crate) fn run(settings: &Settings, as_json: bool) -> Result<String, Failure> {
    let Some(address) = plan::status(settings).iter().find_map(Address::of) else {
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

/// The same of a transit relay.
const RELAY_ROWS: [(&str, &str); 5] = [
    ("connections", "connections to the relay"),
    ("waiting", "waiting for their peers"),
    ("pairs", "pairs joined"),
    ("connections_accepted", "connections since the start"),
    ("bytes", "bytes carried"),
];

fn table(answer: &Value) -> String {
    let mut table = Table::default();
    table.row("version", text(&answer["version"]));
    for (service, rows) in [("figures", &ROWS[..]), ("relay", &RELAY_ROWS[..])] {
        if answer[service].is_object() {
            table.service(&answer[service], rows);
        }
    }
    table.0
}

#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, name: &str, value: impl Display) {
        // A text in memory takes everything.
        let _ = writeln!(self.0, "{name:28}{value:>12}");
    }

    fn service(&mut self, figures: &Value, rows: &[(&str, &str)]) {
        let number = |name: &str| figures[name].as_f64().unwrap_or(0.0);
        self.row("up for", duration(number("uptime_seconds")));
        self.row("ready", if number("ready") == 0.0 { "no" } else { "yes" });
        for (name, title) in rows {
            self.row(title, number(name));
        }
        let none = Map::new();
        for (limit, count) in figures["limit_reached"].as_object().unwrap_or(&none) {
            let count = count.as_f64().unwrap_or(0.0);
            if count > 0.0 {
                self.row(&format!("reached {}", clean(limit)), count);
            }
        }
    }
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
        assert!(table.contains("1 d 1 h") && !table.contains("pairs"), "{table}");
        let relay = json!({"version": "1", "relay": {"pairs": 2.0}});
        assert!(super::table(&relay).contains("pairs joined                           2\n"));
    }
}
