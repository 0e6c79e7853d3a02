//! Which nameplates can be handed out: numbers that are not in use, and have rested since they
//! were, so that somebody who types an old code does not meet a stranger.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use wormhole_protocol::name::Nameplate;

use crate::{engine::Refusal, quota::Share};

/// What stands in the way of each number; the others are free.
pub(crate) struct Numbers {
    hold_down: f64,
    taken: HashMap<u32, Taken>,
    /// Those that rest, the oldest first.
    resting: VecDeque<Resting>,
    /// How many of one, two and three digits are taken.
    short: [u32; 3],
}

#[derive(Clone, Copy, PartialEq)]
enum Taken {
    InUse,
    Resting { since: f64 },
}

/// A number that rests, still for the account of whoever made its nameplate: nobody can have all
/// short ones rest.
struct Resting {
    since: f64,
    number: u32,
    _share: Option<Share>,
}

/// The first number of each length, and how many there are of it.
const SIZES: [(u32, u32); 3] = [(1, 9), (10, 90), (100, 900)];

/// Longer ones are tried at random.
const LONG: (u32, u32) = (1_000, 999_000);

impl Numbers {
    /// Makes one where numbers rest for `hold_down`.
    pub(crate) fn new(hold_down: Duration) -> Self {
        let (taken, resting) = (HashMap::new(), VecDeque::new());
        Self { hold_down: hold_down.as_secs_f64(), taken, resting, short: [0; 3] }
    }

    /// Notes that a nameplate is in use.
    pub(crate) fn take(&mut self, name: &str) {
        if let Some(number) = number(name)
            && self.taken.insert(number, Taken::InUse).is_none()
            && let Some(taken) = self.short_like(number)
        {
            *taken += 1;
        }
    }

    /// Notes that a nameplate is not in use any more.
    pub(crate) fn free(&mut self, name: &str, now: f64, share: Option<Share>) {
        let Some(number) = number(name) else { return };
        if let Some(taken) = self.taken.get_mut(&number) {
            *taken = Taken::Resting { since: now };
            self.resting.push_back(Resting { since: now, number, _share: share });
            self.wake(now);
        }
    }

    /// Lets those go that have rested.
    pub(crate) fn wake(&mut self, now: f64) {
        while let Some(&Resting { since, number, .. }) = self.resting.front() {
            if now < since + self.hold_down {
                return;
            }
            self.resting.pop_front();
            // It may be in use again, or have been since.
            if self.taken.get(&number) == Some(&Taken::Resting { since }) {
                self.taken.remove(&number);
                if let Some(taken) = self.short_like(number) {
                    *taken -= 1;
                }
            }
        }
    }

    /// Picks a free nameplate, of as few digits as possible; `draw` gives a number below its
    /// argument.
    ///
    /// # Errors
    /// [`Refusal::NoNameplate`] where none was found.
    pub(crate) fn pick(&self, mut draw: impl FnMut(u32) -> u32) -> Result<Nameplate, Refusal> {
        let is_free = |number: &u32| !self.taken.contains_key(number);
        for ((first, count), taken) in SIZES.into_iter().zip(self.short) {
            if taken < count {
                let chosen = draw(count - taken) as usize;
                let mut free = (first..first + count).filter(is_free);
                return free.nth(chosen).map(Nameplate::from).ok_or(Refusal::NoNameplate);
            }
        }
        let mut long = (0..1_000).map(|_| LONG.0 + draw(LONG.1));
        long.find(is_free).map(Nameplate::from).ok_or(Refusal::NoNameplate)
    }

    /// Tells whether none rests.
    pub(crate) fn all_awake(&self) -> bool {
        self.resting.is_empty()
    }

    /// How many are taken of as many digits, where those are few.
    fn short_like(&mut self, number: u32) -> Option<&mut u32> {
        let like = |(first, count): &(u32, u32)| (*first..first + count).contains(&number);
        SIZES.iter().position(like).map(|size| &mut self.short[size])
    }
}

/// Reads a name that could be handed out.
fn number(name: &str) -> Option<u32> {
    let number = name.parse().ok().filter(|number| (1..LONG.0 + LONG.1).contains(number))?;
    (number.to_string() == name).then_some(number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn numbers() -> Numbers {
        Numbers::new(Duration::from_secs(10))
    }

    #[test]
    fn short_ones_go_first_and_every_one_is_reached() {
        let mut numbers = numbers();
        for taken in 0..999_u32 {
            let name = numbers.pick(|bound| taken * 7 % bound).unwrap();
            let digits = [9, 99, 999].iter().position(|most| taken < *most).unwrap() + 1;
            assert_eq!(name.as_str().len(), digits);
            numbers.take(name.as_str());
        }
        assert_eq!(numbers.pick(|_| 5).unwrap().as_str(), "1005");
        numbers.take("1005");
        assert_eq!(numbers.pick(|_| 5), Err(Refusal::NoNameplate));
    }

    #[test]
    fn a_freed_one_rests_for_a_while() {
        let mut numbers = numbers();
        (1..10).for_each(|number| numbers.take(&number.to_string()));
        numbers.free("7", 100.0, None);
        numbers.free("8", 101.0, None);
        let pick = |numbers: &Numbers| numbers.pick(|_| 0).unwrap().as_str().to_owned();
        numbers.wake(109.9);
        assert_eq!(pick(&numbers), "10");
        numbers.take("8");
        numbers.wake(110.0);
        assert_eq!(pick(&numbers), "7");
        numbers.take("7");
        numbers.wake(111.0);
        assert_eq!(pick(&numbers), "10", "8 is in use again");
        assert!(numbers.all_awake());
        numbers.free("8", 112.0, None);
        numbers.take("8");
        numbers.free("8", 113.0, None);
        numbers.wake(122.0);
        assert_eq!(pick(&numbers), "10", "it rests since 113");
        numbers.wake(123.0);
        assert_eq!(pick(&numbers), "8");
    }

    #[test]
    fn names_that_are_never_handed_out_do_not_count() {
        let mut numbers = numbers();
        for name in ["0", "007", "1000000", "٣", "", "99999999999999999999"] {
            numbers.take(name);
            numbers.free(name, 100.0, None);
        }
        assert!(numbers.all_awake() && numbers.taken.is_empty());
    }
}
