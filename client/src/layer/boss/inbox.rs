//! The peer's messages in the order of their numbers.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::{error::Error, layer::waiting::Waiting};

/// Puts the peer's messages in order; those that overtook an earlier one wait here.
#[derive(Default)]
pub(super) struct Inbox {
    next: u64,
    ahead: BTreeMap<u64, Zeroizing<Vec<u8>>>,
    waiting: Waiting,
}

impl Inbox {
    /// Takes a message, and gives all whose turn has come by it. One that was there before gives
    /// nothing.
    ///
    /// # Errors
    /// The wormhole's end, where too much waits for one that does not come.
    pub(super) fn take(
        &mut self,
        number: u64,
        plaintext: Zeroizing<Vec<u8>>,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
        if number < self.next || self.ahead.contains_key(&number) {
            return Ok(Vec::new());
        }
        if number > self.next {
            if !self.waiting.add(plaintext.len()) {
                return Err(Error::Peer("leaves out a message and goes on"));
            }
            self.ahead.insert(number, plaintext);
            return Ok(Vec::new());
        }
        let mut ready = vec![plaintext];
        self.next += 1;
        while let Some(plaintext) = self.ahead.remove(&self.next) {
            self.waiting.remove(plaintext.len());
            self.next += 1;
            ready.push(plaintext);
        }
        Ok(ready)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(number: u64) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(number.to_string().into_bytes())
    }

    proptest! {
        #[test]
        fn any_order_with_repeats_becomes_the_order_of_the_numbers(
            mut numbers in proptest::collection::vec(0..20_u64, 0..100),
        ) {
            numbers.extend(0..20);
            let mut inbox = Inbox::default();
            let mut given = Vec::new();
            for number in numbers {
                given.extend(inbox.take(number, message(number)).unwrap());
            }
            prop_assert_eq!(given, (0..20).map(message).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_missing_one_may_come_as_the_very_last() {
        let mut inbox = Inbox::default();
        for number in 1..=1_000 {
            assert!(inbox.take(number, message(number)).unwrap().is_empty());
        }
        assert_eq!(inbox.take(0, message(0)).unwrap().len(), 1_001);
        assert_eq!(inbox.take(1_001, message(1_001)).unwrap().len(), 1);
    }

    #[test]
    fn what_waits_has_limits() {
        let mut inbox = Inbox::default();
        let flood = (1..).find(|number| inbox.take(*number, message(*number)).is_err());
        assert_eq!(flood, Some(1_001));
        let mut inbox = Inbox::default();
        let large = || Zeroizing::new(vec![0; 1 << 20]);
        let flood = (1..).find(|number| inbox.take(*number, large()).is_err());
        assert_eq!(flood, Some(17));
    }
}
