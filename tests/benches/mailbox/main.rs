//! Measures our mailbox server beside Python's, in one run, and prints the ratios.
//!
//! `tests/bench mailbox` builds what it needs and starts it. The figures are of one machine on one day;
//! the ratios are what lasts.

mod echo;
mod line;
mod meter;
mod session;

use std::{
    env,
    process::{Command, ExitCode, Stdio},
};

use meter::{Kind, Subject};
use wormhole_tests::Maker;

/// As the server does, so that the sessions of the echo server differ from its own by what they
/// hold alone.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SESSIONS: usize = 1_000;
const AT_ONCE: usize = 20;
const IDLE: usize = 1_000;

fn main() -> ExitCode {
    // Cargo adds an argument of its own.
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    if arguments == ["echo"] {
        echo::serve();
        return ExitCode::SUCCESS;
    }
    if Maker::Python.program("twist").is_err() {
        eprintln!("skipped: Python's server is not installed; run tests/bench");
        return ExitCode::SUCCESS;
    }
    let wanted = |part: &str| arguments.is_empty() || arguments.iter().any(|a| a == part);
    println!("{:<58}{:>10}{:>10}{:>8}{:>8}{:>8}", "", "ours", "other", "ratio", "floor", "aim");
    if wanted("memory") {
        in_memory();
    }
    if wanted("disk") {
        on_disk();
    }
    if wanted("idle") {
        idle();
    }
    ExitCode::SUCCESS
}

fn start(maker: Maker, kind: Kind) -> Subject {
    let subject = Subject::start(maker, kind).expect("it is installed");
    subject.load(100, AT_ONCE);
    subject
}

fn in_memory() {
    let (ours, python) = (start(Maker::Ours, Kind::Memory), start(Maker::Python, Kind::Memory));
    let (one, other) = (ours.load(4 * SESSIONS, AT_ONCE), python.load(SESSIONS, AT_ONCE));
    row("CPU seconds per 1,000 sessions, memory", one.cpu, other.cpu, "0.2", "0.1");
    let (one, other) = (ours.load(500, 1), python.load(500, 1));
    let what = "median delivery in ms, memory, one at a time";
    row(what, one.delivery, other.delivery, "0.6", "0.4");
}

fn on_disk() {
    let (ours, python) = (start(Maker::Ours, Kind::Disk), start(Maker::Python, Kind::Disk));
    let (one, other) = (ours.load(4 * SESSIONS, AT_ONCE), python.load(300, AT_ONCE));
    row("sessions a second, disk, 20 at a time", one.rate, other.rate, "10", "30");
    let what = "median delivery in ms, disk, 20 at a time";
    row(what, one.delivery, other.delivery, "0.1", "0.03");
}

fn idle() {
    let echo = Subject::of(echo_server(), "listening on ", String::clone);
    let ours = Subject::start(Maker::Ours, Kind::Memory).expect("it is built");
    let python = Subject::start(Maker::Python, Kind::Memory).expect("it is installed");
    let (one, bare, other) = (ours.idle(IDLE), echo.idle(IDLE), python.idle(IDLE));
    row("KB a bound idle connection, beside a bare echo session", one.each, bare.each, "1.3", "");
    row("KB a bound idle connection, beside Python", one.each, other.each, "", "1");
    row("MB with 1,000 connections, beside Python", one.peak, other.peak, "(24)", "(16)");
    row("MB after all have closed, beside our own peak", one.kept, one.peak, "0.6", "0.4");
}

fn row(what: &str, ours: f64, other: f64, floor: &str, aim: &str) {
    println!("{what:<58}{ours:>10.3}{other:>10.3}{:>8.3}{floor:>8}{aim:>8}", ours / other);
}

fn echo_server() -> Command {
    let mut command = Command::new(env::current_exe().expect("a running program has a path"));
    command.arg("echo").stderr(Stdio::null());
    command
}
