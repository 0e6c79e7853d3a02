//! Looks after the disk while data of unknown length comes in.

use std::io;

use super::ArrivalError;

/// How many bytes may come between two looks.
const STRIDE: u64 = 16 << 20;
/// How many bytes must be left then: a few strides, and something for everybody else.
const RESERVE: u64 = 64 << 20;

/// Remembers when to look again.
#[derive(Default)]
pub(super) struct Growth {
    next: u64,
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
        self.next = written + STRIDE;
        enough(free()?, written)
    }
}

fn enough(free: Option<u64>, written: u64) -> io::Result<()> {
    match free {
        Some(free) if free < RESERVE => {
            Err(io::Error::other(ArrivalError::NoRoom { free, written }))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_not_filled_to_the_brim() {
        assert!(enough(None, 0).is_ok());
        assert!(enough(Some(RESERVE), 0).is_ok());
        let full = enough(Some(RESERVE - 1), 7).map_err(|error| error.downcast::<ArrivalError>());
        assert!(matches!(full, Err(Ok(ArrivalError::NoRoom { written: 7, .. }))), "{full:?}");
    }

    #[test]
    fn looks_again_after_a_stride() {
        let mut growth = Growth::default();
        let nowhere = || Err(io::ErrorKind::NotFound.into());
        assert!(growth.check(0, nowhere).is_err());
        assert!(growth.check(STRIDE - 1, nowhere).is_ok());
        assert!(growth.check(STRIDE, nowhere).is_err());
    }
}
