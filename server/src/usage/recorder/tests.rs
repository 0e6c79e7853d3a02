//! The recorder with a database that fails and recovers.

use std::path::Path;

use rusqlite::Connection;
use wormhole_protocol::name::{AppId, Side};

use super::*;
use crate::{
    config::{Database, UsageConfig},
    database::open_either,
    usage::{Binding, Tally, record::Record, recorder_of},
    vitals::Vitals,
};

/// Whether the last batch has failed.
#[derive(Message)]
#[rtype(result = "bool")]
struct Ask;

impl Handler<Ask> for Recorder<Record> {
    type Result = bool;

    fn handle(&mut self, _: Ask, _: &mut Self::Context) -> bool {
        self.health.failing
    }
}

fn start(folder: &Path) -> (Addr<Recorder<Record>>, Connection) {
    let path = folder.join("usage.sqlite");
    let config = UsageConfig { database: Database::File(path.clone()), blur: None };
    let hours = Duration::from_secs(9_999);
    let pulse = Vitals::default().pulse("recorder");
    let recorder = recorder_of(&config, hours, Tally::default(), pulse).unwrap().start();
    (recorder, Connection::open(&path).unwrap())
}

fn bound(at: f64) -> Record {
    let (app, side) = (AppId::new("app"), Side::new("a"));
    Record::Bound { binding: Binding { app, side, client: None }, at }
}

fn count(connection: &Connection, table: &str) -> usize {
    let sql = format!("SELECT count(*) FROM {table}");
    let count: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

/// Lets the recorder and its thread go on until so many rows are there.
async fn until(connection: &Connection, table: &str, rows: usize) {
    let began = std::time::Instant::now();
    while count(connection, table) != rows {
        assert!(began.elapsed() < Duration::from_secs(60), "{rows} rows never come");
        tokio::task::yield_now().await;
    }
}

#[actix::test]
async fn a_full_batch_does_not_wait_and_a_small_one_only_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, reader) = start(folder.path());
    until(&reader, "current", 1).await;
    tokio::time::pause();
    let came = tokio::time::Instant::now();
    (0..MAX_BATCH).for_each(|at| recorder.do_send(bound(at as f64)));
    until(&reader, "client_versions", MAX_BATCH).await;
    assert_eq!(came.elapsed(), Duration::ZERO, "nobody has waited for a timer");
    recorder.do_send(bound(0.5));
    tokio::time::sleep(BATCH_EVERY).await;
    tokio::time::resume();
    until(&reader, "client_versions", MAX_BATCH + 1).await;
}

#[actix::test]
async fn what_could_not_be_written_is_written_later_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, other) = start(folder.path());
    until(&other, "current", 1).await;
    other.execute_batch("ALTER TABLE client_versions RENAME TO away").unwrap();
    (0..2 * MAX_BATCH).for_each(|at| recorder.do_send(bound(at as f64)));
    while !recorder.send(Ask).await.unwrap() {}
    recorder.do_send(bound(1_000.0));
    other.execute_batch("ALTER TABLE away RENAME TO client_versions").unwrap();
    recorder.send(Drain).await.unwrap();
    let sql = "SELECT connect_time FROM client_versions ORDER BY rowid";
    let mut times = other.prepare(sql).unwrap();
    let times: Vec<f64> =
        times.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(times.len(), 2 * MAX_BATCH + 1);
    assert!(times.is_sorted());
}

#[actix::test]
async fn the_end_does_not_wait_for_a_disk_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, other) = start(folder.path());
    other.execute_batch("DROP TABLE client_versions").unwrap();
    (0..3 * MAX_BATCH).for_each(|at| recorder.do_send(bound(at as f64)));
    recorder.send(Drain).await.unwrap();
}

#[actix::test]
async fn too_many_make_the_oldest_go() {
    let memory = UsageConfig { database: Database::Memory, blur: None };
    let hours = Duration::from_secs(9_999);
    let pulse = Vitals::default().pulse("recorder");
    let mut recorder = recorder_of(&memory, hours, Tally::default(), pulse).unwrap();
    recorder.queue.extend((0..MAX_WAITING).map(|at| bound(at as f64)));
    recorder.put_back(vec![bound(-2.0), bound(-1.0), (recorder.current)()]);
    assert_eq!(recorder.queue.len(), MAX_WAITING);
    assert_eq!(recorder.queue.front(), Some(&bound(0.0)));
    assert!(recorder.health.overflowing);
}

/// A row that nobody can write.
#[derive(Message)]
#[rtype(result = "()")]
enum Odd {
    Well(i64),
    Poison,
    State,
}

impl Row for Odd {
    fn write(&self, connection: &Connection, _: Blur) -> rusqlite::Result<()> {
        match self {
            Self::Well(number) => {
                connection.execute("INSERT INTO odd VALUES (?1)", [number]).map(drop)
            }
            Self::Poison => panic!("on purpose"),
            Self::State => Ok(()),
        }
    }

    fn is_state(&self) -> bool {
        matches!(self, Self::State)
    }
}

#[actix::test]
async fn a_thread_that_panics_is_started_again_and_what_comes_later_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::File(folder.path().join("odd.sqlite"));
    let open = move || {
        let (opened, path) = open_either(&database)?;
        let table = "CREATE TABLE IF NOT EXISTS odd (number INTEGER)";
        opened.connection.execute_batch(table).map_err(DatabaseError::at(path))?;
        Ok(opened)
    };
    let (vitals, hours) = (Vitals::default(), Duration::from_secs(9_999));
    let pulse = vitals.pulse("recorder");
    let recorder = Recorder::new(open, Blur::default(), hours, || Odd::State, pulse).unwrap();
    let recorder = recorder.start();
    (0..MAX_BATCH as i64).for_each(|number| recorder.do_send(Odd::Well(number)));
    (0..MAX_BATCH).for_each(|_| recorder.do_send(Odd::Poison));
    (0..MAX_BATCH as i64).for_each(|number| recorder.do_send(Odd::Well(number)));
    recorder.send(Drain).await.unwrap();
    let reader = Connection::open(folder.path().join("odd.sqlite")).unwrap();
    let written = count(&reader, "odd");
    assert_eq!(written, 2 * MAX_BATCH, "only the batch that was the cause is lost");
    assert_eq!(vitals.fallen(), None, "the recorder goes on");
}
