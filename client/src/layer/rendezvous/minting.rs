//! The work that a server may demand before it serves us, on a thread of its own.

use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use actix::Message;
use tokio::sync::mpsc;
use wormhole_protocol::hashcash::{BadDemand, Minting};

use crate::random::random;

/// How many tries are made before anything else is looked at: a few milliseconds.
const STRIDE: u64 = 1 << 14;
/// How often progress is told.
const BEAT: Duration = Duration::from_millis(100);

/// How a stamp in the making comes on.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(super) enum Minted {
    /// So many tries were made.
    Tried(u64),
    /// Here it is.
    Stamp(String),
}

/// Looks for a stamp until it is found, or until nobody listens any more.
///
/// # Errors
/// [`BadDemand`] for a stamp that cannot be made.
pub(super) fn mint(
    bits: u32,
    resource: &str,
) -> Result<mpsc::UnboundedReceiver<Minted>, BadDemand> {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let minting = Minting::new(bits, resource, today, random())?;
    let (tell, told) = mpsc::unbounded_channel();
    thread::spawn(move || search(minting, &tell));
    Ok(told)
}

fn search(mut minting: Minting, tell: &mpsc::UnboundedSender<Minted>) {
    let mut beat = Instant::now();
    while !tell.is_closed() {
        if let Some(stamp) = minting.step(STRIDE) {
            let _ = tell.send(Minted::Stamp(stamp));
            return;
        }
        if beat.elapsed() >= BEAT {
            beat = Instant::now();
            let _ = tell.send(Minted::Tried(minting.tried()));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::hashcash::is_worth;

    use super::*;

    #[tokio::test]
    async fn finds_what_is_demanded() {
        let mut told = mint(12, "r").unwrap();
        while let Some(minted) = told.recv().await {
            if let Minted::Stamp(stamp) = minted {
                assert!(is_worth(&stamp, 12, "r"), "{stamp}");
                return;
            }
        }
        panic!("no stamp");
    }

    #[test]
    fn stops_when_nobody_listens() {
        let (tell, told) = mpsc::unbounded_channel();
        drop(told);
        // A stamp that is not found within any test's time.
        search(Minting::new(32, "r", 0, [0; 12]).unwrap(), &tell);
    }
}
