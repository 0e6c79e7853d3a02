//! A total of bytes a second, shared fairly by all pairs that want more than their part.
//!
//! Each pair has an account of what it has been granted; of those that wait the one with the
//! lowest account is next [Demers, Keshav, Shenker: fair queueing]. One that was idle begins where
//! the others are, so that nobody saves up.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    task::{spawn_local, yield_now},
    time::{Instant, sleep_until},
};

use crate::limits::{Limit, Limits};

/// The total; clones share it.
#[derive(Clone)]
pub(super) struct Bandwidth {
    limits: Limits,
    queue: Arc<Mutex<Queue>>,
}

/// What a pair has been granted so far, in bytes.
#[derive(Default)]
pub(super) struct Account(u64);

#[derive(Default)]
struct Queue {
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// The highest account of those that were granted something.
    level: u64,
    /// When the next may be granted something.
    free: Option<Instant>,
    /// How many have come, so that those with like accounts are served in turn.
    arrivals: u64,
    /// Whether somebody grants.
    granting: bool,
}

/// Ordered by account, and then by arrival, which no two share.
struct Waiting {
    order: (u64, u64),
    bytes: u64,
    granted: oneshot::Sender<()>,
}

/// Timers are late, and what was not granted in time is made up for: but not more than this.
const LATENESS: Duration = Duration::from_millis(20);

impl Bandwidth {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, queue: Arc::default() }
    }

    /// Comes back when a pair may go on that has moved so many bytes.
    pub(super) async fn pay(&self, account: &Mutex<Account>, bytes: usize) {
        if self.rate().is_none() {
            return;
        }
        let granted = self.enqueue(account, bytes as u64);
        // Whoever grants outlives the queue.
        let _ = granted.await;
    }

    fn enqueue(&self, account: &Mutex<Account>, bytes: u64) -> oneshot::Receiver<()> {
        let (granted, receiver) = oneshot::channel();
        let mut queue = self.queue();
        let mut account = account.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = account.0.max(queue.level);
        account.0 = begin.saturating_add(bytes);
        queue.arrivals += 1;
        let order = (begin, queue.arrivals);
        queue.waiting.push(Reverse(Waiting { order, bytes, granted }));
        if !std::mem::replace(&mut queue.granting, true) {
            spawn_local(self.clone().grant());
        }
        receiver
    }

    /// Grants one after the other, until nobody waits.
    async fn grant(self) {
        while let Some(free) = self.next() {
            // Whoever was granted something may come again before the next is looked for.
            yield_now().await;
            sleep_until(free).await;
        }
    }

    /// Grants to the next and tells when the one after may be granted; `None` where nobody waits.
    fn next(&self) -> Option<Instant> {
        let mut queue = self.queue();
        let Some(Reverse(Waiting { order, bytes, granted })) = queue.waiting.pop() else {
            queue.granting = false;
            return None;
        };
        queue.level = queue.level.max(order.0);
        // One that has gone has moved its bytes all the same.
        let _ = granted.send(());
        let now = Instant::now();
        let earliest = now.checked_sub(LATENESS).unwrap_or(now);
        let cost = self.rate().map_or(0.0, |rate| bytes as f64 / rate as f64);
        let free =
            queue.free.map_or(now, |free| free.max(earliest)) + Duration::from_secs_f64(cost);
        queue.free = Some(free);
        Some(free)
    }

    fn rate(&self) -> Option<u64> {
        self.limits.most(Limit::RelayBytesPerSecond)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Waiting {}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    const RATE: u64 = 10_000_000;

    /// A pair that always wants more and moves it in portions; what it was granted.
    fn greedy(bandwidth: &Bandwidth, portion: usize) -> Rc<Cell<u64>> {
        let (moved, bandwidth) = (Rc::<Cell<u64>>::default(), bandwidth.clone());
        let sum = Rc::clone(&moved);
        spawn_local(async move {
            let account = Mutex::default();
            loop {
                for _ in 0..128 {
                    sum.set(sum.get() + portion as u64);
                    bandwidth.pay(&account, portion).await;
                }
                // As the runtime has it let others go on now and then.
                yield_now().await;
            }
        });
        moved
    }

    fn limited() -> Bandwidth {
        tokio::time::pause();
        Bandwidth::new(Limits::default().with(Limit::RelayBytesPerSecond, RATE))
    }

    #[actix::test]
    async fn all_that_want_more_get_the_same_however_they_cut_it() {
        let bandwidth = limited();
        let portions = [65_536, 1_448, 23_168, 100, 65_536];
        let pairs = portions.map(|portion| greedy(&bandwidth, portion));
        tokio::time::sleep(Duration::from_secs(10)).await;
        let moved = pairs.map(|moved| moved.get());
        let (all, part) = (moved.iter().sum::<u64>(), RATE * 10 / portions.len() as u64);
        assert!(moved.iter().all(|moved| *moved * 10 >= part * 8), "{moved:?}");
        assert!((RATE * 99 / 10..=RATE * 101 / 10).contains(&all), "{all} of {}", RATE * 10);
    }

    #[actix::test]
    async fn a_latecomer_gets_its_part_and_no_more() {
        let bandwidth = limited();
        let first = greedy(&bandwidth, 65_536);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let before = first.get();
        assert!(before * 10 >= RATE * 5 * 9, "{before}: one alone has it all");
        let second = greedy(&bandwidth, 65_536);
        tokio::time::sleep(Duration::from_secs(5)).await;
        for moved in [first.get() - before, second.get()] {
            assert!((RATE * 2..=RATE * 3).contains(&moved), "{moved}");
        }
    }

    #[actix::test]
    async fn without_a_limit_nobody_waits() {
        let bandwidth = Bandwidth::new(Limits::default());
        bandwidth.pay(&Mutex::default(), usize::MAX).await;
    }
}
