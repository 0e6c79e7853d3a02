//! The three faces of the library, over a server as the program has it.

#![allow(clippy::unwrap_used)]

mod blocking;
mod builder;
mod deferred;
mod delegated;
mod timing;
mod trust;

use std::time::Duration;

use wormhole_client::{Builder, Wormhole};

/// The application of all tests.
const APPID: &str = "example.org/test";

/// Far longer than any test takes: only a hang meets it.
const HANG: Duration = Duration::from_secs(60);

/// Runs `test`, and fails where it hangs.
async fn guarded<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, test).await.expect("a test hangs")
}

fn builder(url: &str) -> Builder {
    Wormhole::builder(APPID, url)
}

/// Two wormholes that will find each other.
async fn pair(url: &str) -> [Wormhole; 2] {
    let both = [builder(url).open(), builder(url).open()];
    both[0].allocate_code(2).unwrap();
    both[1].set_code(both[0].code().await.unwrap().as_str()).unwrap();
    both
}
