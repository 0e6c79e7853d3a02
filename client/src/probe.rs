//! For tests: an actor that stands where a neighbouring layer would and records what it is told.

use actix::prelude::*;
use tokio::sync::mpsc;

use crate::wiring::{Guard, Seat, To};

/// What a probe was told, oldest first.
pub(crate) struct Told<M>(mpsc::UnboundedReceiver<M>, #[expect(dead_code)] Box<dyn std::any::Any>);

impl<M> Told<M> {
    /// Everything told since the last call, once every actor has come to rest.
    pub(crate) async fn all(&mut self) -> Vec<M> {
        settle().await;
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

struct Probe<M>(mpsc::UnboundedSender<M>);

impl<M: Unpin + 'static> Actor for Probe<M> {
    type Context = Context<Self>;
}

impl<M: Message<Result = ()> + Send + Unpin + 'static> Handler<M> for Probe<M> {
    type Result = ();

    fn handle(&mut self, msg: M, _: &mut Self::Context) {
        let _ = self.0.send(msg);
    }
}

/// An edge to a probe, and where the test reads what it was told.
pub(crate) fn probe<M>() -> (To<M>, Told<M>)
where
    M: Message<Result = ()> + Send + Unpin + 'static,
{
    let (tx, rx) = mpsc::unbounded_channel();
    let seat = Seat::new(None);
    let edge = seat.to();
    let address = seat.sit(Probe(tx), Guard::new().0);
    (edge, Told(rx, Box::new(address)))
}

/// Seats a layer for a test.
pub(crate) fn seated<A: Actor<Context = Context<A>>>(layer: A) -> Addr<A> {
    Seat::new(None).sit(layer, Guard::new().0)
}

/// Lets every actor on this arbiter run until it has nothing left to do.
pub(crate) async fn settle() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}
