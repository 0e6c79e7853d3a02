//! Who is here, from where and since when, and who gives way to whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{Dismiss, ranking::Ranking};
use crate::network::Network;

/// All connections, numbered as they came.
#[derive(Default)]
pub(super) struct Table {
    next: u64,
    members: BTreeMap<u64, Member>,
    /// Those that are not settled.
    fresh: BTreeSet<u64>,
    all: Ranking,
    settled: Ranking,
}

/// What is known of one.
pub(super) struct Member {
    network: Option<Network>,
    since: Instant,
    stage: Stage,
    ways: Arc<dyn Dismiss>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has to settle in time.
    Fresh,
    /// It has no time, but gives way as if it were fresh.
    Foreign,
    /// It is what it is to be: others watch it from here on.
    Settled,
}

/// How long the only connection of its network, or one without a network, is left in peace.
const GRACE: Duration = Duration::from_secs(2);

impl Table {
    pub(super) fn len(&self) -> u64 {
        self.members.len() as u64
    }

    pub(super) fn insert(
        &mut self,
        network: Option<Network>,
        since: Instant,
        stage: Stage,
        ways: Arc<dyn Dismiss>,
    ) -> u64 {
        let number = self.next;
        self.next += 1;
        self.add(number, Member { network, since, stage, ways });
        number
    }

    fn add(&mut self, number: u64, member: Member) {
        if member.stage != Stage::Settled {
            self.fresh.insert(number);
        }
        if let Some(network) = member.network {
            self.all.insert(network, number);
            if member.stage == Stage::Settled {
                self.settled.insert(network, number);
            }
        }
        self.members.insert(number, member);
    }

    /// Forgets one; none where it has given way.
    pub(super) fn remove(&mut self, number: u64) -> Option<Member> {
        let member = self.members.remove(&number)?;
        self.fresh.remove(&number);
        if let Some(network) = member.network {
            self.all.remove(network, number);
            self.settled.remove(network, number);
        }
        Some(member)
    }

    /// Notes what one has become, and whose it is.
    pub(super) fn change(&mut self, number: u64, stage: Stage, network: Option<Network>) {
        if let Some(member) = self.remove(number) {
            self.add(number, Member { network, stage, ..member });
        }
    }

    /// Takes those out that should have settled and came before.
    pub(super) fn take_late(&mut self, before: Instant) -> Vec<Member> {
        let late = |number: &&u64| {
            let member = self.members.get(number);
            member.is_some_and(|member| member.since <= before)
        };
        let late: Vec<_> = self.fresh.iter().take_while(late).copied().collect();
        let is_timed =
            |number: &u64| self.members.get(number).is_some_and(|m| m.stage == Stage::Fresh);
        let late: Vec<_> = late.into_iter().filter(is_timed).collect();
        late.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    /// Takes the one out that gives way to a newcomer: the oldest of the network with most that
    /// is not settled, or else its youngest, where that leaves it no less than the newcomer's has
    /// then; to the first of a network also the oldest of all that is not settled.
    pub(super) fn victim(&mut self, network: Option<Network>, now: Instant) -> Option<Member> {
        let own = self.all.count(network) + 1;
        let number = self.of_heaviest(own).or_else(|| (own == 1).then(|| self.oldest(now))?)?;
        self.remove(number)
    }

    fn of_heaviest(&self, own: usize) -> Option<u64> {
        let numbers = self.all.heaviest()?;
        let most = numbers.len();
        // The only one of its network is left in peace for a while.
        let fresh = (most >= own.max(2)).then(|| numbers.iter().find(|n| self.fresh.contains(n)));
        let settled = (most > own).then(|| numbers.last());
        fresh.flatten().or(settled.flatten()).copied()
    }

    fn oldest(&self, now: Instant) -> Option<u64> {
        let number = *self.fresh.first()?;
        let member = self.members.get(&number)?;
        (now.duration_since(member.since) >= GRACE).then_some(number)
    }

    /// Takes the youngest settled one out of the network that has most of these, where that
    /// leaves it no less than the newcomer's has then.
    pub(super) fn settled_victim(&mut self, network: Option<Network>) -> Option<Member> {
        let own = self.settled.count(network) + 1;
        let numbers = self.settled.heaviest().filter(|numbers| numbers.len() > own)?;
        let number = *numbers.last()?;
        self.remove(number)
    }
}

impl Member {
    /// Ends it at once.
    pub(super) fn cut(&self) {
        self.ways.cut();
    }

    /// Ends it for the sake of others.
    pub(super) fn shed(&self) {
        match self.stage {
            Stage::Settled => self.ways.shed(),
            Stage::Fresh | Stage::Foreign => self.ways.cut(),
        }
    }
}
