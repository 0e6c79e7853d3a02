//! Looks after the disk while data of unknown length comes in.

use std::io;

use super::ArrivalError;

/// How many bytes must be left on the disk, for everybody else; on one with little room at the
/// beginning, an eighth of that.
const RESERVE: u64 = 64 << 20;

/// Remembers when to look again.
#[derive(Default)]
pub(super) struct Growth {
    next: u64,
    /// Known from the first look on.
    reserve: Option<u64>,
}

impl Growth {
    /// Fails, with [`ArrivalError::NoRoom`] inside, where the disk is all but full.
    pub(super) fn check(
        &mut self,
        written: u64,
        free: impl FnOnce() -> io::Result<Option<u64>>,
    ) -> io::Result<()> {
        if written < self.next {
            return Ok(());
        }
        let Some(free) = free()? else {
            self.next = written + RESERVE / 4;
            return Ok(());
        };
        let reserve = *self.reserve.get_or_insert((free / 8).clamp(1, RESERVE));
        // A few times before it could be used up.
        self.next = written + reserve / 4;
        if free < reserve {
            return Err(io::Error::other(ArrivalError::NoRoom { free, written }));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// How many bytes come onto a disk with so much room, in pieces of a kilobyte.
    fn fits(room: u64) -> u64 {
        let (mut growth, mut written) = (Growth::default(), 0);
        loop {
            if let Err(error) = growth.check(written, || Ok(Some(room - written))) {
                let error = error.downcast::<ArrivalError>().unwrap();
                assert!(matches!(error, ArrivalError::NoRoom { written: w, .. } if w == written));
                return written;
            }
            written += 1_024;
        }
    }

    #[test]
    fn a_disk_is_not_filled_to_the_brim() {
        for room in [1 << 20, 100 << 20, 4 << 30] {
            let left = room - fits(room);
            let reserve = (room / 8).min(RESERVE);
            assert!((reserve / 2..=reserve).contains(&left), "{room}: {left}");
        }
        assert!(Growth::default().check(0, || Ok(Some(0))).is_err());
    }

    #[test]
    fn looks_again_after_a_while() {
        let mut growth = Growth::default();
        assert!(growth.check(0, || Ok(None)).is_ok());
        let nowhere = || Err(io::ErrorKind::NotFound.into());
        assert!(growth.check(RESERVE / 4 - 1, nowhere).is_ok());
        assert!(growth.check(RESERVE / 4, nowhere).is_err());
    }
}
