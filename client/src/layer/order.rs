//! Order: holds back every message of the peer until its PAKE message has come.
//!
//! in:  [`Theirs`] (from Mailbox)
//! out: `GotPake` (to Key), `GotPhase` (to Receive), `Broken` (to Boss)

use actix::prelude::*;
use wormhole_protocol::name::{Phase, Side};

use super::{boss::Broken, key::GotPake, receive::GotPhase, waiting::Waiting};
use crate::{error::Error, wiring::To};

/// One message of the peer's, as the mailbox delivered it, each phase once.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct Theirs {
    pub(crate) side: Side,
    pub(crate) phase: Phase,
    pub(crate) body: Vec<u8>,
}

/// Messages of the peer's that came before they can be used, in arrival order.
#[derive(Default)]
pub(crate) struct Early {
    held: Vec<Theirs>,
    waiting: Waiting,
}

impl Early {
    /// Holds one more.
    ///
    /// # Errors
    /// The wormhole's end, where a peer sends more than any honest one.
    pub(crate) fn hold(&mut self, msg: Theirs) -> Result<(), Broken> {
        if !self.waiting.add(msg.body.len()) {
            return Err(Broken(Error::Peer("sent too much before its key")));
        }
        self.held.push(msg);
        Ok(())
    }

    /// Gives all of them back.
    pub(crate) fn take(&mut self) -> Vec<Theirs> {
        std::mem::take(&mut self.held)
    }
}

enum State {
    /// The PAKE message has not come; what came before it waits here.
    NoPake { early: Early },
    /// It has come; everything goes straight through.
    Pake,
}

pub(crate) struct Order {
    state: State,
    key: To<GotPake>,
    receive: To<GotPhase>,
    boss: To<Broken>,
}

impl Order {
    pub(crate) fn new(key: To<GotPake>, receive: To<GotPhase>, boss: To<Broken>) -> Self {
        Self { state: State::NoPake { early: Early::default() }, key, receive, boss }
    }
}

impl Actor for Order {
    type Context = Context<Self>;
}

impl Handler<Theirs> for Order {
    type Result = ();

    fn handle(&mut self, msg: Theirs, _: &mut Self::Context) {
        match &mut self.state {
            State::NoPake { early } if msg.phase == Phase::Pake => {
                let early = early.take();
                self.state = State::Pake;
                self.key.tell(GotPake(msg.body));
                early.into_iter().for_each(|msg| self.receive.tell(GotPhase(msg)));
            }
            State::NoPake { early } => {
                if let Err(flood) = early.hold(msg) {
                    self.boss.tell(flood);
                }
            }
            State::Pake => self.receive.tell(GotPhase(msg)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::{Told, probe, seated};

    fn msg(phase: &str) -> Theirs {
        let body = phase.as_bytes().to_vec();
        Theirs { side: Side::new("peer"), phase: phase.to_owned().into(), body }
    }

    fn order() -> (Addr<Order>, Told<GotPake>, Told<GotPhase>, Told<Broken>) {
        let (key, pakes) = probe();
        let (receive, phases) = probe();
        let (boss, broken) = probe();
        (seated(Order::new(key, receive, boss)), pakes, phases, broken)
    }

    #[actix::test]
    async fn holds_until_pake() {
        let (order, mut pakes, mut phases, _) = order();
        for phase in ["version", "0"] {
            order.do_send(msg(phase));
        }
        assert!(phases.all().await.is_empty());
        order.do_send(msg("pake"));
        assert_eq!(phases.all().await, [GotPhase(msg("version")), GotPhase(msg("0"))]);
        assert_eq!(pakes.all().await, [GotPake(b"pake".to_vec())]);
    }

    #[actix::test]
    async fn does_not_hold_without_limit() {
        let (order, _, _, mut broken) = order();
        for number in 0..=1_000 {
            order.send(msg(&number.to_string())).await.unwrap();
        }
        assert_eq!(broken.all().await.len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever the arrival order, Receive sees the messages without PAKE, in that order.
        #[test]
        fn keeps_order(before in 0usize..20, after in 0usize..20) {
            actix::System::new().block_on(async move {
                let (order, mut pakes, mut phases, _) = order();
                let names: Vec<String> = (0..before + after).map(|i| i.to_string()).collect();
                for name in &names[..before] {
                    order.send(msg(name)).await.unwrap();
                }
                order.send(msg("pake")).await.unwrap();
                for name in &names[before..] {
                    order.send(msg(name)).await.unwrap();
                }
                let seen = phases.all().await;
                assert_eq!(seen, names.iter().map(|name| GotPhase(msg(name))).collect::<Vec<_>>());
                assert_eq!(pakes.all().await.len(), 1);
            });
        }
    }
}
