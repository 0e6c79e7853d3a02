//! The engine beside a model: random commands from several sides, with restarts, and every answer
//! and every message as the model has it [mailbox-server.md: commands].

use std::{collections::BTreeMap, path::Path};

use actix::Addr;
use proptest::prelude::*;
use tokio::sync::mpsc::UnboundedReceiver;
use wormhole_protocol::name::AppId;

use super::*;
use crate::{
    app::Surroundings,
    config::{Config, Database},
    guest::Guests,
    hall::Hall,
    limits::{Limit, Limits},
    meters::Meters,
    probe::probe,
    quota::Quota,
    store::{Disk, Drain, Store},
    usage::Usage,
    vitals::Vitals,
};

/// The sides of the sessions: two connections of one side, and two others.
const SIDES: [&str; 4] = ["a", "a", "b", "c"];

#[derive(Clone, Copy, Debug)]
enum Move {
    List(usize),
    Allocate(usize),
    Claim(usize, u32),
    Release(usize, u32),
    /// The mailbox of a nameplate that was claimed at some time, or one that a client invents.
    Open(usize, usize),
    Add(usize, usize),
    Close(usize, usize),
    Restart,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let session = 0..SIDES.len();
    let one = prop_oneof![
        1 => session.clone().prop_map(Move::List),
        1 => session.clone().prop_map(Move::Allocate),
        4 => (session.clone(), 1_000_001..1_000_004_u32).prop_map(|(s, n)| Move::Claim(s, n)),
        3 => (session.clone(), 1_000_001..1_000_004_u32).prop_map(|(s, n)| Move::Release(s, n)),
        5 => (session.clone(), 0..5_usize).prop_map(|(s, m)| Move::Open(s, m)),
        5 => (session.clone(), 0..5_usize).prop_map(|(s, m)| Move::Add(s, m)),
        4 => (session, 0..5_usize).prop_map(|(s, m)| Move::Close(s, m)),
        1 => Just(Move::Restart),
    ];
    prop::collection::vec(one, 0..60)
}

/// Who sits somewhere, and whether they still hold on.
type Table = BTreeMap<String, bool>;

/// What the specification says, in maps.
#[derive(Default)]
struct Model {
    nameplates: BTreeMap<String, (String, Table)>,
    mailboxes: BTreeMap<String, (Table, Vec<(String, String)>)>,
    /// What each session has open.
    open: [Option<String>; SIDES.len()],
    /// What each session has to hear of.
    heard: [Vec<(String, String)>; SIDES.len()],
}

#[derive(Debug, PartialEq)]
enum Said {
    Done,
    Listed(Vec<String>),
    Claimed(String),
    Replayed(Vec<(String, String)>),
    Refused(Refusal),
}

/// Whether there is a seat for a side.
fn has_seat(table: &Table, side: &str) -> bool {
    table.contains_key(side) || table.len() < 2
}

impl Model {
    /// `fresh` is the mailbox that the server would make.
    fn claim(&mut self, side: &str, name: &str, fresh: &str) -> Said {
        let known = self.nameplates.get(name).cloned();
        let (mailbox, mut table) = known.unwrap_or((fresh.to_owned(), Table::new()));
        let seats = self.mailboxes.get(&mailbox).map(|(table, _)| table.clone());
        if !has_seat(&table, side) {
            return Said::Refused(Refusal::Crowded);
        }
        if table.get(side) == Some(&false) {
            return Said::Refused(Refusal::Reclaimed);
        }
        if seats.is_some_and(|seats| !has_seat(&seats, side)) {
            return Said::Refused(Refusal::Crowded);
        }
        table.insert(side.to_owned(), true);
        self.nameplates.insert(name.to_owned(), (mailbox.clone(), table));
        self.mailboxes.entry(mailbox.clone()).or_default().0.insert(side.to_owned(), true);
        Said::Claimed(mailbox)
    }

    fn release(&mut self, side: &str, name: &str) -> Said {
        if let Some((_, table)) = self.nameplates.get_mut(name) {
            if let Some(held) = table.get_mut(side) {
                *held = false;
            }
            if !table.values().any(|held| *held) {
                self.nameplates.remove(name);
            }
        }
        Said::Done
    }

