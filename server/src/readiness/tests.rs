//! The canary in a whole engine, and between a hall and an app that are played by the test.

use std::path::Path;

use actix::{Actor, AsyncContext, Context, Handler, MessageResult, ResponseFuture};
use rusqlite::Connection;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use wormhole_protocol::name::{MailboxId, Mood};

use super::*;
use crate::{
    census::{Census, TakeCensus},
    config::{Config, Database, UsageConfig},
    engine::{Ask, CANARY_APP, Desk, Done, Enter, Leave, Order, Refusal},
    limits::Exceeded,
    mailbox::Mailbox,
    usage::Outcome,
};

fn config(folder: &Path) -> Config {
    let usage = UsageConfig { database: Database::File(folder.join("usage")), blur: None };
    Config { database: Database::File(folder.join("db")), usage: Some(usage), ..Config::default() }
}

fn count(path: &Path, tables: &[&str]) -> i64 {
    let connection = Connection::open(path).unwrap();
    let count = |table: &&str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    tables.iter().map(count).sum()
}

const ROWS: [&str; 5] = ["nameplates", "nameplate_sides", "mailboxes", "mailbox_sides", "messages"];

#[actix::test]
async fn a_canary_goes_the_whole_way_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::start(config(folder.path())).unwrap();
    let commits = mailbox.front.meters.commits();
    assert_eq!(mailbox.ready().await, Ok(()));
    // Allocate, open, add, release, close: each is on disk before the next. The claim is of what
    // was allocated, and changes nothing.
    assert_eq!(mailbox.front.meters.commits(), commits + 5);
    let askers = futures_util::future::join_all((0..1_000).map(|_| mailbox.ready()));
    assert!(askers.await.iter().all(Result::is_ok));
    assert!(mailbox.front.meters.commits() <= commits + 10, "askers share one way");

    let census = mailbox.front.census.send(TakeCensus).await.unwrap();
    assert_eq!(census, Census::default());
    assert_eq!(mailbox.front.guests.connections(), 0);
    let usage = mailbox.front.usage.tally().clone();
    mailbox.stop().await;
    assert_eq!(count(&folder.path().join("db"), &ROWS), 0);
    let records = ["nameplates", "mailboxes", "client_versions"];
    assert_eq!(count(&folder.path().join("usage"), &records), 0);
    assert_eq!((usage.subscriptions(), usage.mailboxes(Outcome::Lonely)), (0, 0));
}

#[actix::test]
async fn what_a_kill_has_left_is_gone_after_the_start_and_was_nobody_s() {
    let folder = tempfile::tempdir().unwrap();
    Mailbox::start(config(folder.path())).unwrap().stop().await;
    let db = folder.path().join("db");
    let left = format!(
        "INSERT INTO mailboxes VALUES ('{CANARY_APP}', 'm', 5, 1), ('app', 'n', 5, 0);
         INSERT INTO mailbox_sides VALUES ('m', 1, 'canary', 5, NULL);
         INSERT INTO nameplates VALUES (1, '{CANARY_APP}', '4', 'm', NULL);
         INSERT INTO nameplate_sides VALUES (1, 1, 'canary', 5);
         INSERT INTO messages VALUES ('{CANARY_APP}', 'm', 'canary', 'pake', '00', 5, NULL);"
    );
    Connection::open(&db).unwrap().execute_batch(&left).unwrap();
    Mailbox::start(config(folder.path())).unwrap().stop().await;
    assert_eq!(count(&db, &ROWS), 1, "only the mailbox of somebody else");
    assert_eq!(count(&folder.path().join("usage"), &["nameplates", "mailboxes"]), 0);
}

#[actix::test]
async fn a_write_that_failed_counts_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::start(config(folder.path())).unwrap();
    mailbox.front.meters.failure();
    assert_eq!(mailbox.ready().await, Err(Unready::Failing));
    mailbox.stop().await;
}

#[actix::test]
async fn a_part_that_has_fallen_counts_for_ever() {
    let mailbox = Mailbox::start(Config::default()).unwrap();
    assert_eq!(mailbox.ready().await, Ok(()));
    mailbox.front.vitals.fall("hall");
    *mailbox.front.readiness.latest.lock().await = None;
    assert_eq!(mailbox.ready().await, Err(Unready::Fallen));
    assert_eq!(mailbox.fallen().await, "hall");
}

/// A hall and an app in one, which answer as the test has it; no answer is silence.
struct Engine {
    answers: Vec<Result<Done, Refusal>>,
    asked: UnboundedSender<Ask>,
}

impl Actor for Engine {
    type Context = Context<Self>;
}

impl Handler<Enter> for Engine {
    type Result = MessageResult<Enter>;

    fn handle(&mut self, enter: Enter, ctx: &mut Self::Context) -> Self::Result {
        let me = ctx.address();
        let desk =
            Desk { session: enter.session, orders: me.clone().recipient(), leave: me.recipient() };
        MessageResult(Ok::<_, Exceeded>(desk))
    }
}

impl Handler<Order> for Engine {
    type Result = ResponseFuture<Result<Done, Refusal>>;

    fn handle(&mut self, order: Order, _: &mut Self::Context) -> Self::Result {
        self.asked.send(order.ask).unwrap();
        match self.answers.is_empty() {
            true => Box::pin(std::future::pending()),
            false => {
                let answer = self.answers.remove(0);
                Box::pin(async { answer })
            }
        }
    }
}

impl Handler<Leave> for Engine {
    type Result = ();

    fn handle(&mut self, _: Leave, _: &mut Self::Context) {}
}

/// Lets the canary go again and again until the engine has no answer left; gives what it asked.
async fn ways(answers: Vec<Result<Done, Refusal>>, ends: &[Unready]) -> Vec<Ask> {
    let (asked, mut asking) = unbounded_channel();
    let engine = Engine { answers, asked }.start();
    let vitals = Vitals::default();
    let canary = Canary::new(engine.recipient(), vitals.pulse("canary")).start();
    let footing = Footing::of(&Config::default());
    let readiness = Readiness::new(canary, footing, Meters::default(), vitals);
    for end in ends {
        *readiness.latest.lock().await = None;
        assert_eq!(readiness.check().await, Err(*end));
    }
    std::iter::from_fn(|| asking.try_recv().ok()).collect()
}

#[actix::test]
async fn what_a_broken_way_has_left_is_cleared_away_on_the_next_one() {
    let mailbox = MailboxId::new("m");
    let answers = vec![
        Ok(Done::Allocated(5.into())),
        Ok(Done::Claimed(mailbox.clone())),
        Err(Refusal::Broken),
        Ok(Done::Released),
        Ok(Done::Closed),
        Err(Refusal::NoNameplate),
    ];
    let asked = ways(answers, &[Unready::Broken, Unready::Refusing]).await;
    let mood = Some(Mood::Happy);
    let expected = [
        Ask::Allocate,
        Ask::Claim(5.into()),
        Ask::Open(mailbox.clone()),
        Ask::Release("5".to_owned()),
        Ask::Close { mailbox, mood },
        Ask::Allocate,
    ];
    assert_eq!(asked, expected);
}

#[actix::test]
async fn a_server_that_hangs_is_slow_and_asked_only_once() {
    tokio::time::pause();
    let asked = ways(Vec::new(), &[Unready::Slow, Unready::Slow, Unready::Slow]).await;
    assert_eq!(asked, [Ask::Allocate]);
}
