//! The app between a store and a session that are played by the test.

use actix::Addr;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wormhole_protocol::{
    name::{Phase, Side},
    wire::Body,
};

use super::*;
use crate::{
    config::{Database, UsageConfig},
    engine::{Ask, Done},
    guest::Guests,
    limits::{Limit, Limits},
    probe::probe,
    usage::Outcome,
    vitals::Vitals,
};

struct Stage {
    app: Addr<App>,
    jobs: UnboundedReceiver<Job>,
    heard: UnboundedReceiver<Heard>,
    session: SessionId,
    usage: Usage,
}

impl Stage {
    fn set() -> Self {
        Self::recording(Usage::default())
    }

    fn recording(usage: Usage) -> Self {
        let (store, jobs) = probe();
        let (ears, heard) = probe();
        let config = Config { expiry: Duration::from_secs(60), ..Config::default() };
        // Long enough ago that what has expired is forgotten.
        let started = Instant::now().checked_sub(config.expiry).unwrap();
        let (config, watch) = (Arc::new(config), probe().0);
        let stored =
            Quota::sparing(Limits::default(), Limit::StoredBytes, Limit::AddressStoredBytes);
        let disk = Disk::default();
        let (shed, trap) = (probe().0, None);
        let usage_told = usage.clone();
        let surroundings = Surroundings {
            config,
            store,
            watch,
            shed,
            usage: usage_told,
            disk,
            stored,
            started,
            trap,
        };
        let hall = probe().0.downgrade();
        let app = App::start_with(AppId::new("app"), Some(Rows::default()), surroundings, hall);
        let session = SessionId::fresh();
        let visit =
            Guests::new(Limits::default()).arrive([192, 0, 2, 1].into(), None, || false).unwrap();
        app.do_send(Join { session, visit, ears });
        Self { app, jobs, heard, session, usage }
    }

    /// Gives an order; its answer comes from the channel when there is one.
    fn order(&self, ask: Ask) -> UnboundedReceiver<Result<Done, Refusal>> {
        let (answered, answer) = unbounded_channel();
        let order = Order { session: self.session, side: Side::new("a"), ask };
        let sent = self.app.send(order);
        actix::spawn(async move { answered.send(sent.await.unwrap()) });
        answer
    }

    async fn job(&mut self) -> Job {
        self.jobs.recv().await.unwrap()
    }

    /// How many mailboxes have ended after one side came.
    fn lonely(&self) -> u64 {
        self.usage.tally().mailboxes(Outcome::Lonely)
    }

    async fn settle(&self) {
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    }
}

fn written() -> Stored {
    Stored(Ok(Yield::Written { replay: Vec::new() }))
}

fn add() -> Ask {
    Ask::Add {
        mailbox: MailboxId::new("m"),
        phase: Phase::Pake,
        body: Body::from_text(""),
        id: None,
    }
}

#[actix::test]
async fn answers_and_echoes_wait_for_the_disk() {
    let mut stage = Stage::set();
    let mut opened = stage.order(Ask::Open(MailboxId::new("m")));
    let open = stage.job().await;
    let mut added = stage.order(add());
    let job = stage.job().await;
    let mut listed = stage.order(Ask::List);
    let list = stage.job().await;
    assert!(opened.try_recv().is_err());

    open.from.do_send(written());
    assert_eq!(opened.recv().await.unwrap(), Ok(Done::Opened(Vec::new())));
    stage.settle().await;
    assert!(stage.heard.try_recv().is_err() && added.try_recv().is_err());

    job.from.do_send(written());
    assert_eq!(added.recv().await.unwrap(), Ok(Done::Added));
    assert!(matches!(stage.heard.try_recv(), Ok(Heard(_))), "before the answer");
    stage.settle().await;
    assert!(listed.try_recv().is_err(), "it tells of what was decided before it");

    list.from.do_send(written());
    assert_eq!(listed.recv().await.unwrap(), Ok(Done::Listed(Vec::new())));
    let mut again = stage.order(Ask::List);
    assert_eq!(again.recv().await.unwrap(), Ok(Done::Listed(Vec::new())), "nothing to wait for");
}

