//! The socket's part is played by the test, which tells the news itself; the real socket hangs at
//! a listener that never answers.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;

use wormhole_protocol::name::{MailboxId, Nameplate, Phase};

use super::*;
use crate::probe::{Told, probe, seated};

struct Bench {
    layer: Addr<Rendezvous>,
    lines: [Told<Line>; 4],
    claimed: Told<GotClaimed>,
    released: Told<GotReleased>,
    messages: Told<GotMessage>,
    closed: Told<GotClosed>,
    listed: Told<GotNameplates>,
    allocated: Told<GotAllocated>,
    welcomes: Told<GotWelcome>,
    broken: Told<Broken>,
    changes: Told<Change>,
    stopped: Told<ConnectorStopped>,
    _silent: TcpListener,
}

fn bench() -> Bench {
    scheduled(None)
}

fn scheduled(schedule: Option<Schedule>) -> Bench {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/v1", silent.local_addr().unwrap());
    let [(n, a), (m, b), (l, c), (r, d)] = std::array::from_fn(|_| probe::<Line>());
    let (to_claimed, claimed) = probe();
    let (to_released, released) = probe();
    let (to_messages, messages) = probe();
    let (to_closed, closed) = probe();
    let (lister, listed) = probe();
    let (allocator, allocated) = probe();
    let (to_welcomes, welcomes) = probe();
    let (to_broken, broken) = probe();
    let (to_changes, changes) = probe();
    let (terminator, stopped) = probe();
    let edges = Edges {
        lines: [n, m, l, r],
        nameplate: (to_claimed, to_released),
        mailbox: (to_messages, to_closed),
        lister,
        allocator,
        boss: (to_welcomes, to_broken, to_changes),
        terminator,
    };
    let server = Server {
        url,
        trust: Trust::default(),
        on_this_computer: OnThisComputer::default(),
        schedule,
        max_stamp_bits: 8,
        appid: AppId::new("app"),
        side: Side::new("us"),
        client_version: ("us".to_owned(), "1".to_owned()),
        timing: None,
    };
    let layer = seated(Rendezvous::new(server, edges));
    let lines = [a, b, c, d];
    Bench {
        layer,
        lines,
        claimed,
        released,
        messages,
        closed,
        listed,
        allocated,
        welcomes,
        broken,
        changes,
        stopped,
        _silent: silent,
    }
}

impl Bench {
    async fn frame(&self, json: &str) {
        self.layer.send(News::Frame(json.to_owned())).await.unwrap();
    }

