//! Measures our transit relay beside Python's, in one run, and prints the ratios.
//!
//! `tests/bench relay` builds what it needs and starts it. The figures are of one machine on one
//! day; the ratios are what lasts.

mod caller;
mod meter;

use std::{env, process::ExitCode};

use caller::Form;
use meter::Subject;
use wormhole_tests::Maker;

/// Connections of each kind whose memory is measured.
const MANY: usize = 400;

/// Connections whose readers have stopped: each fills the buffers of the system.
const STOPPED: usize = 30;

const BYTES: u64 = 4 << 30;

fn main() -> ExitCode {
    // Cargo adds an argument of its own.
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    if Maker::Python.program("twist").is_err() {
        eprintln!("skipped: Python's relay is not installed; run tests/bench");
        return ExitCode::SUCCESS;
    }
    let wanted = |part: &str| arguments.is_empty() || arguments.iter().any(|a| a == part);
    println!("{:<58}{:>10}{:>10}{:>8}{:>8}{:>8}", "", "ours", "other", "ratio", "floor", "aim");
    if wanted("speed") {
        let what = "CPU seconds per GB, TCP";
        row(what, |relay| relay.carry(Form::Tcp, BYTES), "0.55", "0.25");
        let what = "CPU seconds per GB, websockets";
        row(what, |relay| relay.carry(Form::WebSocket, BYTES / 2), "", "");
    }
    if wanted("idle") {
        row("MB of an empty process", |relay| relay.resident() / 1e3, "(8)", "(4)");
        for (form, name) in [(Form::Tcp, "TCP"), (Form::WebSocket, "websocket")] {
            // The table of the aims is of TCP.
            let of = |text| if form == Form::Tcp { text } else { "" };
            let what = format!("KB an idle pair, {name}");
            row(&what, |relay| relay.idle_pairs(form, MANY), of("(4)"), of("(2)"));
            let what = format!("KB a waiting connection, {name}");
            row(&what, |relay| relay.waiting(form, MANY), of("(3)"), of("(1)"));
            let what = format!("KB a pair with a stopped reader, {name}");
            row(&what, |relay| relay.stopped_readers(form, STOPPED), of("(256)"), of("(64)"));
        }
    }
    ExitCode::SUCCESS
}

/// Measures something of a relay of each maker; floor and aim in parentheses are of ours, others
/// of the ratio.
fn row(what: &str, measure: impl Fn(&Subject) -> f64, floor: &str, aim: &str) {
    let [ours, other] = [Maker::Ours, Maker::Python]
        .map(|maker| measure(&Subject::start(maker).expect("it is installed")));
    println!("{what:<58}{ours:>10.3}{other:>10.3}{:>8.3}{floor:>8}{aim:>8}", ours / other);
}
