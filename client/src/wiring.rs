//! Wiring pieces: a seat is an actor's address before the actor exists; a [`To`] is one edge of
//! the wiring diagram.

use actix::{WeakRecipient, prelude::*};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::timing::Log;

/// An address waiting for its actor, so that layers which know each other can be built in any
/// order.
pub(crate) struct Seat<A: Actor<Context = Context<A>>> {
    context: Context<A>,
    timing: Option<Log>,
}

impl<A: Actor<Context = Context<A>>> Seat<A> {
    /// Makes one; what its actor is told is recorded where there is a log.
    pub(crate) fn new(timing: Option<&Log>) -> Self {
        Self { context: Context::new(), timing: timing.cloned() }
    }

    /// The edge by which others tell this layer `M`.
    pub(crate) fn to<M>(&self) -> To<M>
    where
        A: Handler<M>,
        M: Message<Result = ()> + Send + 'static,
    {
        let neighbour = self.context.address().downgrade().recipient();
        let timing = self.timing.clone().map(|log| (log, short_name::<A>()));
        To { neighbour, timing }
    }

    /// Starts the actor; it runs until the returned address and all others are gone.
    pub(crate) fn sit(self, actor: A, guard: Guard) -> Addr<A> {
        let address = self.context.address();
        let running = self.context.into_future(actor);
        tracing::trace!(layer = short_name::<A>(), "seated");
        actix_rt::spawn(async move {
            running.await;
            tracing::trace!(layer = short_name::<A>(), "stopped");
            drop(guard);
        });
        address
    }
}

/// One edge of the wiring diagram: tells a neighbour `M` without keeping it alive.
pub(crate) struct To<M: Message<Result = ()> + Send> {
    neighbour: WeakRecipient<M>,
    timing: Option<(Log, &'static str)>,
}

impl<M: Message<Result = ()> + Send + 'static> To<M> {
    /// Queues `msg`; a neighbour that has already stopped no longer cares.
    pub(crate) fn tell(&self, msg: M) {
        tracing::trace!(message = std::any::type_name::<M>());
        let Some(neighbour) = self.neighbour.upgrade() else { return };
        match &self.timing {
            None => neighbour.do_send(msg),
            // Every upgrade is another sender, and the first message of each is queued at once, be
            // the mailbox full or not: none overtakes another.
            Some((log, actor)) => record(log, actor, neighbour.send(msg)),
        }
    }
}

/// Records a message that was queued, until it is handled.
fn record<M: Message<Result = ()> + Send + 'static>(
    log: &Log,
    actor: &'static str,
    handled: RecipientRequest<M>,
) {
    let mut details = Map::new();
    details.insert("actor".to_owned(), Value::from(actor));
    details.insert("waiting".to_owned(), Value::from("actor"));
    let span = log.span(short_name::<M>(), details);
    actix_rt::spawn(async move {
        if handled.await.is_ok() {
            span.stop();
        }
    });
}

/// The name of a type without its path.
fn short_name<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    path.rsplit("::").next().unwrap_or(path)
}

/// Lives as long as a layer and reports its end, since telling a dead actor is silent.
///
/// Every clone belongs to one layer; whoever made the first learns when any of them stopped.
#[derive(Clone)]
pub(crate) struct Guard(mpsc::UnboundedSender<Stopped>);

/// A layer has stopped, in order or by a panic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

impl Guard {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Stopped>) {
        let (tx, rx) = mpsc::unbounded_channel();
        (Self(tx), rx)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send(Stopped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Ball(u32);

    struct Player {
        next: To<Ball>,
        seen: mpsc::UnboundedSender<u32>,
    }

    fn seat() -> Seat<Player> {
        Seat::new(None)
    }

    impl Actor for Player {
        type Context = Context<Self>;
    }

    impl Handler<Ball> for Player {
        type Result = ();

        fn handle(&mut self, Ball(count): Ball, _: &mut Self::Context) {
            assert!(count < 9, "an actor that panics");
            let _ = self.seen.send(count);
            if count < 6 {
                self.next.tell(Ball(count + 1));
            }
        }
    }

    #[actix::test]
    async fn a_ring_of_three_stops_when_its_owner_lets_go() {
        let (seen, mut rx) = mpsc::unbounded_channel();
        let (guard, mut stopped) = Guard::new();
        let (a, b, c) = (seat(), seat(), seat());
        let (to_a, to_b, to_c) = (a.to(), b.to(), c.to());
        let owner = (
            a.sit(Player { next: to_b, seen: seen.clone() }, guard.clone()),
            b.sit(Player { next: to_c, seen: seen.clone() }, guard.clone()),
            c.sit(Player { next: to_a, seen }, guard.clone()),
        );
        owner.0.do_send(Ball(0));
        for n in 0..=6 {
            assert_eq!(rx.recv().await, Some(n));
        }
        assert!(stopped.try_recv().is_err());
        drop((owner, guard));
        assert_eq!(rx.recv().await, None, "all three senders dropped");
        for _ in 0..4 {
            assert_eq!(stopped.recv().await, Some(Stopped));
        }
        assert_eq!(stopped.recv().await, None);
    }

    #[actix::test]
    async fn what_is_recorded_keeps_its_order_and_tells_no_contents() {
        struct Listener(mpsc::UnboundedSender<u32>);

        impl Actor for Listener {
            type Context = Context<Self>;
        }

        impl Handler<Ball> for Listener {
            type Result = ();

            fn handle(&mut self, Ball(count): Ball, _: &mut Self::Context) {
                let _ = self.0.send(count);
            }
        }

        let log = Log::new();
        let (seen, mut rx) = mpsc::unbounded_channel();
        let seat = Seat::new(Some(&log));
        let edge: To<Ball> = seat.to();
        let listener = seat.sit(Listener(seen), Guard::new().0);
        for number in 0..1_000 {
            edge.tell(Ball(number));
        }
        for number in 0..1_000 {
            assert_eq!(rx.recv().await, Some(number));
        }
        // The answers arrive after the messages were handled.
        crate::probe::settle().await;
        let events: Value = serde_json::from_str(&log.to_json()).expect("JSON");
        let events = events.as_array().expect("events");
        assert_eq!(events.len(), 1_000);
        for event in events {
            assert_eq!(event["name"], "Ball");
            let details = serde_json::json!({"actor": "Listener", "waiting": "actor"});
            assert_eq!(event["details"], details);
            assert!(event["stop"].as_f64() >= event["start"].as_f64(), "{event}");
        }
        drop(listener);
    }

    #[actix::test]
    async fn a_panic_is_noticed() {
        let (seen, _rx) = mpsc::unbounded_channel();
        let (guard, mut stopped) = Guard::new();
        let seat = seat();
        let next = seat.to();
        let player = seat.sit(Player { next, seen }, guard.clone());
        player.do_send(Ball(9));
        assert_eq!(stopped.recv().await, Some(Stopped));
    }
}
