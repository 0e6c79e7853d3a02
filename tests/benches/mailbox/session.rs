//! One whole session: two connections, from bind to close.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::line::Line;

/// Runs one, and gives how long each of its six messages took to the other side.
pub(crate) async fn run(address: &str) -> Vec<Duration> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let sides = [format!("a{number}"), format!("b{number}")];
    let mut lines = [bound(address, &sides[0]).await, bound(address, &sides[1]).await];

    lines[0].say(r#"{"type":"allocate","id":"0001"}"#.to_owned()).await;
    let nameplate = lines[0].hear_type("allocated").await;
    for line in &mut lines {
        line.say(format!(r#"{{"type":"claim","nameplate":"{nameplate}","id":"0002"}}"#)).await;
        let mailbox = line.hear_type("claimed").await;
        line.say(format!(r#"{{"type":"open","mailbox":"{mailbox}","id":"0003"}}"#)).await;
        line.hear_type("ack").await;
    }

    let mut deliveries = Vec::new();
    for (phase, length) in [("pake", 33), ("version", 80), ("0", 300)] {
        for (from, to) in [(0, 1), (1, 0)] {
            let body = "5a".repeat(length);
            let add = format!(r#"{{"type":"add","phase":"{phase}","body":"{body}","id":"0004"}}"#);
            let sent = Instant::now();
            lines[from].say(add).await;
            lines[to].hear_side(&sides[from], phase).await;
            deliveries.push(sent.elapsed());
        }
    }
    for line in &mut lines {
        line.say(format!(r#"{{"type":"release","nameplate":"{nameplate}","id":"0005"}}"#)).await;
        line.hear_type("released").await;
        line.say(r#"{"type":"close","mood":"happy","id":"0006"}"#.to_owned()).await;
        line.hear_type("closed").await;
    }
    for line in lines {
        line.close().await;
    }
    deliveries
}

/// A connection that is welcome, and bound to the app of the load.
pub(crate) async fn bound(address: &str, side: &str) -> Line {
    let mut line = Line::open(address).await;
    line.say(format!(
        r#"{{"type":"bind","appid":"load","side":"{side}","client_version":["load","1"],"id":"0000"}}"#
    ))
    .await;
    line
}
