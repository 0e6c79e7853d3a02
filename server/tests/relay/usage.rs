//! What is kept of ends [transit-relay.md: results, usage database].

use std::{fs::File, path::Path, sync::Arc, time::Duration};

use rusqlite::Connection;
use serde_json::Value;
use wormhole_server::{
    Database, DatabaseKind, import,
    relay::{RelayConfig, RelayUsage},
};

use super::Stage;

/// A row of the table `usage`.
type Row = (f64, f64, Option<f64>, i64, String);

fn rows(path: &Path) -> Vec<Row> {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT started, total_time, waiting_time, total_bytes, result FROM usage
               ORDER BY rowid";
    let mut select = connection.prepare(sql).unwrap();
    let rows = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// One connection that nobody understands, and a pair, in this order.
async fn use_it(stage: &Stage) {
    let mut stranger = stage.call().await;
    stranger.say(b"\n").await;
    stranger.hear_end().await;
    drop(stranger);
    let (mut one, mut two) = stage.pair().await;
    one.say(&[0; 10_001]).await;
    two.expect(&"\0".repeat(10_001)).await;
    drop((one, two));
    assert_eq!(stage.moods().await, [("errory", 1), ("happy", 1)]);
}

#[actix::test]
async fn every_end_is_a_row_and_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("usage.sqlite"), folder.path().join("usage.log"));
    let usage = RelayUsage {
        database: Some(Database::File(path.clone())),
        log: Some(Arc::new(File::create(&log).unwrap())),
        blur: None,
    };
    let stage = Stage::with(RelayConfig { usage, ..RelayConfig::default() });
    use_it(&stage).await;
    let (_one, _two) = stage.pair().await;
    stage.relay.stop().await;

    let rows = rows(&path);
    let ends: Vec<_> = rows.iter().map(|row| (row.3, row.4.as_str())).collect();
    assert_eq!(ends, [(0, "errory"), (10_001, "happy"), (0, "happy")]);
    let waited: Vec<_> = rows.iter().map(|row| row.2.is_some()).collect();
    assert_eq!(waited, [false, true, true]);
    for (started, total, waiting, ..) in &rows {
        assert!(started.fract() > 0.0 && *total >= waiting.unwrap_or(0.0));
    }

    let lines = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for ((started, total, waiting, bytes, mood), line) in rows.iter().zip(&lines) {
        // The reader of JSON is not exact to the last bit.
        let near = |key: &str, time: f64| (line[key].as_f64().unwrap() - time).abs() < 1e-3;
        assert!(near("started", *started) && near("total_time", *total), "{line}");
        match waiting {
            Some(waiting) => assert!(near("waiting_time", *waiting), "{line}"),
            None => assert_eq!(line["waiting_time"], Value::Null),
        }
        assert_eq!(line["total_bytes"], *bytes);
        assert_eq!(line["mood"], *mood);
        assert_eq!(line.as_object().unwrap().len(), 5);
    }
    assert_eq!(lines.len(), 3);
}

#[actix::test]
async fn a_blur_is_for_times_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.sqlite");
    let usage = RelayUsage {
        database: Some(Database::File(path.clone())),
        blur: Some(Duration::from_secs(3_600)),
        ..RelayUsage::default()
    };
    let stage = Stage::with(RelayConfig { usage, ..RelayConfig::default() });
    use_it(&stage).await;
    stage.relay.stop().await;
    let rows = rows(&path);
    assert_eq!(rows.iter().map(|row| row.3).collect::<Vec<_>>(), [0, 20_000]);
    assert!(rows.iter().all(|row| row.0 % 3_600.0 < f64::EPSILON));
}

#[actix::test]
async fn the_state_is_there_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.sqlite");
    let usage =
        RelayUsage { database: Some(Database::File(path.clone())), ..RelayUsage::default() };
    let stage = Stage::with(RelayConfig { usage, ..RelayConfig::default() });
    let connection = Connection::open(&path).unwrap();
    let current = || -> rusqlite::Result<(i64, i64, i64, i64)> {
        let sql = "SELECT updated - rebooted, connected, waiting, incomplete_bytes FROM current";
        connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
    };
    while current().is_err() {
        tokio::task::yield_now().await;
    }
    let (age, connected, waiting, incomplete) = current().unwrap();
    assert!((0..5).contains(&age));
    assert_eq!((connected, waiting, incomplete), (0, 0, 0));
    let version: i64 =
        connection.query_row("SELECT version FROM version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
    stage.relay.stop().await;
}

#[actix::test]
async fn a_database_is_only_used_where_it_is_a_relays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.sqlite");
    let refused = || {
        let usage =
            RelayUsage { database: Some(Database::File(path.clone())), ..RelayUsage::default() };
        let checked = usage.check_database().err().map(|error| error.to_string());
        checked.unwrap_or_else(|| panic!("{} is taken", path.display()))
    };
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE nameplates (x)").unwrap();
    let said = refused();
    assert!(
        said.ends_with("the tables nameplates: expected a usage database of a transit relay"),
        "{said}"
    );
    other
        .execute_batch(
            "DROP TABLE nameplates; CREATE TABLE version (version INTEGER);
             INSERT INTO version VALUES (2); CREATE TABLE current (x); CREATE TABLE usage (x)",
        )
        .unwrap();
    let said = refused();
    assert!(
        said.ends_with("unable to handle db version 2 of a usage database: expected 1"),
        "{said}"
    );
}

#[actix::test]
async fn what_another_relay_has_recorded_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["old.sqlite", "new.sqlite"].map(|name| folder.path().join(name));
    for path in &paths {
        let usage =
            RelayUsage { database: Some(Database::File(path.clone())), ..RelayUsage::default() };
        let stage = Stage::with(RelayConfig { usage, ..RelayConfig::default() });
        use_it(&stage).await;
        stage.relay.stop().await;
    }
    let [old, new] = &paths;
    assert_eq!(wormhole_server::kind_of(old).unwrap(), DatabaseKind::Relay);
    let imported = import(old, new).unwrap();
    assert_eq!((imported.records, imported.backup.is_some()), (2, true));
    let moods: Vec<_> = rows(new).into_iter().map(|row| row.4).collect();
    assert_eq!(moods, ["errory", "happy", "errory", "happy"]);
}