#[actix::test]
async fn a_failed_write_is_answered_and_forgotten() {
    let mut stage = Stage::set();
    let mut claimed = stage.order(Ask::Claim(8.into()));
    let claim = stage.job().await;
    let mut listed = stage.order(Ask::List);
    let list = stage.job().await;
    claim.from.do_send(Stored(Err(Failed)));
    assert_eq!(claimed.recv().await.unwrap(), Err(Refusal::Broken));
    let load = stage.job().await;
    assert!(matches!(load.task.work, Work::Load));
    list.from.do_send(Stored(Err(Failed)));
    assert_eq!(listed.recv().await.unwrap(), Err(Refusal::Broken));
    let mut early = stage.order(Ask::List);
    assert_eq!(early.recv().await.unwrap(), Err(Refusal::Broken));

    load.from.do_send(Stored(Ok(Yield::Loaded(Rows::default()))));
    let mut again = stage.order(Ask::List);
    assert_eq!(again.recv().await.unwrap(), Ok(Done::Listed(Vec::new())), "not the nameplate 8");
}

#[actix::test]
async fn one_that_lost_its_mailbox_cannot_add() {
    let mut stage = Stage::set();
    let mut refused = stage.order(add());
    assert_eq!(refused.recv().await.unwrap(), Err(Refusal::NotOpen));
    stage.order(Ask::Open(MailboxId::new("m")));
    let mut jobs = vec![stage.job().await];
    stage.order(Ask::Close { mailbox: MailboxId::new("m"), mood: None });
    jobs.push(stage.job().await);
    let mut stale = stage.order(add());
    jobs.push(stage.job().await);
    stage.settle().await;
    assert!(stale.try_recv().is_err(), "it tells that the mailbox was closed");
    for job in jobs {
        job.from.do_send(written());
    }
    assert_eq!(stale.recv().await.unwrap(), Err(Refusal::NotOpen));
}

#[actix::test]
async fn what_has_ended_is_counted_when_the_disk_has_it() {
    for (written, counted) in [(Stored(Err(Failed)), 0), (written(), 1)] {
        let mut stage = Stage::set();
        let mailbox = MailboxId::new("m");
        stage.order(Ask::Open(mailbox.clone()));
        stage.job().await.from.do_send(self::written());
        let mut closed = stage.order(Ask::Close { mailbox, mood: None });
        let close = stage.job().await;
        stage.settle().await;
        assert_eq!(stage.lonely(), 0);
        close.from.do_send(written);
        assert_eq!(closed.recv().await.unwrap().is_ok(), counted == 1);
        assert_eq!(stage.lonely(), counted);
    }
}

#[actix::test]
async fn a_clock_that_is_set_ends_no_mailbox_and_frees_no_number() {
    for skew in [86_400.0, -86_400.0] {
        clock::set(0.0);
        let mut stage = Stage::set();
        stage.order(Ask::Claim(8.into()));
        stage.job().await.from.do_send(written());
        clock::set(skew);
        assert!(!stage.app.send(Prune::Expired).await.unwrap());
        assert!(stage.jobs.try_recv().is_err(), "the clock was set by {skew} s");
        let mut listed = stage.order(Ask::List);
        let Ok(Done::Listed(nameplates)) = listed.recv().await.unwrap() else { panic!() };
        assert_eq!(nameplates.len(), 1, "the clock was set by {skew} s");
    }
}

#[actix::test]
async fn what_was_recorded_has_begun_by_the_clock_as_it_is_and_lasted_as_long_as_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.sqlite");
    let usage = UsageConfig { database: Database::File(path.clone()), blur: None };
    let config = Config { usage: Some(usage), ..Config::default() };
    for (row, skew) in [(0, 86_400.0), (1, -86_400.0)] {
        clock::set(0.0);
        let usage = Usage::start(&config, &Vitals::default()).unwrap();
        let mut stage = Stage::recording(usage.clone());
        stage.order(Ask::Open(MailboxId::new("m")));
        stage.job().await.from.do_send(written());
        clock::set(skew);
        let mut closed = stage.order(Ask::Close { mailbox: MailboxId::new("m"), mood: None });
        stage.job().await.from.do_send(written());
        closed.recv().await.unwrap().unwrap();
        usage.drain().await;
        let reader = rusqlite::Connection::open(&path).unwrap();
        let sql = "SELECT started, total_time FROM mailboxes ORDER BY rowid LIMIT 1 OFFSET ?1";
        let (started, total): (f64, f64) =
            reader.query_row(sql, [row], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert!((started - clock::now()).abs() < 60.0, "by {skew}: {started}");
        assert!((0.0..60.0).contains(&total), "by {skew}: {total}");
    }
}
