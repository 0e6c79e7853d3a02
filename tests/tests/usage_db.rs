//! The usage database beside the Python server's: the same tables, the same records of the same
//! conversations, and a file that both write in turn.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, types::Value as Cell};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use wormhole_server::{Config, Database, UsageConfig, launch, listen};
use wormhole_tests::{Maker, Missing, Process, Stream, Talker, unless_missing};

const BLUR: u64 = 3_600;

/// A server that keeps its two databases in a folder.
enum Running {
    Ours { stop: oneshot::Sender<()>, thread: JoinHandle<()> },
    Python(Process),
}

/// A folder with both databases.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn usage(&self) -> PathBuf {
        self.0.path().join("usage.sqlite")
    }

    fn channel(&self) -> PathBuf {
        self.0.path().join("relay.sqlite")
    }

    /// Starts a server, and gives the address at which it listens. One of ours that is `forgetful`
    /// forgets what nobody listens to at once, as Python's forgets what is old when it starts.
    fn start(&self, maker: Maker, forgetful: bool) -> Result<(Running, String), Missing> {
        match maker {
            Maker::Ours => Ok(self.start_ours(forgetful)),
            Maker::Python => self.start_python(),
        }
    }

    fn start_ours(&self, forgetful: bool) -> (Running, String) {
        let database = Database::File(self.usage());
        let usage = Some(UsageConfig { database, blur: Some(Duration::from_secs(BLUR)) });
        let database = Database::File(self.channel());
        let mut config = Config { database, usage, workers: 1, ..Config::default() };
        if forgetful {
            (config.expiry, config.prune_every) = (Duration::ZERO, Duration::from_millis(1));
        }
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let shutdown = async { drop(stopped.await) };
            let served = launch(config, vec![listener], shutdown);
            actix::System::new().block_on(served).unwrap();
        });
        (Running::Ours { stop, thread }, address)
    }

    fn start_python(&self) -> Result<(Running, String), Missing> {
        let mut command = Command::new(Maker::Python.program("twist")?);
        command.args(["--log-format=text", "wormhole-mailbox"]);
        command.args(["--port=tcp:0:interface=127.0.0.1", &format!("--blur-usage={BLUR}")]);
        command.arg(format!("--channel-db={}", self.channel().display()));
        command.arg(format!("--usage-db={}", self.usage().display()));
        let process = Process::start(command);
        let port = process.line_after(Stream::Out, "Site starting on ");
        Ok((Running::Python(process), format!("127.0.0.1:{port}")))
    }

    /// Has a server hear all conversations, and forget those that nobody has finished.
    fn serve(&self, maker: Maker) -> Result<(), Missing> {
        let (server, address) = self.start(maker, false)?;
        converse(&address);
        server.stop();
        let channel = Connection::open(self.channel()).unwrap();
        channel.execute("UPDATE mailboxes SET updated = 1", []).unwrap();
        let (server, address) = self.start(maker, true)?;
        let mut waiting = Talker::bound(&address, "w", &json!(["test", "1"]));
        let left = "SELECT (SELECT count(*) FROM mailboxes) + (SELECT count(*) FROM nameplates)";
        while channel.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
            waiting.ask(json!({"type": "list"}));
        }
        server.stop();
        Ok(())
    }

    fn sorted(&self, sql: &str) -> Vec<Vec<Cell>> {
        sorted(&self.usage(), sql)
    }

    /// What is recorded, but for the times.
    fn records(&self) -> Vec<Vec<Vec<Cell>>> {
        let times = "started, total_time >= coalesce(waiting_time, 0), waiting_time IS NULL";
        let times = times.replace("started", &format!("typeof(started), started % {BLUR}"));
        [
            format!("SELECT app_id, result, {times} FROM nameplates"),
            format!("SELECT app_id, for_nameplate, result, {times} FROM mailboxes"),
            format!(
                "SELECT app_id, side, typeof(connect_time), connect_time % {BLUR}, implementation,
                 version FROM client_versions"
            ),
            "SELECT blur_time, updated >= rebooted FROM current".to_owned(),
            "SELECT version FROM version".to_owned(),
        ]
        .map(|sql| self.sorted(&sql))
        .into()
    }

    /// All tables with their columns, and all indexes with theirs.
    fn schema(&self) -> Vec<Vec<Cell>> {
        self.sorted(
            "SELECT m.type, m.name, c.cid, c.name, c.type FROM sqlite_master m,
                 pragma_table_info(m.name) c WHERE m.type = 'table'
             UNION ALL
             SELECT m.type, m.name, c.seqno, c.name, m.tbl_name FROM sqlite_master m,
                 pragma_index_info(m.name) c WHERE m.type = 'index'",
        )
    }
}

