//! The two seats at a nameplate or a mailbox.

use wormhole_protocol::name::Side;

use crate::engine::Refusal;

/// The sides ever seen at one nameplate or mailbox, in the order in which they came.
///
/// Only the first two have a seat; a file of the Python server's may hold more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seats(Vec<(Side, Hold)>);

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
        match self.0.iter().position(|(seated, _)| seated == side) {
            Some(seat) if seat < SEATS => Ok(Some(self.0[seat].1)),
            None if self.0.len() < SEATS => Ok(None),
            _ => Err(Refusal::Crowded),
        }
    }

    /// Notes how `side` sits from now on.
    pub(crate) fn set(&mut self, side: &Side, hold: Hold) {
        match self.0.iter_mut().find(|(seated, _)| seated == side) {
            Some(seat) => seat.1 = hold,
            None => self.0.push((side.clone(), hold)),
        }
    }

    /// Tells whether a side still holds on.
    pub(crate) fn any_held(&self) -> bool {
        self.0.iter().any(|(_, hold)| *hold == Hold::Held)
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
        seats.set(&a, Hold::Held);
        seats.set(&b, Hold::Held);
        assert_eq!(seats.of(&c), Err(Refusal::Crowded));
        seats.set(&a, Hold::Left);
        assert_eq!(seats.of(&a), Ok(Some(Hold::Left)), "leaving frees no seat");
        assert_eq!(seats.of(&c), Err(Refusal::Crowded));
        assert!(seats.any_held());
        seats.set(&b, Hold::Left);
        assert!(!seats.any_held());
    }

    #[test]
    fn a_third_side_of_an_old_file_has_no_seat() {
        let mut seats = Seats::default();
        for side in ["a", "b", "c"] {
            seats.set(&Side::new(side), Hold::Held);
        }
        assert_eq!(seats.of(&Side::new("b")), Ok(Some(Hold::Held)));
        assert_eq!(seats.of(&Side::new("c")), Err(Refusal::Crowded));
    }
}