    fn open(&mut self, session: usize, mailbox: &str) -> Said {
        let (table, messages) = self.mailboxes.entry(mailbox.to_owned()).or_default();
        if !has_seat(table, SIDES[session]) {
            return Said::Refused(Refusal::Crowded);
        }
        table.insert(SIDES[session].to_owned(), true);
        self.open[session] = Some(mailbox.to_owned());
        Said::Replayed(messages.clone())
    }

    fn add(&mut self, session: usize, mailbox: &str, body: String) -> Said {
        if self.open[session].as_deref() != Some(mailbox) {
            return Said::Refused(Refusal::NotOpen);
        }
        let message = (SIDES[session].to_owned(), body);
        self.mailboxes.entry(mailbox.to_owned()).or_default().1.push(message.clone());
        for (open, heard) in self.open.iter().zip(&mut self.heard) {
            if open.as_deref() == Some(mailbox) {
                heard.push(message.clone());
            }
        }
        Said::Done
    }

    fn close(&mut self, session: usize, mailbox: &str) -> Said {
        let Some((table, _)) = self.mailboxes.get_mut(mailbox) else { return Said::Done };
        if !has_seat(table, SIDES[session]) {
            return Said::Refused(Refusal::Crowded);
        }
        table.insert(SIDES[session].to_owned(), false);
        self.open[session] = None;
        if !table.values().any(|held| *held) {
            self.mailboxes.remove(mailbox);
            self.nameplates.retain(|_, (leads, _)| leads != mailbox);
            for open in self.open.iter_mut().filter(|open| open.as_deref() == Some(mailbox)) {
                *open = None;
            }
        }
        Said::Done
    }
}

/// The real one.
struct Engine {
    store: Addr<Store>,
    guests: Guests,
    hall: Addr<Hall>,
    sessions: Vec<(SessionId, Desk, UnboundedReceiver<Heard>)>,
}

impl Engine {
    async fn start(database: Database) -> Self {
        let limits = Limit::ALL.into_iter().fold(Limits::default(), |all, l| all.with(l, 0));
        let config =
            Config { database, hold_down: std::time::Duration::ZERO, limits, ..Config::default() };
        let vitals = Vitals::default();
        let (store, apps) =
            Store::start(&config, Meters::default(), Disk::default(), &vitals).unwrap();
        let guests = Guests::new(config.limits.clone());
        let limits = config.limits.clone();
        let stored = Quota::sparing(limits, Limit::StoredBytes, Limit::AddressStoredBytes);
        let surroundings = Surroundings {
            config: Arc::new(config),
            store: store.clone().recipient(),
            watch: probe().0,
            shed: probe().0,
            usage: Usage::default(),
            disk: Disk::default(),
            stored,
            started: std::time::Instant::now(),
            trap: None,
        };
        let pulse = vitals.pulse("hall");
        let hall = Hall::start_with(surroundings, apps, Meters::default(), pulse);
        let mut engine = Self { store, guests, hall, sessions: Vec::new() };
        for _ in SIDES {
            let (session, (ears, heard)) = (SessionId::fresh(), probe());
            let visit = engine.guests.arrive([192, 0, 2, 1].into(), None, || false).unwrap();
            let enter = Enter { app: AppId::new("app"), session, visit, ears };
            let desk = engine.hall.send(enter).await.unwrap().unwrap();
            engine.sessions.push((session, desk, heard));
        }
        engine
    }

    async fn stop(self) {
        self.store.send(Drain).await.unwrap();
    }

    async fn ask(&self, session: usize, ask: Ask) -> Said {
        let (id, desk, _) = &self.sessions[session];
        let order = Order { session: *id, side: Side::new(SIDES[session]), ask };
        match desk.orders.send(order).await.unwrap() {
            Ok(Done::Listed(names)) => Said::Listed(names.into_iter().map(|n| n.id).collect()),
            Ok(Done::Claimed(mailbox)) => Said::Claimed(mailbox.to_string()),
            Ok(Done::Allocated(name)) => Said::Claimed(name.to_string()),
            Ok(Done::Opened(messages)) => Said::Replayed(messages.iter().map(shown).collect()),
            Ok(Done::Released | Done::Added | Done::Closed) => Said::Done,
            Err(refusal) => Said::Refused(refusal),
        }
    }

