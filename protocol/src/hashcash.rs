//! Stamps that cost their maker work, which a server may demand [client.md: welcome and
//! permissions].
//!
//! A stamp is `1:BITS:DATE:RESOURCE::RANDOM:COUNTER`; it is good when its SHA-1 begins with at
//! least BITS zero bits.

use sha1::{Digest, Sha1};

/// The most bits that are minted for a server: an hour or so of one processor.
pub const MAX_BITS: u32 = 32;

/// A search for a stamp, under way.
pub struct Minting {
    bits: u32,
    /// All of the stamp but the counter.
    start: String,
    /// The hash's state after `start`.
    hash: Sha1,
    counter: u64,
}

/// A server demands a stamp that we do not make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadDemand {
    /// It would take too long.
    #[error("the server demands a stamp of {0} bits where at most {MAX_BITS} are reasonable")]
    Bits(u32),
    /// The resource cannot be written in a stamp: it has a colon, blank or control character, or
    /// is not ASCII.
    #[error("the server demands a stamp for a resource that cannot be written in one")]
    Resource,
}

impl Minting {
    /// Begins to look for a stamp.
    ///
    /// `unix_time` is today in seconds since 1970; the twelve bytes have to be new for each stamp.
    ///
    /// # Errors
    /// [`BadDemand`] where there is no such stamp or it takes too long to find.
    pub fn new(
        bits: u32,
        resource: &str,
        unix_time: u64,
        random: [u8; 12],
    ) -> Result<Self, BadDemand> {
        if bits > MAX_BITS {
            return Err(BadDemand::Bits(bits));
        }
        if resource.contains(|c: char| c == ':' || !c.is_ascii_graphic()) {
            return Err(BadDemand::Resource);
        }
        let date = yymmdd(unix_time);
        let random = data_encoding::BASE64.encode(&random);
        let start = format!("1:{bits}:{date}:{resource}::{random}:");
        let hash = Sha1::new_with_prefix(&start);
        Ok(Self { bits, start, hash, counter: 0 })
    }

    /// Tries the next `tries` counters and gives the stamp once it is found.
    ///
    /// On average it takes 2 to the power of BITS tries in all.
    pub fn step(&mut self, tries: u64) -> Option<String> {
        for _ in 0..tries {
            let counter = format!("{:x}", self.counter);
            self.counter = self.counter.wrapping_add(1);
            if leading_zeros(self.hash.clone().chain_update(&counter)) >= self.bits {
                return Some(format!("{}{counter}", self.start));
            }
        }
        None
    }

    /// Counts the tries so far.
    pub fn tried(&self) -> u64 {
        self.counter
    }
}

/// Counts the zero bits that the stamp's hash begins with, 0 to 160.
pub fn zero_bits(stamp: &str) -> u32 {
    leading_zeros(Sha1::new_with_prefix(stamp))
}

/// Tells whether a stamp is worth `bits` for `resource`: it says so itself and its hash agrees.
///
/// Whether its date is recent and whether it was seen before is for others to ask.
pub fn is_worth(stamp: &str, bits: u32, resource: &str) -> bool {
    let fields: Vec<_> = stamp.splitn(8, ':').collect();
    let ["1", claimed, _date, named, _extension, _random, _counter] = fields[..] else {
        return false;
    };
    let claims = claimed.parse::<u32>().is_ok_and(|claimed| claimed >= bits);
    claims && named == resource && zero_bits(stamp) >= bits
}

fn leading_zeros(hash: Sha1) -> u32 {
    let digest = hash.finalize();
    let zero_bytes = digest.iter().take_while(|byte| **byte == 0).count();
    8 * zero_bytes as u32 + digest.get(zero_bytes).map_or(0, |byte| byte.leading_zeros())
}

/// Writes the day (UTC) as six digits.
fn yymmdd(unix_time: u64) -> String {
    // Days are counted from 1 March of year 0, so that leap days end a cycle of 400 years.
    let days = unix_time / 86_400 + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year_of_cycle = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    // Months from March on are 153 days in every five.
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = cycle * 400 + year_of_cycle + next_year;
    format!("{:02}{month:02}{day_of_month:02}", year % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_leap_years() {
        assert_eq!(yymmdd(0), "700101");
        assert_eq!(yymmdd(951_782_400), "000229");
        assert_eq!(yymmdd(951_868_800), "000301");
        assert_eq!(yymmdd(1_798_675_199), "261230");
        assert_eq!(yymmdd(1_798_761_599), "261231");
        assert_eq!(yymmdd(1_798_761_600), "270101");
    }

    #[test]
    fn demands_that_cannot_be_met_are_refused() {
        let refused = |bits, resource| Minting::new(bits, resource, 0, [0; 12]).err();
        assert_eq!(refused(33, "r"), Some(BadDemand::Bits(33)));
        assert_eq!(refused(1, "a:b"), Some(BadDemand::Resource));
        assert_eq!(refused(1, "a\n"), Some(BadDemand::Resource));
        assert_eq!(refused(32, ""), None);
    }
}