    async fn up(&self) {
        self.layer.send(News::Up).await.unwrap();
        self.frame(r#"{"type": "welcome", "welcome": {}}"#).await;
    }

    async fn lose(&self) {
        self.layer.send(News::Gone("lost".to_owned())).await.unwrap();
    }

    /// What each of the four layers was told of the line, which is the same for all.
    async fn line(&mut self) -> Vec<Line> {
        let mut told = Vec::new();
        for layer in &mut self.lines {
            told.push(layer.all().await);
        }
        assert!(told.iter().all(|of_one| *of_one == told[0]), "{told:?}");
        told.swap_remove(0)
    }
}

#[actix::test]
async fn each_answer_goes_to_its_layer() {
    let mut b = bench();
    b.up().await;
    assert_eq!(b.welcomes.all().await.len(), 1);
    assert_eq!(b.line().await, [Line::Up]);
    for answer in [
        r#"{"type": "nameplates", "nameplates": [{"id": "4"}, {"id": "no number"}]}"#,
        r#"{"type": "allocated", "nameplate": "5"}"#,
        r#"{"type": "claimed", "mailbox": "m"}"#,
        r#"{"type": "released"}"#,
        r#"{"type": "message", "side": "peer", "phase": "0", "body": "0A"}"#,
        r#"{"type": "closed"}"#,
        r#"{"type": "ack", "id": null}"#,
        r#"{"type": "pong"}"#,
        r#"{"type": "of the future"}"#,
    ] {
        b.frame(answer).await;
    }
    assert_eq!(b.listed.all().await, [GotNameplates([Nameplate::from(4)].into())]);
    assert_eq!(b.allocated.all().await, [GotAllocated(Nameplate::from(5))]);
    assert_eq!(b.claimed.all().await, [GotClaimed(MailboxId::new("m"))]);
    assert_eq!(b.released.all().await.len(), 1);
    let message = GotMessage { side: Side::new("peer"), phase: Phase::Number(0), body: vec![10] };
    assert_eq!(b.messages.all().await, [message]);
    assert_eq!(b.closed.all().await.len(), 1);
    assert!(b.broken.all().await.is_empty());
}

#[actix::test]
async fn a_welcome_that_turns_us_away_brings_no_line_up() {
    let mut b = bench();
    b.layer.send(News::Up).await.unwrap();
    b.frame(r#"{"type": "welcome", "welcome": {"error": "full"}}"#).await;
    assert_eq!(b.welcomes.all().await.len(), 1);
    assert!(b.line().await.is_empty());
}

#[actix::test]
async fn only_the_first_connection_must_succeed() {
    let mut b = bench();
    b.lose().await;
    let broken = b.broken.all().await;
    assert!(
        matches!(&broken[..], [Broken(Error::ServerConnection { reason, .. })] if reason == "lost")
    );

    let mut b = bench();
    b.up().await;
    b.lose().await;
    assert_eq!(b.line().await, [Line::Up, Line::Down]);
    assert!(b.broken.all().await.is_empty());
    let [connecting, connected, lost] = &b.changes.all().await[..] else { panic!("three changes") };
    assert!(matches!(connecting, Change::Connection(Connection::Connecting { .. })));
    assert!(matches!(connected, Change::Connection(Connection::Connected { .. })));
    assert_eq!(*lost, Change::Connection(Connection::Disconnected));
}

#[actix::test]
async fn garbage_and_refusals_end_the_wormhole() {
    for (frame, expected) in [
        ("junk", "the server broke the protocol"),
        (r#"{"type": "message", "side": "s", "phase": "0", "body": "x"}"#, "is not hex"),
        (r#"{"type": "error", "error": "crowded"}"#, "reports an error: crowded"),
    ] {
        let mut b = bench();
        b.up().await;
        b.frame(frame).await;
        let broken = b.broken.all().await;
        assert!(broken[0].0.to_string().contains(expected), "{broken:?}");
    }
}

#[actix::test]
async fn stopping_waits_for_a_socket_only_where_there_is_one() {
    let mut connecting = bench();
    connecting.layer.send(Stop).await.unwrap();
    assert_eq!(connecting.stopped.all().await.len(), 1);

    let mut open = bench();
    open.up().await;
    open.layer.send(Stop).await.unwrap();
    assert!(open.stopped.all().await.is_empty());
    open.lose().await;
    assert_eq!(open.stopped.all().await.len(), 1);

    let mut waiting = bench();
    waiting.up().await;
    waiting.lose().await;
    waiting.layer.send(Stop).await.unwrap();
    assert_eq!(waiting.stopped.all().await.len(), 1);
}

#[actix::test]
async fn what_is_left_to_say_does_not_wait_for_its_turn() {
    let mut b = bench();
    b.up().await;
    b.layer.send(Hurry).await.unwrap();
    b.lose().await;
    b.changes.all().await;
    b.layer.send(Hurry).await.unwrap();
    let trying = b.changes.all().await;
    assert!(
        matches!(trying[..], [Change::Connection(Connection::Connecting { .. })]),
        "{trying:?}"
    );
}

#[actix::test]
async fn a_later_connection_without_a_welcome_is_another_loss() {
    let mut b = bench();
    tokio::time::pause();
    b.up().await;
    b.lose().await;
    b.layer.send(Hurry).await.unwrap();
    b.layer.send(News::Up).await.unwrap();
    tokio::time::advance(WELCOME_LIMIT + Duration::from_millis(1)).await;
    assert!(b.broken.all().await.is_empty());
    b.changes.all().await;
    // The socket has said goodbye.
    b.lose().await;
    assert_eq!(b.changes.all().await, [Change::Connection(Connection::Disconnected)]);

    let mut first = bench();
    first.layer.send(News::Up).await.unwrap();
    tokio::time::advance(WELCOME_LIMIT + Duration::from_millis(1)).await;
    let broken = first.broken.all().await;
    assert!(matches!(broken.first(), Some(Broken(Error::ServerProtocol(_)))), "{broken:?}");
}

#[actix::test]
async fn only_a_welcome_ends_the_loss() {
    let (soon, later) = (Duration::from_millis(20), Duration::from_secs(5));
    let mut b = scheduled(Some(Schedule::new([(Duration::ZERO, soon), (soon, later)]).unwrap()));
    b.up().await;
    tokio::time::pause();
    for wait in [soon, later] {
        b.lose().await;
        b.changes.all().await;
        tokio::time::advance(wait - Duration::from_millis(1)).await;
        assert!(b.changes.all().await.is_empty(), "{wait:?}");
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_eq!(b.changes.all().await.len(), 1, "{wait:?}");
        // A connection that stands and says nothing.
        b.layer.send(News::Up).await.unwrap();
    }
}

#[actix::test]
async fn an_application_says_when_to_try_again() {
    let (soon, later) = (Duration::from_millis(20), Duration::from_secs(5));
    let mut b =
        scheduled(Some(Schedule::new([(Duration::ZERO, soon), (soon * 2, later)]).unwrap()));
    b.up().await;
    b.changes.all().await;
    tokio::time::pause();
    for wait in [soon, soon, later] {
        b.lose().await;
        tokio::time::advance(wait - Duration::from_millis(1)).await;
        let waiting = b.changes.all().await;
        assert_eq!(waiting, [Change::Connection(Connection::Disconnected)], "{wait:?}");
        tokio::time::advance(Duration::from_millis(2)).await;
        let trying = b.changes.all().await;
        let [Change::Connection(Connection::Connecting { .. })] = trying[..] else {
            panic!("{wait:?}: {trying:?}");
        };
    }
}
