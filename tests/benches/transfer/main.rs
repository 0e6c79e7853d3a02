//! Measures transfers of our program beside those of Python, Rust and Go, and beside an ideal, in
//! one run, and prints the ratios.
//!
//! `tests/bench transfer` builds what it needs and starts it. Each figure is the median of some
//! rounds, in each of which every program has its turn.

mod course;
mod ideal;

use std::{
    env,
    path::Path,
    process::{Command, ExitCode},
};

use course::{Course, Run};
use tempfile::TempDir;
use wormhole_tests::Peer;

const ROUNDS: usize = 3;
const GIGABYTE: usize = 1_000_000_000;
const FILES: usize = 5_000;

fn main() -> ExitCode {
    // Cargo adds an argument of its own.
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [first, from, to] = &arguments[..]
        && first == "ideal"
    {
        ideal::run(Path::new(from), Path::new(to));
        return ExitCode::SUCCESS;
    }
    let course = match Course::open() {
        Ok(course) => course,
        Err(missing) => {
            eprintln!("skipped: {missing}");
            return ExitCode::SUCCESS;
        }
    };
    let wanted = |part: &str| arguments.is_empty() || arguments.iter().any(|a| a == part);
    println!("{:<58}{:>10}{:>10}{:>8}{:>8}{:>8}", "", "ours", "other", "ratio", "floor", "aim");
    if wanted("file") {
        file(&course);
    }
    if wanted("folder") {
        folder(&course);
    }
    ExitCode::SUCCESS
}

fn file(course: &Course) {
    let name = course.make("gigabyte.bin", |at| course::noise(at, GIGABYTE));
    // Whose file is read first must not pay for the disk.
    course.ideal(name);
    let peers = [Peer::Ours, Peer::Python, Peer::Rust, Peer::Go];
    let mut ideal = Vec::new();
    let mut runs = peers.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        ideal.push(course.ideal(name));
        for (peer, runs) in peers.iter().zip(&mut runs) {
            runs.extend(ran(course, *peer, name).map(|(run, _)| run));
        }
    }
    let ideal = Run::median(&ideal);
    let [ours, python, rust, go] = runs.map(|runs| (!runs.is_empty()).then(|| Run::median(&runs)));
    let Some(ours) = ours else { return };
    row("CPU seconds a GB, both ends, beside the ideal", ours.cpu, ideal.cpu, "1.15", "1.0");
    let others = [("Python", python, "0.78"), ("Rust", rust, "0.55"), ("Go", go, "0.40")];
    for (name, other, floor) in &others {
        let Some(other) = other else { continue };
        row(&format!("the same, beside {name}"), ours.cpu, other.cpu, floor, "");
    }
    let walls = others.iter().filter_map(|(_, other, _)| other.map(|other| other.wall));
    let fastest = walls.fold(f64::INFINITY, f64::min);
    row("GB a second, beside the fastest of them", 1.0 / ours.wall, 1.0 / fastest, "1.3", "2");
    row("GB a second, beside the ideal", 1.0 / ours.wall, 1.0 / ideal.wall, "", "");
    for (name, other, _) in &others {
        let Some(other) = other else { continue };
        row(&format!("MB resident, beside {name}"), ours.peak, other.peak, "(16)", "(12)");
    }
}

fn folder(course: &Course) {
    let name = course.make("files", |at| course::files(at, FILES));
    let mut runs = [Vec::new(), Vec::new(), Vec::new()];
    // Deleted files would be in the way of the next ones: ext4 does not give their inodes out again
    // for a minute, and passes over each of them to find a free one.
    let mut arrived = Vec::new();
    for _ in 0..=ROUNDS {
        for (peer, runs) in [Peer::Ours, Peer::Go, Peer::Python].into_iter().zip(&mut runs) {
            if let Some((run, place)) = ran(course, peer, name) {
                runs.push(run);
                arrived.push(place);
            }
        }
    }
    let [ours, go, python] = runs.map(|runs| (!runs.is_empty()).then(|| Run::median(&runs)));
    let Some(ours) = ours else { return };
    for (name, other, floor) in [("Go", go, "1.0"), ("Python", python, "")] {
        let Some(other) = other else { continue };
        let what = format!("CPU seconds, 5,000 files of 4 KiB, both ends, beside {name}");
        row(&what, ours.cpu, other.cpu, floor, if floor.is_empty() { "" } else { "0.7" });
    }
    println!("{:<58}{:>10.3}{:>10.3}", "MB resident, seconds", ours.peak, ours.wall);
}

/// Runs a transfer, unless the maker's program is missing, which is said.
fn ran(course: &Course, peer: Peer, name: &str) -> Option<(Run, TempDir)> {
    // What the one before has left to be written must not be the next one's burden.
    let _ = Command::new("sync").status();
    course.run(peer, name).inspect_err(|missing| eprintln!("skipped: {missing}")).ok()
}

fn row(what: &str, ours: f64, other: f64, floor: &str, aim: &str) {
    println!("{what:<58}{ours:>10.3}{other:>10.3}{:>8.3}{floor:>8}{aim:>8}", ours / other);
}