    /// What a session has heard; its probe runs until it has nothing left to do.
    async fn heard(&mut self, session: usize) -> Vec<(String, String)> {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        let (_, _, heard) = &mut self.sessions[session];
        std::iter::from_fn(|| heard.try_recv().ok()).map(|Heard(message)| shown(&message)).collect()
    }
}

fn shown(message: &Arc<StoredMessage>) -> (String, String) {
    (message.side.to_string(), message.body.as_str().to_owned())
}

/// Plays the moves to both and compares. Mailboxes have a place in a list: at first two names that
/// a client invents, then what claims have brought.
async fn play(moves: Vec<Move>, file: Option<&Path>) {
    let database = || file.map_or(Database::Memory, |path| Database::File(path.to_owned()));
    let (mut model, mut engine) = (Model::default(), Engine::start(database()).await);
    let mut known = vec!["m".to_owned(), "n".to_owned()];
    for (step, next) in moves.iter().copied().enumerate() {
        let mailbox = |place: usize| known[place % known.len()].clone();
        let (said, expected) = match next {
            Move::List(session) => {
                let names = model.nameplates.keys().cloned().collect();
                (engine.ask(session, Ask::List).await, Said::Listed(names))
            }
            Move::Allocate(session) => {
                let Said::Claimed(name) = engine.ask(session, Ask::Allocate).await else {
                    panic!("{moves:?}: nine are free");
                };
                assert!(name.len() == 1 && !model.nameplates.contains_key(&name), "{name}");
                // Only the claim tells the mailbox.
                let claim = Ask::Claim(name.parse().unwrap());
                let said = engine.ask(session, claim).await;
                let Said::Claimed(fresh) = &said else { panic!("{moves:?}: {said:?}") };
                let expected = model.claim(SIDES[session], &name, fresh);
                (said, expected)
            }
            Move::Claim(session, number) => {
                let said = engine.ask(session, Ask::Claim(number.into())).await;
                let fresh = if let Said::Claimed(mailbox) = &said { mailbox } else { "none" };
                let expected = model.claim(SIDES[session], &number.to_string(), fresh);
                (said, expected)
            }
            Move::Release(session, number) => {
                let said = engine.ask(session, Ask::Release(number.to_string())).await;
                (said, model.release(SIDES[session], &number.to_string()))
            }
            Move::Open(session, place) => {
                let said = engine.ask(session, Ask::Open(MailboxId::new(mailbox(place)))).await;
                (said, model.open(session, &mailbox(place)))
            }
            Move::Add(session, place) => {
                let mailbox = model.open[session].clone().unwrap_or_else(|| mailbox(place));
                let add = Ask::Add {
                    mailbox: MailboxId::new(mailbox.clone()),
                    phase: Phase::Number(step as u64),
                    body: Body::from_text(step.to_string()),
                    id: None,
                };
                let said = engine.ask(session, add).await;
                (said, model.add(session, &mailbox, step.to_string()))
            }
            Move::Close(session, place) => {
                let mailbox = model.open[session].clone().unwrap_or_else(|| mailbox(place));
                let close = Ask::Close { mailbox: MailboxId::new(mailbox.clone()), mood: None };
                (engine.ask(session, close).await, model.close(session, &mailbox))
            }
            Move::Restart if file.is_some() => {
                engine.stop().await;
                engine = Engine::start(database()).await;
                model.open = Default::default();
                model.heard = Default::default();
                (Said::Done, Said::Done)
            }
            Move::Restart => (Said::Done, Said::Done),
        };
        assert_eq!(said, expected, "step {step} of {moves:?}");
        if let Said::Claimed(mailbox) = said
            && !known.contains(&mailbox)
        {
            known.push(mailbox);
        }
        for session in 0..SIDES.len() {
            let expected = std::mem::take(&mut model.heard[session]);
            assert_eq!(engine.heard(session).await, expected, "step {step} of {moves:?}");
        }
    }
    engine.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_in_memory_does_as_the_model(moves in moves()) {
        actix::System::new().block_on(play(moves, None));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_on_disk_does_as_the_model_over_restarts(moves in moves()) {
        let folder = tempfile::tempdir().unwrap();
        actix::System::new().block_on(play(moves, Some(&folder.path().join("relay.sqlite"))));
    }
}