fn sorted(path: &Path, sql: &str) -> Vec<Vec<Cell>> {
    let connection = Connection::open(path).unwrap();
    let mut query = connection.prepare(sql).unwrap();
    let columns = query.column_count();
    let cells = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect();
    let mut rows: Vec<Vec<Cell>> =
        query.query_map([], cells).unwrap().collect::<Result<_, _>>().unwrap();
    rows.sort_by_key(|row| format!("{row:?}"));
    rows
}

impl Running {
    fn stop(self) {
        match self {
            Self::Ours { stop, thread } => {
                stop.send(()).unwrap();
                thread.join().unwrap();
            }
            Self::Python(process) => {
                process.interrupt();
                process.finish();
            }
        }
    }
}

/// One conversation for every result.
fn converse(address: &str) {
    for moods in [["happy", "happy"], ["happy", "scary"], ["errory", "lonely"], ["odd", "lonely"]] {
        let [a, b] = ["a", "b"].map(|side| Talker::come(address, side, "1"));
        a.leave(moods[0]);
        b.leave(moods[1]);
    }
    Talker::come(address, "a", "1").leave("lonely");
    Talker::come(address, "a", "1").leave("scary");

    let mut invented = Talker::bound(address, "a", &Value::Null);
    invented.ask(json!({"type": "open", "mailbox": "invented"}));
    invented.close("happy");

    let mut pair = ["a", "b"].map(|side| Talker::come(address, side, "2"));
    let mut third = Talker::bound(address, "c", &json!(["test", "c"]));
    let refused = third.ask(json!({"type": "claim", "nameplate": "2"}));
    assert_eq!(refused[0]["error"], "crowded");
    pair.iter_mut().for_each(Talker::release);
    third.release();
    pair.iter_mut().for_each(|side| side.close("happy"));

    // Nobody comes back to these.
    drop(["a", "b"].map(|side| Talker::come(address, side, "3")));
    drop(Talker::come(address, "a", "4"));
    let mut abandoned = Talker::bound(address, "a", &Value::Null);
    abandoned.ask(json!({"type": "open", "mailbox": "abandoned"}));
}

#[test]
fn both_servers_record_the_same_of_the_same_conversations() {
    let test = || {
        let places = [Maker::Ours, Maker::Python].map(|maker| (Place::new(), maker));
        for (place, maker) in &places {
            place.serve(*maker)?;
        }
        let [ours, python] = places.map(|(place, _)| (place.records(), place.schema()));
        assert_eq!(ours, python);
        let results = ours.0[1].iter().map(|row| &row[2]).collect::<Vec<_>>();
        for result in ["happy", "lonely", "scary", "errory", "pruney", "crowded"] {
            let result = Cell::Text(result.to_owned());
            assert!(results.contains(&&result), "{result:?} is in none of {results:?}");
        }
        Ok(())
    };
    unless_missing(test());
}

#[test]
fn both_servers_write_one_database_in_turn() {
    let test = || {
        let place = Place::new();
        place.serve(Maker::Python)?;
        let once = place.records();
        for (times, maker) in [(2, Maker::Ours), (3, Maker::Python), (4, Maker::Ours)] {
            place.serve(maker)?;
            let records = place.records();
            for (table, once) in once[..3].iter().enumerate() {
                let repeated: Vec<_> =
                    once.iter().flat_map(|row| vec![row.clone(); times]).collect();
                assert_eq!(records[table], repeated, "{maker}, {times}");
            }
            assert_eq!(records[3..], once[3..]);
        }
        Ok(())
    };
    unless_missing(test());
}

#[test]
fn a_database_of_version_1_that_python_made_becomes_its_version_2() {
    let test = || {
        let [old, new] = [Place::new(), Place::new()];
        let mut python = Command::new(Maker::Python.program("python")?);
        let script = "import sqlite3, sys\n\
                      from wormhole_mailbox_server import database\n\
                      old = sqlite3.connect(sys.argv[1])\n\
                      database._initialize_db_schema(old, 'usage', 1)\n\
                      old.close()\n";
        python.args(["-c", script]).arg(old.usage());
        Process::start(python).finish().succeeded();
        old.serve(Maker::Ours)?;
        new.serve(Maker::Python)?;
        assert_eq!((old.records(), old.schema()), (new.records(), new.schema()));
        let copy = old.0.path().join("usage.sqlite-backup-v1");
        assert_eq!(sorted(&copy, "SELECT version FROM version"), [[Cell::Integer(1)]]);
        old.serve(Maker::Python)
    };
    unless_missing(test());
}
