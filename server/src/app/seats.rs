//! The two seats at a nameplate or a mailbox.

use wormhole_protocol::name::{Mood, Side};

use crate::{engine::Refusal, usage::Life};

/// The sides ever seen at one nameplate or mailbox, in the order in which they came.
///
/// Only the first two have a seat; a file of the Python server's may hold more.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seats {
    taken: Vec<Seat>,
    /// Somebody was sent away. Only memory knows it.
    crowded: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Seat {
    side: Side,
    hold: Hold,
    /// When the side first came, in unix seconds.
    added: f64,
    /// In what mood it closed the mailbox, until it opens it again.
    mood: Option<Mood>,
}

/// Whether a side still claims the nameplate, or has the mailbox open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Held,
    Left,
}

const SEATS: usize = 2;

impl Seats {
    /// Tells how `side` sits here: `None` where a seat is free for it.
    ///
    /// # Errors
    /// [`Refusal::Crowded`] where two others sit.
    pub(crate) fn of(&self, side: &Side) -> Result<Option<Hold>, Refusal> {
        match self.taken.iter().position(|seat| seat.side == *side) {
            Some(seat) if seat < SEATS => Ok(Some(self.taken[seat].hold)),
            None if self.taken.len() < SEATS => Ok(None),
            _ => Err(Refusal::Crowded),
        }
    }

    /// Tells the same to a side that wants to sit, and notes where it is sent away.
    ///
    /// # Errors
    /// [`Refusal::Crowded`] where two others sit.
    pub(crate) fn receive(&mut self, side: &Side) -> Result<Option<Hold>, Refusal> {
        let hold = self.of(side);
        self.crowded |= hold.is_err();
        hold
    }

    /// Notes that `side` sits here from now on, or again.
    pub(crate) fn hold(&mut self, side: &Side, now: f64) {
        match self.taken.iter_mut().find(|seat| seat.side == *side) {
            Some(seat) => (seat.hold, seat.mood) = (Hold::Held, None),
            None => {
                let (side, hold) = (side.clone(), Hold::Held);
                self.taken.push(Seat { side, hold, added: now, mood: None });
            }
        }
    }

    /// Notes that `side` has left, and in what mood.
    pub(crate) fn leave(&mut self, side: &Side, mood: Option<Mood>) {
        if let Some(seat) = self.taken.iter_mut().find(|seat| seat.side == *side) {
            (seat.hold, seat.mood) = (Hold::Left, mood);
        }
    }

    /// Tells whether a side still holds on.
    pub(crate) fn any_held(&self) -> bool {
        self.taken.iter().any(|seat| seat.hold == Hold::Held)
    }

    /// How many sides came: three where it was more.
    pub(crate) fn came(&self) -> usize {
        self.taken.len() + usize::from(self.crowded)
    }

    /// The moods in which sides have left.
    pub(crate) fn moods(&self) -> impl Iterator<Item = &Mood> + Clone {
        self.taken.iter().filter_map(|seat| seat.mood.as_ref())
    }

    /// The times of it all, where it ends now; none where no side ever came.
    pub(crate) fn life(&self, ended: f64) -> Option<Life> {
        Life::new(self.taken.iter().map(|seat| seat.added).collect(), ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sides_sit_and_a_third_stands() {
        let [a, b, c] = ["a", "b", "c"].map(Side::new);
        let mut seats = Seats::default();
        assert_eq!(seats.of(&a), Ok(None));
        seats.hold(&a, 1.0);
        seats.hold(&b, 2.0);
        assert_eq!(seats.of(&c), Err(Refusal::Crowded));
        seats.leave(&a, None);
        assert_eq!(seats.of(&a), Ok(Some(Hold::Left)), "leaving frees no seat");
        assert_eq!(seats.came(), 2);
        assert_eq!(seats.receive(&c), Err(Refusal::Crowded));
        assert_eq!(seats.came(), 3);
        assert!(seats.any_held());
        seats.leave(&b, None);
        assert!(!seats.any_held());
    }

    #[test]
    fn a_third_side_of_an_old_file_has_no_seat() {
        let mut seats = Seats::default();
        for side in ["a", "b", "c"] {
            seats.hold(&Side::new(side), 1.0);
        }
        assert_eq!(seats.of(&Side::new("b")), Ok(Some(Hold::Held)));
        assert_eq!(seats.of(&Side::new("c")), Err(Refusal::Crowded));
        assert_eq!(seats.came(), 3);
    }

    #[test]
    fn a_side_that_sits_again_came_when_it_first_came_and_has_no_mood() {
        let [a, b] = ["a", "b"].map(Side::new);
        let mut seats = Seats::default();
        seats.hold(&a, 1.0);
        seats.leave(&a, Some(Mood::Scary));
        seats.hold(&b, 3.0);
        assert_eq!(seats.moods().collect::<Vec<_>>(), [&Mood::Scary]);
        seats.hold(&a, 5.0);
        assert_eq!(seats.moods().count(), 0);
        let life = Life { started: 1.0, waiting: Some(2.0), total: 6.0 };
        assert_eq!(seats.life(7.0), Some(life));
    }
}
