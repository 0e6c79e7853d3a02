//! Reports of databases that the tests fill.

use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::{config::Database, usage::schema};

/// The beginning of 2026-01-31.
const DAY: i64 = 1_769_817_600;

fn database(folder: &Path) -> (Connection, PathBuf) {
    let path = folder.join("usage.sqlite");
    (schema::open(&Database::File(path.clone())).unwrap().connection, path)
}

fn fill(connection: &Connection) {
    let sql = format!(
        "INSERT INTO mailboxes VALUES ('a', 1, {DAY}, 10, 1, 'happy');
         INSERT INTO mailboxes VALUES ('a', 1, {DAY}.5, 20, 4, 'happy');
         INSERT INTO mailboxes VALUES ('b', 1, {DAY} + 86399.9, 90, NULL, 'lonely');
         INSERT INTO mailboxes VALUES ('b', 1, {DAY}, 5, 2.5, 'scary');
         INSERT INTO mailboxes VALUES ('b', 1, {DAY}, 5, 1.5, 'quiet');
         INSERT INTO mailboxes VALUES ('b', 1, {DAY} + 86400, 7, 6, 'crowded');
         INSERT INTO mailboxes VALUES ('b', 1, 1e18, 7, 6, 'happy');
         INSERT INTO nameplates VALUES ('a', {DAY} - 1, NULL, 3, 'lonely');
         INSERT INTO client_versions VALUES ('a', 's', {DAY}, 'python', '0.24.0');
         INSERT INTO client_versions VALUES ('a', 's', {DAY}, 'python', '0.24.0');
         INSERT INTO client_versions VALUES ('b', 's', {DAY}, 'python', '0.24.0');
         INSERT INTO client_versions VALUES ('a', 't', {DAY}, NULL, NULL);
         INSERT INTO client_versions VALUES ('a', 'u', {DAY}, 'a' || char(27) || '\"', 7);"
    );
    connection.execute_batch(&sql).unwrap();
    for number in 0..20 {
        let sql = "INSERT INTO client_versions VALUES ('a', 's', ?1, 'x', ?2)";
        connection.execute(sql, [DAY + 86_400, number]).unwrap();
    }
}

#[test]
fn days_are_counted_while_the_database_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let (connection, path) = database(folder.path());
    assert_eq!(days(&path, Range::default()).unwrap(), []);
    fill(&connection);
    let found = days(&path, Range::default()).unwrap();
    let dates: Vec<_> = found.iter().map(|day| day.date.to_string()).collect();
    assert_eq!(dates, ["2026-01-30", "2026-01-31", "2026-02-01"]);

    let day = &found[1];
    assert_eq!(Outcome::ALL.map(|outcome| day.mailboxes.of(outcome)), [2, 1, 1, 0, 0, 0]);
    assert_eq!(day.nameplates.all(), 0);
    assert_eq!((day.waiting, day.total), (Some(2.0), Some(10.0)));
    let client = |name: Option<&str>, version: Option<&str>, sides| Client {
        implementation: name.map(str::to_owned),
        version: version.map(str::to_owned),
        sides,
    };
    let clients = [
        client(Some("python"), Some("0.24.0"), 2),
        client(None, None, 1),
        client(Some(r#"a\u{1b}""#), Some("7"), 1),
    ];
    assert_eq!((day.versions, day.clients.as_slice()), (3, clients.as_slice()));
    assert_eq!((found[2].versions, found[2].clients.len()), (20, 10));
    assert_eq!((found[0].nameplates.of(Outcome::Lonely), found[0].waiting), (1, None));

    let day: Date = "2026-01-31".parse().unwrap();
    let range = Range { first: Some(day), last: Some(day) };
    assert_eq!(days(&path, range).unwrap(), found[1..2]);
    assert_eq!(days(&path, Range { first: Some(day), last: None }).unwrap(), found[1..]);
}

#[test]
fn a_report_is_shown_to_people_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    let (connection, path) = database(folder.path());
    assert_eq!(Table(&[]).to_string(), "nothing is recorded\n");
    fill(&connection);
    drop(connection);
    let found = days(&path, Range::default()).unwrap();
    let shown = Table(&found).to_string();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "date       mailboxes   happy  lonely   scary  errory  pruney crowded  waiting    \
             total nameplates   happy  lonely  pruney crowded",
            "2026-01-30         0       0       0       0       0       0       0        -        \
             -          1       0       1       0       0",
            "2026-01-31         4       2       1       1       0       0       0     2.0s    \
             10.0s          0       0       0       0       0",
        ]
    );
    assert_eq!(
        lines[5..9],
        [
            "date           sides client",
            "2026-01-31         2 python 0.24.0",
            "2026-01-31         1 unknown",
            r#"2026-01-31         1 a\u{1b}" 7"#,
        ]
    );
    assert_eq!(*lines.last().unwrap(), "2026-02-01           10 more");

    let told = to_json(&found);
    assert_eq!(told[0]["mailboxes"]["errory"], 0);
    assert_eq!(told[0]["nameplates"], json!({"happy": 0, "lonely": 1, "pruney": 0, "crowded": 0}));
    assert_eq!(told[1]["date"], "2026-01-31");
    assert_eq!(told[1]["waiting_time"], 2.0);
    let client = json!({"implementation": null, "version": null, "sides": 1});
    assert_eq!(told[1]["clients"][1], client);
}

#[test]
fn a_report_needs_a_usage_database_and_takes_one_of_version_1() {
    let folder = tempfile::tempdir().unwrap();
    let missing = days(&folder.path().join("none"), Range::default()).unwrap_err();
    assert!(missing.to_string().starts_with("cannot open"), "{missing}");
    let (connection, path) = database(folder.path());
    fill(&connection);
    let downgrade = "DROP TABLE client_versions; UPDATE version SET version = 1";
    connection.execute_batch(downgrade).unwrap();
    let found = days(&path, Range::default()).unwrap();
    assert_eq!(found.iter().map(|day| day.versions).collect::<Vec<_>>(), [0, 0, 0]);
    connection.execute_batch("DROP TABLE current").unwrap();
    let foreign = days(&path, Range::default()).unwrap_err().to_string();
    assert!(foreign.ends_with("expected a usage database of a mailbox server"), "{foreign}");
}
