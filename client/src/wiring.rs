//! Wiring pieces: a seat is an actor's address before the actor exists; a [`To`] is one edge of
//! the wiring diagram.

use actix::{WeakRecipient, prelude::*};
use tokio::sync::mpsc;

/// An address waiting for its actor, so that layers which know each other can be built in any
/// order.
pub(crate) struct Seat<A: Actor<Context = Context<A>>>(Context<A>);

impl<A: Actor<Context = Context<A>>> Seat<A> {
    pub(crate) fn new() -> Self {
        Self(Context::new())
    }

    /// The edge by which others tell this layer `M`.
    pub(crate) fn to<M>(&self) -> To<M>
    where
        A: Handler<M>,
        M: Message<Result = ()> + Send + 'static,
    {
        To(self.0.address().downgrade().recipient())
    }

    /// Starts the actor; it runs until the returned address and all others are gone.
    pub(crate) fn sit(self, actor: A, guard: Guard) -> Addr<A> {
        let address = self.0.address();
        let running = self.0.into_future(actor);
        actix_rt::spawn(async move {
            running.await;
            drop(guard);
        });
        address
    }
}

/// One edge of the wiring diagram: tells a neighbour `M` without keeping it alive.
pub(crate) struct To<M: Message<Result = ()> + Send>(WeakRecipient<M>);

impl<M: Message<Result = ()> + Send + 'static> To<M> {
    /// Queues `msg`; a neighbour that has already stopped no longer cares.
    pub(crate) fn tell(&self, msg: M) {
        tracing::trace!(message = std::any::type_name::<M>());
        if let Some(neighbour) = self.0.upgrade() {
            neighbour.do_send(msg);
        }
    }
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
        let (a, b, c) = (Seat::<Player>::new(), Seat::<Player>::new(), Seat::<Player>::new());
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
    async fn a_panic_is_noticed() {
        let (seen, _rx) = mpsc::unbounded_channel();
        let (guard, mut stopped) = Guard::new();
        let seat = Seat::<Player>::new();
        let next = seat.to();
        let player = seat.sit(Player { next, seen }, guard.clone());
        player.do_send(Ball(9));
        assert_eq!(stopped.recv().await, Some(Stopped));
    }
}
