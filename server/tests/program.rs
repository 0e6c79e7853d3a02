//! The program's own part: its documentation and its file descriptors.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{collections::BTreeSet, fs, process::Command};

use common::{Caller, Process};
use serde_json::Value;
use wormhole_server::{Config, Limit};

/// What the program prints.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wormhole-server")).args(arguments).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// `UPDATE=1` writes the table instead.
#[test]
fn the_readme_has_the_programs_own_table_of_options() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once("compared by tests/program.rs -->\n").unwrap();
    let (table, after) = rest.split_once("<!-- /options -->").unwrap();
    let made = printed(&["options"]);
    if std::env::var_os("UPDATE").is_some() {
        let head = format!("{before}compared by tests/program.rs -->\n");
        fs::write(path, format!("{head}{made}<!-- /options -->{after}")).unwrap();
    } else {
        assert_eq!(table, made, "run this test with UPDATE=1");
    }
}

#[test]
fn the_table_and_the_help_tell_the_same_options() {
    let help = printed(&["serve", "--help"]);
    let words = help.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    let names = words.filter_map(|word| word.strip_prefix("--").filter(|name| !name.is_empty()));
    let ours = ["help", "config", "check-config", "print-config"];
    let helped: BTreeSet<&str> = names.filter(|name| !ours.contains(name)).collect();
    let table = printed(&["options"]);
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `--"));
    let listed: BTreeSet<&str> = rows.filter_map(|row| row.split([' ', '`']).next()).collect();
    assert!(listed.len() > 40, "{table}");
    assert_eq!(helped, listed);
    for limit in Limit::ALL {
        assert!(listed.contains(limit.option()));
    }
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
