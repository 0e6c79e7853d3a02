//! One websocket, as those see it who judge it from outside: what it has made, when it was last
//! heard, and what waits for it.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use super::{Guest, Kind, Made, Share};
use crate::limits::{Exceeded, Limit, Limits};

/// A visit: from the upgrade to the end of the session and of what others still hold of it.
pub(crate) struct Visit {
    pub(super) guest: Arc<Guest>,
    made: Made,
    pub(super) began: Instant,
    bound: AtomicBool,
    /// Milliseconds from `began` to the last frame.
    heard: AtomicU64,
    /// Bytes on their way to the client.
    unsent: AtomicU64,
    /// Bytes of an answer that is not made yet.
    reserved: AtomicU64,
}

impl Visit {
    /// Begins one, and counts it.
    pub(super) fn new(guest: Arc<Guest>) -> Self {
        guest.connections.fetch_add(1, Relaxed);
        guest.register.connections.fetch_add(1, Relaxed);
        Self {
            made: Made::default(),
            began: Instant::now(),
            bound: AtomicBool::new(false),
            heard: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            guest,
        }
    }

    fn limits(&self) -> &Limits {
        &self.guest.register.limits
    }

    /// Counts a command against the address's rate.
    ///
    /// # Errors
    /// [`Exceeded`] where there were too many of late.
    pub(crate) fn command(&self, now: Instant) -> Result<(), Exceeded> {
        let limits = self.limits();
        let Some(rate) = limits.most(Limit::AddressCommands) else { return Ok(()) };
        let mut commands = self.guest.commands.lock().unwrap_or_else(PoisonError::into_inner);
        match commands.take(rate, now) {
            true => Ok(()),
            false => Err(limits.exceed(Limit::AddressCommands, rate)),
        }
    }

    /// Counts something that this connection is about to make; the caller keeps the share as long
    /// as the thing is there.
    ///
    /// # Errors
    /// [`Exceeded`] where the connection has made too many, or too many of its address's are left.
    pub(crate) fn make(&self, kind: Kind) -> Result<Share, Exceeded> {
        let limits = self.limits();
        let (connection, address) = match kind {
            Kind::Nameplate => (Some(Limit::ConnectionNameplates), Limit::AddressNameplates),
            Kind::Mailbox => (Some(Limit::ConnectionMailboxes), Limit::AddressMailboxes),
            // A connection is bound to one.
            Kind::App => (None, Limit::AddressApps),
        };
        let share = Share::new(Arc::clone(&self.guest), kind);
        limits.check(address, self.guest.made.of(kind).load(Relaxed))?;
        if let Some(connection) = connection {
            limits.check(connection, self.made.of(kind).load(Relaxed) + 1)?;
        }
        self.made.of(kind).fetch_add(1, Relaxed);
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
        self.unsent.fetch_add(bytes as u64, Relaxed);
        self.guest.unsent.fetch_add(bytes as u64, Relaxed);
    }

    /// Notes that bytes have left.
    pub(crate) fn settle(&self, bytes: usize) {
        self.unsent.fetch_sub(bytes as u64, Relaxed);
        self.guest.unsent.fetch_sub(bytes as u64, Relaxed);
    }

    /// Notes the bytes of an answer that is about to be made, until they are [released](Self::release).
    ///
    /// # Errors
    /// [`Exceeded`] where too much waits at this address already; then nothing is noted.
    pub(crate) fn reserve(&self, bytes: u64) -> Result<(), Exceeded> {
        let here = self.guest.unsent.load(Relaxed).saturating_add(bytes);
        self.limits().check(Limit::AddressUnsentBytes, here)?;
        self.reserved.fetch_add(bytes, Relaxed);
        self.guest.unsent.fetch_add(bytes, Relaxed);
        Ok(())
    }

    /// Notes that the answer is made: its bytes are owed now.
    pub(crate) fn release(&self) {
        self.guest.unsent.fetch_sub(self.reserved.swap(0, Relaxed), Relaxed);
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

    /// Judges how much waits for the client. For what waits at its address only those are blamed
    /// for whom a part of it waits that counts.
    ///
    /// # Errors
    /// [`Exceeded`] where it is too much, for it or for its address.
    pub(crate) fn judge_unsent(&self) -> Result<(), Exceeded> {
        let (limits, own) = (self.limits(), self.unsent.load(Relaxed));
        limits.check(Limit::UnsentBytes, own)?;
        match limits.most(Limit::AddressUnsentBytes) {
            Some(most) if own > most / 1_024 => {
                limits.check(Limit::AddressUnsentBytes, self.guest.unsent.load(Relaxed))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.release();
        self.guest.unsent.fetch_sub(*self.unsent.get_mut(), Relaxed);
        self.guest.connections.fetch_sub(1, Relaxed);
        self.guest.register.connections.fetch_sub(1, Relaxed);
    }
}
