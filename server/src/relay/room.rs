//! The room in which connections wait for their peers, and where it is decided who is joined to
//! whom [transit-relay.md: pairing].
//!
//! in: [`Arrive`] (from a hearing), [`Leave`] (from one that waits)
//! out: [`Turn`] (to one that waits)

use std::{collections::HashMap, sync::Arc};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use tokio::{sync::oneshot, task::spawn_local};
use wormhole_protocol::transit::relay::{IMPATIENT, RelayToken, Request, TransitSide};

use super::{caller::Caller, hub::Hub, story::RelayMood, wait};
use crate::{
    limits::{Exceeded, Limit},
    network::Network,
    quota::Share,
    vitals::Pulse,
};

/// A connection wants to be joined to its peer.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Arrive {
    pub(super) request: Request,
    pub(super) newcomer: Newcomer,
}

/// A connection waits no longer, and has found no peer.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Leave {
    pub(super) token: RelayToken,
    pub(super) ticket: Ticket,
}

/// A connection that has said what it wants.
pub(super) struct Newcomer {
    pub(super) caller: Box<Caller>,
    /// What it has said beyond that, which is for its peer.
    pub(super) surplus: Vec<u8>,
}

/// What becomes of a connection that waits.
pub(super) enum Turn {
    /// This is its peer.
    Partner(Newcomer),
    /// Another connection of the same client was joined to the peer.
    Redundant,
}

/// The number of a connection that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Who waits, the longest first.
pub(super) struct Room {
    hub: Arc<Hub>,
    waiting: HashMap<RelayToken, Vec<Waiting>>,
    tickets: u64,
    _pulse: Pulse,
}

struct Waiting {
    side: Option<TransitSide>,
    network: Option<Network>,
    ticket: Ticket,
    turn: oneshot::Sender<Turn>,
}

impl Room {
    pub(super) fn new(hub: Arc<Hub>, pulse: Pulse) -> Self {
        Self { hub, waiting: HashMap::new(), tickets: 0, _pulse: pulse }
    }

    /// Hands the newcomer to the latest that fits, as older ones are likelier to be dead, and
    /// sends the others with the token away.
    ///
    /// # Errors
    /// The newcomer, where nobody fits.
    fn pair(&mut self, request: &Request, mut newcomer: Newcomer) -> Result<(), Newcomer> {
        let Some(waiting) = self.waiting.get_mut(&request.token) else { return Err(newcomer) };
        while let Some(latest) = waiting.iter().rposition(|one| request.fits(&one.side)) {
            match waiting.remove(latest).turn.send(Turn::Partner(newcomer)) {
                Err(Turn::Partner(back)) => newcomer = back,
                _ => {
                    self.dismiss(&request.token);
                    return Ok(());
                }
            }
        }
        Err(newcomer)
    }

    fn dismiss(&mut self, token: &RelayToken) {
        for spare in self.waiting.remove(token).into_iter().flatten() {
            // One that has gone by itself does not hear it.
            let _ = spare.turn.send(Turn::Redundant);
        }
        self.hub.tally.tokens(self.waiting.len());
    }

    /// Takes a place to wait in. Where all are taken, the network that has most gives one up, if
    /// that leaves it as many as the newcomer's.
    ///
    /// # Errors
    /// [`Exceeded`] where there is none.
    fn place(&mut self, network: Option<Network>) -> Result<Share, Exceeded> {
        let refused = match self.hub.waiting.take(network, 1) {
            Err(exceeded) if exceeded.limit == Limit::RelayWaiting => exceeded,
            other => return other,
        };
        let share = self.hub.waiting.share(network);
        match self.hub.waiting.heaviest() {
            Some((heaviest, taken)) if taken > share.of_network() + 1 && self.evict(heaviest) => {
                share.add(1);
                Ok(share)
            }
            _ => Err(refused),
        }
    }

    /// Sends the one of a network away that has waited longest; false where nobody waits.
    fn evict(&mut self, network: Network) -> bool {
        let of_network = self.waiting.iter().flat_map(|(token, waiting)| {
            let own = waiting.iter().filter(|one| one.network == Some(network));
            own.map(move |one| (one.ticket.0, token))
        });
        let Some((oldest, token)) = of_network.min_by_key(|(ticket, _)| *ticket) else {
            return false;
        };
        let token = token.clone();
        // It ends when nobody can give it a turn any more, and takes its leave then.
        if let Some(waiting) = self.waiting.get_mut(&token) {
            waiting.retain(|one| one.ticket.0 != oldest);
        }
        true
    }

    /// Has the newcomer wait.
    ///
    /// # Errors
    /// [`Exceeded`] where too many do; it is closed without a word then.
    fn seat(
        &mut self,
        request: Request,
        caller: Box<Caller>,
        room: Addr<Self>,
    ) -> Result<(), Exceeded> {
        let place = self.place(caller.network)?;
        let spares = self.waiting.get(&request.token).map_or(0, Vec::len);
        self.hub.limits.check(Limit::RelayTokenWaiting, spares as u64 + 1)?;
        let (turn, told) = oneshot::channel();
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let Request { token, side } = request;
        let leave = Leave { token: token.clone(), ticket };
        // Most clients have no spare.
        let waiting = self.waiting.entry(token).or_insert_with(|| Vec::with_capacity(1));
        waiting.push(Waiting { side, network: caller.network, ticket, turn });
        spawn_local(wait::until_turn(caller, place, told, move || room.do_send(leave)));
        Ok(())
    }
}

impl Actor for Room {
    type Context = Context<Self>;
}

impl Handler<Arrive> for Room {
    type Result = ();

    fn handle(&mut self, Arrive { request, newcomer }: Arrive, ctx: &mut Self::Context) {
        let Err(newcomer) = self.pair(&request, newcomer) else { return };
        let Newcomer { caller, surplus } = newcomer;
        if surplus.is_empty() {
            // The operator hears of it from the limits.
            let _ = self.seat(request, caller, ctx.address());
            self.hub.tally.tokens(self.waiting.len());
        } else {
            spawn_local(caller.dismiss(RelayMood::Impatient, IMPATIENT));
        }
    }
}

impl Handler<Leave> for Room {
    type Result = ();

    fn handle(&mut self, Leave { token, ticket }: Leave, _: &mut Self::Context) {
        let Some(waiting) = self.waiting.get_mut(&token) else { return };
        waiting.retain(|one| one.ticket != ticket);
        if waiting.is_empty() {
            self.waiting.remove(&token);
        }
        self.hub.tally.tokens(self.waiting.len());
    }
}
