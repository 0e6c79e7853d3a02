//! One websocket, as those see it who judge it from outside: what it has made, when it was last
//! heard, and what waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::{Joining, Kind, Register, Used};
use crate::{
    limits::{Exceeded, Limit, Limits},
    network::Network,
    quota::Share,
};

/// A visit: from the upgrade to the end of the session and of what others still hold of it.
pub(crate) struct Visit {
    register: Arc<Register>,
    network: Network,
    /// None where that is not the client's.
    own: Option<Network>,
    _place: Share,
    /// How many of each [`Kind`].
    made: [AtomicU64; 3],
    pub(super) began: Instant,
    bound: AtomicBool,
    /// Milliseconds from `began` to the last frame.
    heard: AtomicU64,
    /// Bytes on their way to the client.
    unsent: Share,
    /// Bytes of an answer that is not made yet.
    reserved: Share,
}

impl Visit {
    /// Begins one that has a place.
    pub(super) fn begin(
        register: Arc<Register>,
        network: Network,
        own: Option<Network>,
        place: Share,
    ) -> Self {
        let unsent = || register.unsent.share(Some(network));
        Self {
            _place: place,
            made: Default::default(),
            began: Instant::now(),
            bound: AtomicBool::new(false),
            heard: AtomicU64::new(0),
            unsent: unsent(),
            reserved: unsent(),
            network,
            own,
            register,
        }
    }

    fn limits(&self) -> &Limits {
        &self.register.limits
    }

    /// The network for whose account it is.
    pub(crate) fn network(&self) -> Network {
        self.network
    }

    /// Counts a command against the address's rate, and tells how long the next has to wait.
    pub(crate) fn command(&self, now: Instant) -> Duration {
        self.register.command(self.network, now)
    }

    /// Counts a join of what `maker` has made; one of one's own is none, and neither is one where
    /// the address is not the client's own.
    ///
    /// # Errors
    /// [`Used`] where the address has to wait.
    pub(crate) fn join(&self, maker: Option<Network>) -> Result<Option<Joining>, Used> {
        match self.own {
            Some(own) if maker != self.own => self.register.joins.take(own, Instant::now()),
            _ => Ok(None),
        }
    }

    /// Comes back when the address may join again.
    pub(crate) async fn may_join(&self) {
        if let Some(own) = self.own {
            self.register.joins.wait(own).await;
        }
    }

    /// The client's own address, where that is known.
    pub(crate) fn own(&self) -> Option<Network> {
        self.own
    }

    /// Counts something that this connection is about to make; the caller keeps the share as long
    /// as the thing is there.
    ///
    /// # Errors
    /// [`Exceeded`] where the connection has made too many, or too many of its address's are left.
    pub(crate) fn make(&self, kind: Kind) -> Result<Share, Exceeded> {
        let share = self.register.made[kind as usize].take(Some(self.network), 1)?;
        let made = &self.made[kind as usize];
        let limit = match kind {
            Kind::Nameplate => Some(Limit::ConnectionNameplates),
            Kind::Mailbox => Some(Limit::ConnectionMailboxes),
            // A connection is bound to one.
            Kind::App => None,
        };
        limit.map_or(Ok(()), |limit| self.limits().check(limit, made.load(Relaxed) + 1))?;
        made.fetch_add(1, Relaxed);
        Ok(share)
    }

    /// Notes that the connection has bound.
    pub(crate) fn bind(&self) {
        self.bound.store(true, Relaxed);
    }

    /// Notes that a frame has come.
    pub(crate) fn hear(&self, now: Instant) {
        let age = now.saturating_duration_since(self.began).as_millis();
        self.heard.store(u64::try_from(age).unwrap_or(u64::MAX), Relaxed);
    }

    /// Notes bytes that are on their way to the client.
    pub(crate) fn owe(&self, bytes: usize) {
        self.unsent.add(bytes as u64);
    }

    /// Notes that bytes have left.
    pub(crate) fn settle(&self, bytes: usize) {
        self.unsent.shrink(bytes as u64);
    }

    /// Notes the bytes of an answer that is about to be made, until they are [released](Self::release).
    ///
    /// # Errors
    /// [`Exceeded`] where too much waits at this address already; then nothing is noted.
    pub(crate) fn reserve(&self, bytes: u64) -> Result<(), Exceeded> {
        self.reserved.grow(bytes)
    }

    /// Notes that the answer is made: its bytes are owed now.
    pub(crate) fn release(&self) {
        self.reserved.clear();
    }

    /// Judges how long the client takes to bind, and how long it has been silent.
    ///
    /// # Errors
    /// [`Exceeded`] where it is too long.
    pub(crate) fn judge(&self, now: Instant) -> Result<(), Exceeded> {
        let limits = self.limits();
        let age = now.saturating_duration_since(self.began);
        let silence = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let silence = silence.saturating_sub(self.heard.load(Relaxed));
        // Up to now, so that a second is over only when the next one begins.
        limits.check(Limit::SilentSeconds, silence.div_ceil(1_000))?;
        if !self.bound.load(Relaxed) {
            limits.check(Limit::UnboundSeconds, age.as_millis().div_ceil(1_000) as u64)?;
        }
        Ok(())
    }

    /// Counts a client as too slow that has left no room for another message; `None` where there
    /// is no limit on what waits.
    pub(crate) fn too_slow(&self) -> Option<Exceeded> {
        let most = self.limits().most(Limit::UnsentBytes)?;
        Some(self.limits().exceed(Limit::UnsentBytes, most))
    }

    /// Judges how much waits for the client. For what waits at its address, or for all, only those
    /// are blamed for whom a part of it waits that counts.
    ///
    /// # Errors
    /// [`Exceeded`] where it is too much, for it, for its address, or for all.
    pub(crate) fn judge_unsent(&self) -> Result<(), Exceeded> {
        let (limits, own) = (self.limits(), self.unsent.amount());
        limits.check(Limit::UnsentBytes, own)?;
        let shared = [Limit::AddressUnsentBytes, Limit::TotalUnsentBytes];
        match shared.into_iter().filter_map(|limit| limits.most(limit)).min() {
            Some(most) if own > most / 1_024 => self.unsent.judge(0),
            _ => Ok(()),
        }
    }
}
