//! `restore`: a copy takes the place of a database, whatever is left beside that, and nothing else
//! does.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use common::{Caller, Process};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

/// A database with a log beside it, as a killed server leaves it, and an older copy.
struct Stage {
    folder: TempDir,
}

impl Stage {
    /// The copy knows the nameplate 7, the database 7 and 8, and the log alone knows 8.
    async fn set() -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        let server = Process::start_with(&stage.database(), |command| {
            command.arg("--usage-db").arg(stage.path("usage.sqlite"));
        });
        claim(&server.url, "a", "7").await;
        let made = stage.run(&["backup", "copy.sqlite", "--usage-db=usage.sqlite"]);
        assert!(made.status.success(), "{}", said(&made));
        claim(&server.url, "b", "8").await;
        server.kill();
        assert!(stage.path("relay.sqlite-wal").metadata().unwrap().len() > 0);
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("relay.sqlite")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Every file with what is in it, but for locks and what SQLite shares between processes.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let aside = |name: &String| name.ends_with("-lock") || name.ends_with("-shm");
        let names = self.names().into_iter().filter(|name| !aside(name));
        names.map(|name| (name.clone(), fs::read(self.path(&name)).unwrap())).collect()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

async fn claim(url: &str, side: &str, nameplate: &str) {
    let mut caller = Caller::bound(url, side).await;
    let claimed = caller.get(json!({"type": "claim", "nameplate": nameplate})).await;
    assert_eq!(claimed["type"], "claimed");
}

/// The nameplates that a server finds in a database.
async fn served(database: &Path) -> Vec<String> {
    let server = Process::start(database);
    let mut caller = Caller::bound(&server.url, "z").await;
    let listed = caller.get(json!({"type": "list"})).await;
    let nameplates = listed["nameplates"].as_array().unwrap();
    nameplates.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[actix::test]
async fn a_copy_takes_the_place_of_a_database_and_of_the_log_beside_it() {
    let stage = Stage::set().await;
    let restored = stage.run(&["restore", "copy.sqlite"]);
    assert!(restored.status.success(), "{}", said(&restored));
    assert_eq!(
        said(&restored),
        "copy.sqlite-usage is left out: no --usage-db says where it belongs\n\
         relay.sqlite is now relay.sqlite-before-restore-1\n\
         relay.sqlite is restored from copy.sqlite\n"
    );
    let names = stage.names();
    for foreign in ["relay.sqlite-wal", "relay.sqlite-shm", "relay.sqlite-restored"] {
        assert!(!names.contains(foreign), "{names:?}");
    }
    assert_eq!(served(&stage.database()).await, ["7"]);
    // What was there is whole, with what only its log knew.
    let aside = stage.path("relay.sqlite-before-restore-1");
    assert_eq!(served(&aside).await, ["7", "8"]);
    // The copy can be restored as often as one likes.
    assert_eq!(served(&stage.path("copy.sqlite")).await, ["7"]);
    let again = stage.run(&["restore", "copy.sqlite"]);
    assert!(said(&again).contains("is now relay.sqlite-before-restore-2\n"), "{}", said(&again));
}

#[actix::test]
async fn the_usage_database_is_restored_with_it_or_alone() {
    let stage = Stage::set().await;
    let count = |name: &str| -> i64 {
        let connection = Connection::open(stage.path(name)).unwrap();
        let sql = "SELECT count(*) FROM client_versions";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = count("copy.sqlite-usage");
    let add = "INSERT INTO client_versions VALUES ('app', 'x', 1, NULL, NULL)";
    for arguments in [&["restore", "copy.sqlite"], &["restore", "copy.sqlite-usage"]] {
        Connection::open(stage.path("usage.sqlite")).unwrap().execute(add, []).unwrap();
        let arguments = [&arguments[..], &["--usage-db=usage.sqlite"]].concat();
        let restored = stage.run(&arguments);
        assert!(restored.status.success(), "{}", said(&restored));
        assert!(said(&restored).contains("usage.sqlite is restored from copy.sqlite-usage\n"));
        assert_eq!(count("usage.sqlite"), before);
    }
    fs::remove_file(stage.path("copy.sqlite-usage")).unwrap();
    let alone = stage.run(&["restore", "copy.sqlite", "--usage-db=usage.sqlite"]);
    let expected = "usage.sqlite stays as it is: there is no copy.sqlite-usage\n";
    assert!(said(&alone).contains(expected), "{}", said(&alone));
}

#[actix::test]
async fn it_is_refused_while_a_server_runs_which_is_named() {
    let stage = Stage::set().await;
    let server = Process::start_with(&stage.database(), |command| {
        command.arg("--usage-db").arg(stage.path("usage.sqlite"));
    });
    let before = fs::read(stage.database()).unwrap();
    let names = stage.names();
    let refused = stage.run(&["restore", "copy.sqlite"]);
    assert_eq!(refused.status.code(), Some(1));
    let expected = format!(
        "wormhole-server: another server uses relay.sqlite: process {} holds relay.sqlite-lock\n",
        server.id()
    );
    assert_eq!(said(&refused).lines().last().unwrap(), expected.trim_end());
    let refused = stage.run(&["restore", "copy.sqlite-usage", "--usage-db=usage.sqlite"]);
    let expected = "another server uses usage.sqlite: it holds usage.sqlite-lock";
    assert!(said(&refused).contains(expected), "{}", said(&refused));
    assert!(fs::read(stage.database()).unwrap() == before);
    assert_eq!(stage.names(), names);
    claim(&server.url, "c", "9").await;
}

#[actix::test]
async fn a_copy_that_is_not_good_changes_nothing() {
    let stage = Stage::set().await;
    let good = fs::read(stage.path("copy.sqlite")).unwrap();
    let mut damaged = good.clone();
    // The pages behind the first, which tells the tables.
    damaged[4_096..].fill(0xa5);
    fs::write(stage.path("damaged"), damaged).unwrap();
    fs::write(stage.path("half"), &good[..good.len() / 2]).unwrap();
    fs::write(stage.path("text"), "x".repeat(5_000)).unwrap();
    fs::write(stage.path("empty"), "").unwrap();
    for (name, change) in [
        ("columns", "ALTER TABLE messages DROP COLUMN msg_id"),
        ("version", "UPDATE version SET version = 3"),
        ("dangling", "PRAGMA foreign_keys = OFF; DELETE FROM mailboxes"),
    ] {
        fs::write(stage.path(name), &good).unwrap();
        Connection::open(stage.path(name)).unwrap().execute_batch(change).unwrap();
    }
    let before = stage.files();
    for (copy, expected) in [
        ("damaged", "damaged"),
        ("half", "malformed"),
        ("text", "not a database"),
        ("empty", "holds no tables"),
        ("columns", "no such column: msg_id"),
        ("version", "unable to handle db version 3"),
        ("dangling", "dangling references"),
        ("missing", "cannot open"),
        ("copy.sqlite-usage", "--usage-db has to name the file"),
        ("relay.sqlite", "--channel-db is the copy itself"),
    ] {
        let refused = stage.run(&["restore", copy]);
        assert!(!refused.status.success(), "{copy}");
        let said = said(&refused);
        assert!(said.contains(expected) && said.lines().count() == 1, "{copy}: {said}");
        assert!(stage.files() == before, "{copy}: {:?}", stage.names());
    }
}

/// Kills at moments that are spread over a whole run, however long that takes here.
#[actix::test]
async fn a_kill_leaves_the_old_database_or_the_new_one() {
    const ROUNDS: u32 = 12;
    let (old, new) = (["7", "8"], ["7"]);
    let stage = Stage::set().await;
    let began = Instant::now();
    assert!(stage.run(&["restore", "copy.sqlite"]).status.success());
    let whole: Duration = began.elapsed();
    let aside = |suffix: &str| stage.path(&format!("relay.sqlite-before-restore-1{suffix}"));
    let originals = ["", "-wal"].map(|suffix| fs::read(aside(suffix)).unwrap());
    for round in 0..ROUNDS {
        for (suffix, bytes) in ["", "-wal"].iter().zip(&originals) {
            fs::write(stage.path(&format!("relay.sqlite{suffix}")), bytes).unwrap();
        }
        let mut command = stage.command(&["restore", "copy.sqlite"]);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let killed_at = whole * round / ROUNDS;
        let began = Instant::now();
        while began.elapsed() < killed_at {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let found = served(&stage.database()).await;
        assert!(found == old || found == new, "after {killed_at:?}: {found:?}");
    }
}
