//! What becomes of a connection, told when it has ended [transit-relay.md: results].

use std::{
    cell::Cell,
    io,
    sync::{Arc, Mutex},
    time::Instant,
};

use tokio::time;

use super::{bandwidth::Account, hub::Hub};
use crate::{clock, limits::Limit};

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelayMood {
    /// It was closed before it had said what it wants.
    Empty,
    /// It said something else than a request.
    Errory,
    /// It ended before its peer came.
    Lonely,
    /// It said something to its peer before that had come.
    Impatient,
    /// It waited beside another connection of the same client, to which the peer was joined.
    Redundant,
    /// It was joined to its peer; of the two only the one that had waited counts.
    Happy,
}

impl RelayMood {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Empty, Self::Errory, Self::Lonely, Self::Impatient, Self::Redundant, Self::Happy];

    /// The word for it in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Errory => "errory",
            Self::Lonely => "lonely",
            Self::Impatient => "impatient",
            Self::Redundant => "redundant",
            Self::Happy => "happy",
        }
    }
}

/// A connection, or a pair of them, that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ended {
    /// The unix time in seconds at which it was accepted.
    pub(crate) started: f64,
    /// Seconds from the first accept to the end.
    pub(crate) total: f64,
    /// Seconds between the two accepts; none where it has found no peer.
    pub(crate) waiting: Option<f64>,
    /// What was carried in both directions.
    pub(crate) bytes: u64,
    pub(crate) mood: RelayMood,
}

/// What is known of a connection so far; whatever ends it, it is told when this is dropped.
pub(super) struct Story {
    hub: Arc<Hub>,
    started: f64,
    accepted: Instant,
    /// When the first of a pair was accepted, and the seconds until the second was.
    paired: Option<(Instant, f64)>,
    bytes: Cell<u64>,
    last_carried: Cell<time::Instant>,
    account: Mutex<Account>,
    /// None where somebody else tells the story.
    mood: Option<RelayMood>,
}

impl Story {
    /// Begins with a connection that was just accepted.
    pub(super) fn begin(hub: Arc<Hub>) -> Self {
        hub.tally.arrive();
        Self {
            hub,
            started: clock::steady(),
            accepted: Instant::now(),
            paired: None,
            bytes: Cell::new(0),
            last_carried: Cell::new(time::Instant::now()),
            account: Mutex::default(),
            mood: Some(RelayMood::Empty),
        }
    }

    /// What all connections share.
    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Notes how it would end from now on.
    pub(super) fn becomes(&mut self, mood: RelayMood) {
        self.mood = Some(mood);
    }

    /// Notes that it would be told nothing from now on.
    pub(super) fn is_untold(&mut self) {
        self.mood = None;
    }

    /// Makes one story of two, told by the one that has waited.
    pub(super) fn join(&mut self, newcomer: &mut Self) {
        let (mine, theirs) = (self.accepted, newcomer.accepted);
        let waiting = mine.max(theirs).duration_since(mine.min(theirs));
        self.paired = Some((mine.min(theirs), waiting.as_secs_f64()));
        self.mood = Some(RelayMood::Happy);
        self.last_carried.set(time::Instant::now());
        newcomer.mood = None;
    }

    /// Notes bytes that were carried, and comes back when more may be.
    ///
    /// # Errors
    /// Where they are more than two connections may exchange.
    pub(super) async fn carry(&self, bytes: usize) -> io::Result<()> {
        self.bytes.set(self.bytes.get() + bytes as u64);
        self.last_carried.set(time::Instant::now());
        let Hub { tally, limits, bandwidth, .. } = &*self.hub;
        tally.carry(bytes);
        limits.check(Limit::RelayPairBytes, self.bytes.get()).map_err(io::Error::other)?;
        bandwidth.pay(&self.account, bytes).await;
        Ok(())
    }

    /// Tells when anything was carried last, or since when it could be.
    pub(super) fn last_carried(&self) -> time::Instant {
        self.last_carried.get()
    }

    /// Tells how many bytes were carried.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        let Some(mood) = self.mood else { return self.hub.tally.leave() };
        let first = self.paired.map_or(self.accepted, |(first, _)| first);
        let ended = Ended {
            started: clock::of_day(self.started),
            total: first.elapsed().as_secs_f64(),
            waiting: self.paired.map(|(_, waiting)| waiting),
            bytes: self.bytes.get(),
            mood,
        };
        self.hub.tally.count(&ended);
        self.hub.ledger.record(ended);
        // Last, so that whoever waits for it finds all told.
        self.hub.tally.leave();
    }
}
