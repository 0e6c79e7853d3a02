//! Something that a thread changes and a test waits for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::PATIENCE;

/// Is a value, and a bell that rings when it has changed.
#[derive(Default)]
pub(crate) struct Watched<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Watched<T> {
    pub(crate) fn change(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits until it is enough, or [`PATIENCE`] ends.
    pub(crate) fn wait(&self, enough: impl Fn(&T) -> bool) -> MutexGuard<'_, T> {
        self.wait_for(PATIENCE, enough)
    }

    /// Waits until it is enough, or the limit is reached.
    pub(crate) fn wait_for(
        &self,
        limit: Duration,
        enough: impl Fn(&T) -> bool,
    ) -> MutexGuard<'_, T> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(value, limit, |value| !enough(value));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
