//! What an order comes to, decided at once and in memory.

use std::sync::Arc;

use wormhole_protocol::name::{MailboxId, Nameplate, Side};

use super::{App, State, ledger::Closing, release::Delivery, shares::Stake};
use crate::{
    engine::{Ask, Done, Order, Refusal, SessionId, StoredMessage},
    guest::Kind,
    limits::Exceeded,
    random,
    store::{mailbox_room, message_room},
};

/// A decision, and the mailbox whose messages its answer needs.
pub(super) struct Decision {
    pub(super) done: Done,
    pub(super) delivery: Option<Delivery>,
    pub(super) replay: Option<MailboxId>,
}

impl From<Done> for Decision {
    fn from(done: Done) -> Self {
        Self { done, delivery: None, replay: None }
    }
}

impl App {
    /// Decides.
    ///
    /// # Errors
    /// [`Refusal`] where nothing has changed.
    pub(super) fn decide(&mut self, order: Order, now: f64) -> Result<Decision, Refusal> {
        if let Some(trap) = &self.surroundings.trap {
            trap.spring(&order.ask);
        }
        let State::Ready(ledger) = &mut self.state else { return Err(Refusal::Broken) };
        let Order { session, side, ask } = order;
        if self.surroundings.disk.is_full() && ask.takes_room() {
            return Err(Refusal::Broken);
        }
        match ask {
            Ask::List if self.surroundings.config.rules.now().listing => {
                Ok(Done::Listed(ledger.list()).into())
            }
            Ask::List => Ok(Done::Listed(Vec::new()).into()),
            Ask::Allocate => {
                self.numbers.wake(now);
                let nameplate = self.numbers.pick(random::below)?;
                self.claim(session, &nameplate, &side, now)?;
                Ok(Done::Allocated(nameplate).into())
            }
            Ask::Claim(nameplate) => {
                if self.surroundings.config.claim_allocated_only && !ledger.has(&nameplate) {
                    return Err(Refusal::NotAllocated);
                }
                let mailbox = self.claim(session, &nameplate, &side, now)?;
                Ok(Done::Claimed(mailbox).into())
            }
            Ask::Release(name) => {
                ledger.release(&name, &side, now);
                Ok(Done::Released.into())
            }
            Ask::Open(mailbox) => {
                let seat = ledger.seat_in(&mailbox, &side);
                let is_new = seat.is_none();
                let maker = self.shares.maker_of_mailbox(&mailbox);
                let joining = match seat {
                    Some(seat) => self.audience.join_other(session, &seat, maker)?,
                    None => None,
                };
                ledger
                    .check_seat(&mailbox, &side)
                    .inspect_err(|_| self.joiners.suspect(&mailbox))?;
                self.audience.reserve(session, ledger.bytes(&mailbox))?;
                let stake = is_new.then(|| self.stake(session, &mailbox)).transpose()?;
                let State::Ready(ledger) = &mut self.state else { return Err(Refusal::Broken) };
                ledger.open(&mailbox, &side, now)?;
                self.joiners.keep(&mailbox, joining);
                if let Some(stake) = stake {
                    self.shares.keep_mailbox(&mailbox, stake);
                }
                self.audience.subscribe(session, &mailbox);
                let done = Done::Opened(Vec::new());
                Ok(Decision { done, delivery: None, replay: Some(mailbox) })
            }
            Ask::Add { mailbox, phase, body, id } => {
                if !self.audience.hears(session, &mailbox) {
                    return Err(Refusal::NotOpen);
                }
                self.joiners.hear(&mailbox, self.audience.own(session), &phase);
                let message = Arc::new(StoredMessage { side, phase, body, server_rx: now, id });
                let network = self.audience.network(session);
                let take = |bytes| {
                    let bytes = message_room(&self.id, &mailbox, bytes);
                    self.shares.put(&mailbox, network, bytes)
                };
                let limits = &self.surroundings.config.limits;
                ledger.add(&mailbox, Arc::clone(&message), limits, take)?;
                let delivery = Some(Delivery { message, to: self.audience.of(&mailbox).to_vec() });
                Ok(Decision { done: Done::Added, delivery, replay: None })
            }
            Ask::Close { mailbox, mood } => {
                self.joiners.close(&mailbox, self.audience.own(session), mood.as_ref());
                match ledger.close(&mailbox, &side, mood.as_ref(), now)? {
                    Closing::Stays => self.audience.unsubscribe(session),
                    Closing::Gone => self.audience.end(&mailbox),
                }
                Ok(Done::Closed.into())
            }
        }
    }

    fn claim(
        &mut self,
        session: SessionId,
        nameplate: &Nameplate,
        side: &Side,
        now: f64,
    ) -> Result<MailboxId, Refusal> {
        let State::Ready(ledger) = &mut self.state else { return Err(Refusal::Broken) };
        if let Some((mailbox, seat)) = ledger.seat_at(nameplate, side) {
            let maker = self.shares.maker_of_nameplate(nameplate);
            let joining = self.audience.join_other(session, &seat, maker)?;
            let claimed = ledger.claim(nameplate, side, now, random::mailbox_id());
            match claimed {
                Ok(_) => self.joiners.keep(&mailbox, joining),
                Err(_) => self.joiners.suspect(&mailbox),
            }
            return claimed;
        }
        let fresh = random::mailbox_id();
        let share = self.audience.make(session, Kind::Nameplate)?;
        let stake = self.stake(session, &fresh)?;
        let State::Ready(ledger) = &mut self.state else { return Err(Refusal::Broken) };
        let mailbox = ledger.claim(nameplate, side, now, fresh)?;
        self.shares.keep_nameplate(nameplate, share);
        self.shares.keep_mailbox(&mailbox, stake);
        Ok(mailbox)
    }

    /// Counts a mailbox that a session is about to make.
    fn stake(&self, session: SessionId, mailbox: &MailboxId) -> Result<Stake, Exceeded> {
        let place = self.audience.make(session, Kind::Mailbox)?;
        let network = self.audience.network(session);
        let bytes = self.shares.take(network, mailbox_room(&self.id, mailbox))?;
        Ok(Stake::new(place, bytes))
    }
}
