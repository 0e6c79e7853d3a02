//! Apps that fall, before a store in memory or in a file.

use tokio::{sync::mpsc::UnboundedReceiver, time::timeout};
use wormhole_protocol::name::{MailboxId, Side};

use super::*;
use crate::{
    config::Database,
    engine::{Ask, Done, Heard, Order, Refusal, SessionId},
    guest::Guests,
    probe::probe,
    quota::Quota,
    store::{Disk, Store},
    testing::Trap,
    vitals::Vitals,
    watch::Shed,
};

/// It only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    hall: Addr<Hall>,
    shed: UnboundedReceiver<Shed>,
    meters: Meters,
}

struct Member {
    desk: Desk,
    _heard: UnboundedReceiver<Heard>,
}

impl Stage {
    /// Apps fall that are ordered to claim the nameplate 9.
    fn set(database: Database) -> Self {
        let (config, meters) = (Config { database, ..Config::default() }, Meters::default());
        let vitals = Vitals::default();
        let (store, apps) =
            Store::start(&config, meters.clone(), Disk::default(), &vitals).unwrap();
        let limits = config.limits.clone();
        let stored = Quota::sparing(limits, Limit::StoredBytes, Limit::AddressStoredBytes);
        let (shed, told) = probe();
        let surroundings = Surroundings {
            config: Arc::new(config),
            store: store.recipient(),
            watch: probe().0,
            shed,
            usage: Usage::default(),
            disk: Disk::default(),
            stored,
            started: Instant::now(),
            trap: Some(Trap::at(9.into())),
        };
        let pulse = vitals.pulse("hall");
        let hall = Hall::start_with(surroundings, apps, meters.clone(), pulse);
        Self { hall, shed: told, meters }
    }

    async fn enter(&self, app: &str) -> Member {
        let (ears, heard) = probe();
        let (session, visit) = (SessionId::fresh(), Guests::insider());
        let enter = Enter { app: AppId::new(app), session, visit, ears };
        let desk = self.hall.send(enter).await.unwrap().unwrap();
        Member { desk, _heard: heard }
    }

    /// Waits until a session has to come back.
    async fn sent_away(&mut self) -> SessionId {
        timeout(PATIENCE, self.shed.recv()).await.expect("one more").unwrap().0
    }

    /// Comes back until the app has been started again.
    async fn ask_until_answered(&self, app: &str, ask: Ask) -> Result<Done, Refusal> {
        let began = Instant::now();
        tokio::time::pause();
        while began.elapsed() < PATIENCE {
            match self.enter(app).await.ask(ask.clone()).await {
                Err(Refusal::Broken) => tokio::time::sleep(SETTLED / 10).await,
                answered => return answered,
            }
        }
        panic!("the app stays dead");
    }
}

impl Member {
    /// Gives an order; an app that has fallen does not answer it.
    async fn ask(&self, ask: Ask) -> Result<Done, Refusal> {
        let order = Order { session: self.desk.session, side: Side::new("a"), ask };
        self.desk.orders.send(order).await.unwrap_or(Err(Refusal::Broken))
    }
}

#[actix::test]
async fn an_app_that_falls_is_started_again_from_the_store_and_its_clients_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(Database::File(folder.path().join("db")));
    let (idle, unlucky) = (stage.enter("app").await, stage.enter("app").await);
    let other = stage.enter("other").await;
    let claimed = idle.ask(Ask::Claim(8.into())).await;
    assert!(matches!(claimed, Ok(Done::Claimed(_))));
    assert_eq!(unlucky.ask(Ask::Claim(9.into())).await, Err(Refusal::Broken));

    let mut told = [stage.sent_away().await, stage.sent_away().await];
    told.sort_by_key(|id| *id != idle.desk.session);
    assert_eq!(told, [idle.desk.session, unlucky.desk.session], "and nobody of another app");
    assert_eq!(idle.ask(Ask::List).await, Err(Refusal::Broken), "its desk is of the old app");
    assert!(matches!(other.ask(Ask::Claim(9.into())).await, Ok(Done::Claimed(_))));
    assert_eq!(stage.meters.app_falls(), 1);

    let again = stage.ask_until_answered("app", Ask::Claim(8.into())).await;
    assert_eq!(again, claimed, "the mailbox that it had");
}

#[actix::test]
async fn in_memory_it_begins_anew() {
    let mut stage = Stage::set(Database::Memory);
    let member = stage.enter("app").await;
    let mailbox = MailboxId::new("m");
    member.ask(Ask::Open(mailbox.clone())).await.unwrap();
    assert_eq!(member.ask(Ask::Claim(9.into())).await, Err(Refusal::Broken));
    stage.sent_away().await;
    let again = stage.ask_until_answered("app", Ask::Open(mailbox)).await;
    assert_eq!(again, Ok(Done::Opened(Vec::new())));
}
