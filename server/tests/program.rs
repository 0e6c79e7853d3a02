//! The program's own part: its documentation and its file descriptors.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, process::Command};

use common::{Caller, Process};
use serde_json::Value;
use wormhole_server::{Config, Limit};

#[test]
fn the_readme_tells_every_limit_as_the_program_has_it() {
    let readme = include_str!("../README.md");
    for limit in Limit::ALL {
        let (option, default, what) = (limit.option(), limit.default(), limit.what());
        let row = format!("| `--{option}` | {default} | {what} |");
        assert!(readme.lines().any(|line| line == row), "the README lacks {row}");
    }
}

#[test]
fn the_readme_and_the_help_tell_the_same_options() {
    let help = Command::new(env!("CARGO_BIN_EXE_wormhole-server"))
        .args(["mailbox", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let words = help.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    let options = words.filter(|word| word.starts_with("--") && word.len() > 2);
    let readme = include_str!("../README.md");
    let mut seen = 0;
    for option in options.filter(|option| *option != "--help") {
        assert!(readme.contains(&format!("`{option}`")), "the README lacks {option}");
        seen += 1;
    }
    assert!(seen > 20, "{help}");
}

/// The program under a limit of file descriptors.
fn start(ulimit: &str) -> Process {
    let mut shell = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_wormhole-server");
    let arguments = "mailbox --host 127.0.0.1 --port 0 --channel-db :memory:";
    shell.args(["-c", &format!("ulimit {ulimit}; exec {program} {arguments} 2>/dev/null")]);
    Process::run(shell)
}

#[actix::test]
async fn the_limit_of_file_descriptors_is_raised() {
    let server = start("-Sn 256");
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let row = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let soft: u64 = row.split_whitespace().next().unwrap().parse().unwrap();
    assert!(soft >= 1_024, "{row}");
}

#[actix::test]
async fn where_the_system_allows_few_connections_the_next_one_is_told() {
    // Two descriptors for each of fifteen connections, and what the program needs itself.
    let workers = Config::default().workers;
    let server = start(&format!("-n {}", 30 + 100 + 50 * workers));
    let mut inside = Vec::new();
    for side in 0..15 {
        inside.push(Caller::bound(&server.url, &side.to_string()).await);
    }
    let mut outside = Caller::connect(&server.url).await;
    assert_eq!(outside.hear().await["error"], "limit reached: at most 15 connections");
    assert_eq!(outside.hear().await, Value::Null);
    inside[0].until_pong().await;
}
