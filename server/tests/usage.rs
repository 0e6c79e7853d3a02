//! What a real server records of its use [mailbox-server.md: usage records].

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use common::{Caller, Embedded};
use rusqlite::{Connection, types::Value as Cell};
use serde_json::{Value, json};
use tempfile::TempDir;
use wormhole_server::{
    Config, Database, Limit, Limits, UsageConfig,
    usage::{
        Outcome,
        report::{self, Range},
    },
};

/// Where a server writes.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn usage(&self) -> PathBuf {
        self.0.path().join("usage.sqlite")
    }

    fn config(&self) -> Config {
        let usage = UsageConfig { database: Database::File(self.usage()), blur: None };
        let database = Database::File(self.0.path().join("relay.sqlite"));
        Config { usage: Some(usage), database, ..Config::default() }
    }

    /// Starts a server that forgets at once what nobody listens to, and may be asked all the time.
    fn start_forgetful(&self) -> Embedded {
        let limits = [Limit::ConnectionCommands, Limit::AddressCommands]
            .into_iter()
            .fold(Limits::default(), |limits, rate| limits.with(rate, 0));
        let (expiry, prune_every) = (Duration::ZERO, Duration::from_millis(1));
        Embedded::start(Config { expiry, prune_every, limits, ..self.config() })
    }

    fn rows<const N: usize>(&self, sql: &str) -> Vec<[Cell; N]> {
        rows(&self.usage(), sql)
    }

    /// The results of nameplates, and those of mailboxes with whether two sides came.
    fn results(&self) -> (Vec<String>, Vec<(String, bool)>) {
        let nameplates = self.rows("SELECT result FROM nameplates ORDER BY rowid");
        let mailboxes =
            self.rows("SELECT result, waiting_time IS NOT NULL FROM mailboxes ORDER BY rowid");
        let nameplates = nameplates.into_iter().map(|[result]| text(result));
        let mailboxes = mailboxes.into_iter().map(|[result, met]| (text(result), met == one()));
        (nameplates.collect(), mailboxes.collect())
    }
}

fn rows<const N: usize>(path: &Path, sql: &str) -> Vec<[Cell; N]> {
    let connection = Connection::open(path).unwrap();
    let mut query = connection.prepare(sql).unwrap();
    let cells = |row: &rusqlite::Row<'_>| Ok(std::array::from_fn(|at| row.get(at).unwrap()));
    query.query_map([], cells).unwrap().collect::<Result<_, _>>().unwrap()
}

fn one() -> Cell {
    Cell::Integer(1)
}

fn text(cell: Cell) -> String {
    let Cell::Text(text) = cell else { panic!("{cell:?} is no text") };
    text
}

