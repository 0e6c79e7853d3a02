//! An actor that is told everything.

use actix::{Actor, Addr, Context, Handler, Message};
use tokio::sync::mpsc;
use wormhole_client::{CodeStatus, Connection, Delegated, Error, Event, KeyStatus};
use wormhole_server::testing;

use crate::{builder, guarded};

struct Delegate(mpsc::UnboundedSender<Event>);

impl Actor for Delegate {
    type Context = Context<Self>;
}

impl Handler<Event> for Delegate {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let _ = self.0.send(event);
    }
}

/// Has the actor stop by itself.
#[derive(Message)]
#[rtype(result = "()")]
struct Leave;

impl Handler<Leave> for Delegate {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Self::Context) {
        actix::ActorContext::stop(ctx);
    }
}

struct Side {
    wormhole: Delegated,
    delegate: Addr<Delegate>,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Side {
    fn open(url: &str) -> Self {
        let (tx, events) = mpsc::unbounded_channel();
        let delegate = Delegate(tx).start();
        let wormhole = builder(url).delegate(delegate.clone().recipient());
        Self { wormhole, delegate, events }
    }

    /// The next event that is no status.
    async fn next(&mut self) -> Event {
        loop {
            match self.events.recv().await.unwrap() {
                Event::Status(_) => {}
                event => return event,
            }
        }
    }
}

fn name(event: &Event) -> String {
    format!("{event:?}")
}

#[actix::test]
async fn every_event_comes_in_order() {
    guarded(async {
        let server = testing::start();
        let mut a = Side::open(server.url());
        assert_eq!(a.wormhole.derive_key("x", 32), Err(Error::NoKey));
        a.wormhole.allocate_code(2).unwrap();
        assert_eq!(a.wormhole.set_code("4-x"), Err(Error::OnlyOneCode));
        assert_eq!(name(&a.next().await), "Welcome");
        let Event::Code(code) = a.next().await else { panic!("no code") };
        let mut b = Side::open(server.url());
        b.wormhole.set_code(code.as_str()).unwrap();
        a.wormhole.send_message("one");
        a.wormhole.send_message("two");

        // A code that was set is known before the server is.
        let early = [b.next().await, b.next().await];
        assert_eq!(early.map(|event| name(&event)), ["Code", "Welcome"]);
        let Event::UnverifiedKey(key) = b.next().await else { panic!("no key") };
        let Event::Verifier(verifier) = b.next().await else { panic!("no verifier") };
        assert_eq!(verifier, key.verifier());
        let rest = [b.next().await, b.next().await, b.next().await];
        assert_eq!(
            rest.map(|event| name(&event)),
            ["Versions", "Message(3 bytes)", "Message(3 bytes)"]
        );
        let derived = |side: &Side| side.wormhole.derive_key("x", 32).unwrap();
        assert_eq!(derived(&a), derived(&b));
        assert_eq!(b.wormhole.status().key, KeyStatus::Confirmed);

        b.wormhole.close();
        assert_eq!(name(&b.next().await), "Closed(Ok(()))");
        assert!(b.events.try_recv().is_err(), "something came after the end");
        drop(b.delegate);
        assert!(b.events.recv().await.is_none(), "the wormhole lets go of its delegate");
        let Side { wormhole, mut events, .. } = a;
        drop(wormhole);
        while !matches!(events.recv().await.unwrap(), Event::Closed(Ok(()))) {}
    })
    .await;
}

#[actix::test]
async fn the_status_is_an_event_and_the_first() {
    guarded(async {
        let server = testing::start();
        let mut a = Side::open(server.url());
        a.wormhole.set_code("4-x").unwrap();
        let mut seen = Vec::new();
        let Event::Status(first) = a.events.recv().await.unwrap() else { panic!("no status") };
        assert_eq!(first.connection, Connection::Disconnected);
        while let Some(event) = a.events.recv().await {
            match event {
                Event::Status(status) => seen.push(status),
                Event::Welcome(_) => a.wormhole.close(),
                Event::Closed(result) => {
                    assert_eq!(result, Err(Error::Lonely));
                    break;
                }
                _ => {}
            }
        }
        let (first, last) = (&seen[0].connection, &seen.last().unwrap().connection);
        let url = server.url();
        assert!(matches!(first, Connection::Connecting { url: to, .. } if to == url), "{first:?}");
        assert_eq!(last, &Connection::Closed);
        assert_eq!(seen.last().unwrap().code, CodeStatus::Consumed);
    })
    .await;
}

#[actix::test]
async fn a_delegate_that_leaves_takes_the_wormhole_with_it() {
    guarded(async {
        let server = testing::start();
        let (mut a, mut b) = (Side::open(server.url()), Side::open(server.url()));
        a.wormhole.set_code("4-x").unwrap();
        b.wormhole.set_code("4-x").unwrap();
        while !matches!(a.next().await, Event::Versions(_)) {}
        while !matches!(b.next().await, Event::Versions(_)) {}
        a.delegate.send(Leave).await.unwrap();
        // The next event finds nobody; its handle is still there.
        b.wormhole.send_message("hello?");
        while a.wormhole.status().connection != Connection::Closed {
            tokio::task::yield_now().await;
        }
        assert_eq!(a.wormhole.derive_key("x", 1), Err(Error::Closed));
    })
    .await;
}
