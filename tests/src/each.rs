//! One of each maker's, for many tests.

use std::sync::OnceLock;

use crate::{Maker, Missing};

/// Holds what is started when it is first asked for.
pub struct Each<T> {
    start: fn(Maker) -> Result<T, Missing>,
    ours: OnceLock<Result<T, Missing>>,
    python: OnceLock<Result<T, Missing>>,
}

impl<T> Each<T> {
    /// Makes a holder that starts nothing yet.
    pub fn new(start: fn(Maker) -> Result<T, Missing>) -> Self {
        Self { start, ours: OnceLock::new(), python: OnceLock::new() }
    }

    /// Returns the maker's.
    ///
    /// # Errors
    ///
    /// [`Missing`] when the peer's program is not installed.
    pub fn by(&self, maker: Maker) -> Result<&T, Missing> {
        let place = match maker {
            Maker::Ours => &self.ours,
            Maker::Python => &self.python,
        };
        place.get_or_init(|| (self.start)(maker)).as_ref().map_err(Clone::clone)
    }
}