fn number(cell: &Cell) -> f64 {
    match cell {
        Cell::Integer(number) => *number as f64,
        Cell::Real(number) => *number,
        other => panic!("{other:?} is no number"),
    }
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

/// Claims nameplate 8, and opens its mailbox.
async fn come(url: &str, side: &str) -> Caller {
    let mut caller = Caller::bound(url, side).await;
    let claimed = caller.get(json!({"type": "claim", "nameplate": "8"})).await;
    caller.ask(json!({"type": "open", "mailbox": claimed["mailbox"]})).await;
    caller
}

async fn leave(caller: &mut Caller, mood: &str) {
    assert_eq!(caller.get(json!({"type": "release"})).await["type"], "released");
    close(caller, mood).await;
}

async fn close(caller: &mut Caller, mood: &str) {
    assert_eq!(caller.get(json!({"type": "close", "mood": mood})).await["type"], "closed");
}

#[actix::test]
async fn each_pair_is_recorded_as_it_ends() {
    let place = Place::new();
    let server = Embedded::start(place.config());
    let before = now();
    for moods in [["happy", "happy"], ["happy", "scary"], ["errory", "lonely"], ["lonely", "odd"]] {
        let mut pair = [come(&server.url, "a").await, come(&server.url, "b").await];
        for (side, mood) in pair.iter_mut().zip(moods) {
            leave(side, mood).await;
        }
    }
    let mut alone = come(&server.url, "a").await;
    leave(&mut alone, "lonely").await;
    // Without a release; and a close of what is gone, which tells nothing.
    let mut hasty = come(&server.url, "a").await;
    close(&mut hasty, "happy").await;
    let mut late = Caller::bound(&server.url, "a").await;
    late.get(json!({"type": "close", "mailbox": "gone", "mood": "scary"})).await;
    // Of no nameplate.
    let mut invented = Caller::bound(&server.url, "a").await;
    invented.ask(json!({"type": "open", "mailbox": "invented"})).await;
    close(&mut invented, "happy").await;
    server.stop();

    let (nameplates, mailboxes) = place.results();
    assert_eq!(nameplates, ["happy", "happy", "happy", "happy", "lonely"]);
    let mailboxes: Vec<_> = mailboxes.iter().map(|(word, met)| (word.as_str(), *met)).collect();
    let pairs = [("happy", true), ("scary", true), ("errory", true), ("lonely", true)];
    assert_eq!(mailboxes, [&pairs[..], &[("lonely", false); 3]].concat());

    let sql = "SELECT started, started + coalesce(waiting_time, 0), started + total_time FROM";
    for table in ["mailboxes", "nameplates"] {
        for times in place.rows::<3>(&format!("{sql} {table}")) {
            let times = times.map(|cell| number(&cell));
            assert!(before <= times[0] && times.is_sorted() && times[2] <= now(), "{times:?}");
        }
    }
    let apps = "SELECT DISTINCT app_id FROM mailboxes UNION SELECT app_id FROM nameplates";
    assert_eq!(place.rows(apps), [[Cell::Text("app".to_owned())]]);
    let for_nameplate = "SELECT for_nameplate, count(*) FROM mailboxes GROUP BY 1";
    assert_eq!(place.rows(for_nameplate), [[Cell::Integer(0), one()], [one(), Cell::Integer(6)]]);
    // Two databases with their locks, and the reserve.
    assert_eq!(place.0.path().read_dir().unwrap().count(), 5);

    let days = report::days(&place.usage(), Range::default()).unwrap();
    let lonely: u64 = days.iter().map(|day| day.mailboxes.of(Outcome::Lonely)).sum();
    assert_eq!(lonely, 4);
}

#[actix::test]
async fn a_crowd_is_recorded_although_it_was_refused() {
    let place = Place::new();
    let server = Embedded::start(place.config());
    let mut pair = [come(&server.url, "a").await, come(&server.url, "b").await];
    let mut third = Caller::bound(&server.url, "c").await;
    let refused = third.get(json!({"type": "claim", "nameplate": "8"})).await;
    assert_eq!(refused["error"], "crowded");
    for side in &mut pair {
        leave(side, "happy").await;
    }
    server.stop();
    let crowded = "crowded".to_owned();
    assert_eq!(place.results(), (vec![crowded.clone()], vec![(crowded, true)]));
}

#[actix::test]
async fn moods_and_times_survive_a_restart() {
    let place = Place::new();
    let server = Embedded::start(place.config());
    let mut a = come(&server.url, "a").await;
    let met = now();
    come(&server.url, "b").await;
    leave(&mut a, "scary").await;
    server.stop();
    assert_eq!(place.results(), (vec![], vec![]));
    let server = Embedded::start(place.config());
    let mut b = come(&server.url, "b").await;
    leave(&mut b, "happy").await;
    server.stop();
    assert_eq!(place.results(), (vec!["happy".to_owned()], vec![("scary".to_owned(), true)]));
    let started =
        place.rows::<1>("SELECT started FROM mailboxes UNION SELECT started FROM nameplates");
    assert!(started.iter().all(|[cell]| number(cell) <= met), "{started:?} {met}");
}

#[actix::test]
async fn what_is_pruned_is_recorded() {
    let place = Place::new();
    let server = Embedded::start(place.config());
    drop([come(&server.url, "a").await, come(&server.url, "b").await]);
    let mut invented = Caller::bound(&server.url, "a").await;
    invented.ask(json!({"type": "open", "mailbox": "invented"})).await;
    server.stop();
    let server = place.start_forgetful();
    let mut waiting = Caller::bound(&server.url, "w").await;
    while waiting.get(json!({"type": "list"})).await["nameplates"] != json!([]) {}
    server.stop();
    let (nameplates, mut mailboxes) = place.results();
    assert_eq!(nameplates, ["pruney"]);
    mailboxes.sort();
    let pruney = "pruney".to_owned();
    assert_eq!(mailboxes, [(pruney.clone(), false), (pruney, true)]);
}

#[actix::test]
async fn a_blur_hides_when_something_began() {
    let place = Place::new();
    let blur = Some(Duration::from_secs(1_000_000));
    let database = Database::File(place.usage());
    let usage = Some(UsageConfig { database, blur });
    let server = Embedded::start(Config { usage, ..place.config() });
    let before = now();
    let mut pair = [come(&server.url, "a").await, come(&server.url, "b").await];
    for side in &mut pair {
        leave(side, "happy").await;
    }
    server.stop();
    let blurred = (before / 1e6).floor() * 1e6;
    for (table, time) in
        [("mailboxes", "started"), ("nameplates", "started"), ("client_versions", "connect_time")]
    {
        let times =
            place.rows::<2>(&format!("SELECT DISTINCT {time}, typeof({time}) FROM {table}"));
        assert_eq!(times.len(), 1, "{times:?}");
        assert!([0.0, 1e6].contains(&(number(&times[0][0]) - blurred)), "{times:?}");
        assert_eq!(times[0][1], Cell::Text("integer".to_owned()));
    }
    let spans = place.rows::<2>("SELECT waiting_time, total_time FROM mailboxes");
    let [waiting, total] = spans[0].each_ref().map(number);
    assert!(0.0 < waiting && waiting < total && total < now() - before, "{spans:?}");
    let current = place.rows::<2>("SELECT blur_time, rebooted FROM current");
    assert_eq!(current[0][0], Cell::Integer(1_000_000));
    assert!(number(&current[0][1]) > before - 60.0, "it is not blurred");
}

#[actix::test]
async fn every_bind_is_recorded_with_what_the_client_says() {
    let place = Place::new();
    let server = Embedded::start(place.config());
    let mut silent = Caller::bound(&server.url, "a").await;
    for version in [json!(["python", "0.24.0"]), json!(["go-william", "v1.0.8", "more"])] {
        let mut caller = Caller::connect(&server.url).await;
        let refused = json!({"type": "bind", "appid": "app", "side": "b", "client_version": [1]});
        assert_eq!(caller.get(refused).await["type"], "error");
        let bind =
            json!({"type": "bind", "appid": "other", "side": "b", "client_version": version});
        assert_eq!(caller.ask(bind.clone()).await, [Value::Null; 0]);
        assert_eq!(caller.get(bind).await["error"], "already bound");
    }
    silent.until_pong().await;
    server.stop();
    let told = place.rows::<4>("SELECT app_id, side, implementation, version FROM client_versions");
    let row = |app: &str, side: &str, client: Option<[&str; 2]>| {
        let text = |text: &str| Cell::Text(text.to_owned());
        let [name, version] = client.map_or([Cell::Null, Cell::Null], |client| client.map(text));
        [text(app), text(side), name, version]
    };
    let expected = [
        row("app", "a", None),
        row("other", "b", Some(["python", "0.24.0"])),
        row("other", "b", Some(["go-william", "v1.0.8"])),
    ];
    assert_eq!(told, expected);
}

#[actix::test]
async fn the_state_of_the_server_is_told_from_the_start_on() {
    let place = Place::new();
    let before = now();
    Embedded::start(place.config()).stop();
    let sql = "SELECT rebooted, updated, connections_websocket, blur_time FROM current";
    let first = place.rows::<4>(sql);
    assert_eq!(first.len(), 1);
    let [rebooted, updated] = [0, 1].map(|at| number(&first[0][at]));
    assert!(before <= rebooted && rebooted <= updated && updated <= now());
    assert_eq!(first[0][2..], [Cell::Integer(0), Cell::Null]);

    let server = place.start_forgetful();
    let mut pair = [come(&server.url, "a").await, come(&server.url, "b").await];
    let mut unsubscribed = Caller::bound(&server.url, "c").await;
    loop {
        unsubscribed.until_pong().await;
        let told = place.rows::<4>(sql);
        assert_eq!(told.len(), 1);
        if told[0][2] == Cell::Integer(2) {
            assert!(number(&told[0][0]) > rebooted);
            break;
        }
    }
    close(&mut pair[0], "happy").await;
    while place.rows::<4>(sql)[0][2] != one() {
        unsubscribed.until_pong().await;
    }
    server.stop();
}

#[actix::test]
async fn an_old_database_is_copied_and_goes_on() {
    let place = Place::new();
    let old = Connection::open(place.usage()).unwrap();
    old.execute_batch(
        "CREATE TABLE version (version INTEGER);
         INSERT INTO version VALUES (1);
         CREATE TABLE current (rebooted INTEGER, updated INTEGER, blur_time INTEGER,
             connections_websocket INTEGER);
         CREATE TABLE nameplates (app_id VARCHAR, started INTEGER, waiting_time INTEGER,
             total_time INTEGER, result VARCHAR);
         CREATE TABLE mailboxes (app_id VARCHAR, for_nameplate BOOLEAN, started INTEGER,
             total_time INTEGER, waiting_time INTEGER, result VARCHAR);
         INSERT INTO nameplates VALUES ('old', 1, NULL, 2, 'lonely');",
    )
    .unwrap();
    drop(old);
    let server = Embedded::start(place.config());
    leave(&mut come(&server.url, "a").await, "happy").await;
    server.stop();
    assert_eq!(place.results().0, ["lonely", "lonely"]);
    assert_eq!(place.rows::<1>("SELECT side FROM client_versions").len(), 1);
    let copy = place.usage().with_file_name("usage.sqlite-backup-v1");
    assert_eq!(rows::<1>(&copy, "SELECT version FROM version"), [[one()]]);
    assert_eq!(rows::<1>(&copy, "SELECT app_id FROM nameplates").len(), 1);
}

#[actix::test]
async fn a_database_that_cannot_be_used_stops_the_start_before_anything_is_touched() {
    let place = Place::new();
    std::fs::write(place.usage(), "x".repeat(5_000)).unwrap();
    let refused = place.config().check_databases().unwrap_err().to_string();
    assert!(refused.contains("usage.sqlite") && refused.contains("not a database"), "{refused}");
    let listener = wormhole_server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let launched = wormhole_server::launch(place.config(), vec![listener], async {}).await;
    assert_eq!(launched.unwrap_err().to_string(), refused);
    assert_eq!(place.0.path().read_dir().unwrap().count(), 1);
}
