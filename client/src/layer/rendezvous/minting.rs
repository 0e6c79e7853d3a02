//! The work that a server may demand before it serves us, on a thread of its own.

use std::{
    sync::{Arc, LazyLock},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use actix::Message;
use tokio::sync::{Semaphore, mpsc};
use wormhole_protocol::hashcash::{BadDemand, Minting};

use crate::random::random;

/// How many tries are made before anything else is looked at: a few milliseconds.
const STRIDE: u64 = 1 << 14;
/// How often progress is told.
const BEAT: Duration = Duration::from_millis(100);

/// As many searches at a time as there are processors, in all wormholes together.
static SEARCHES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(processors))
});

/// How a stamp in the making comes on.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(super) enum Minted {
    /// So many tries were made.
    Tried(u64),
    /// Here it is.
    Stamp(String),
    /// There is no thread to look for it.
    Failed,
}

/// Begins a search.
///
/// # Errors
/// [`BadDemand`] for a stamp that cannot be made.
pub(super) fn begin(bits: u32, resource: &str) -> Result<Minting, BadDemand> {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Minting::new(bits, resource, today, random())
}

/// Looks for a stamp until it is found; dropped, it stops.
pub(super) async fn mint(minting: Minting, tell: impl Fn(Minted)) {
    let Ok(turn) = Arc::clone(&SEARCHES).acquire_owned().await else { return };
    let (found, mut told) = mpsc::unbounded_channel();
    let looking = move || {
        search(minting, &found);
        drop(turn);
    };
    if thread::Builder::new().name("hashcash".to_owned()).spawn(looking).is_err() {
        return tell(Minted::Failed);
    }
    while let Some(minted) = told.recv().await {
        tell(minted);
    }
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
    use std::cell::RefCell;

    use futures_util::future::join_all;
    use wormhole_protocol::hashcash::is_worth;

    use super::*;

    #[tokio::test]
    async fn finds_what_is_demanded_be_they_more_than_there_are_processors() {
        let stamps = RefCell::new(Vec::new());
        let keep = |minted| match minted {
            Minted::Stamp(stamp) => stamps.borrow_mut().push(stamp),
            Minted::Tried(_) => {}
            Minted::Failed => panic!("no thread"),
        };
        let searches = (0..20).map(|_| mint(begin(8, "r").unwrap(), keep));
        join_all(searches).await;
        let stamps = stamps.into_inner();
        assert_eq!(stamps.len(), 20);
        assert!(stamps.iter().all(|stamp| is_worth(stamp, 8, "r")), "{stamps:?}");
    }

    #[test]
    fn stops_when_nobody_listens() {
        let (tell, told) = mpsc::unbounded_channel();
        drop(told);
        // A stamp that is not found within any test's time.
        search(begin(32, "r").unwrap(), &tell);
    }
}
