//! Two connections that are joined.

use std::{
    future::pending,
    io,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::time::{sleep, sleep_until};
use wormhole_protocol::transit::relay::OK;

use super::{caller::Caller, flow::flow, line::Line, room::Newcomer, story::Story};
use crate::limits::Limit;

/// Tells both, and carries what they say until both have ended, or either is lost.
pub(super) async fn join(mut first: Box<Caller>, newcomer: Newcomer) {
    let Newcomer { caller: mut second, surplus } = newcomer;
    let hub = Arc::clone(first.story.hub());
    first.story.join(&mut second.story);
    first.settle();
    second.settle();
    let _joined = hub.tally.join();
    tokio::select! {
        // A connection that is lost ends the other, as does too much that was carried.
        _ = talk(&first.line, &second.line, &surplus, &first.story) => (),
        () = hub.passed(Limit::RelayPairSeconds) => (),
        () = idle(&first.story) => (),
    }
}

/// Comes back when nothing was carried for as long as a limit allows; never where it is no limit.
async fn idle(story: &Story) {
    let limits = &story.hub().limits;
    let Some(seconds) = limits.most(Limit::RelayIdleSeconds) else { return pending().await };
    loop {
        let carried = story.last_carried();
        sleep_until(carried + Duration::from_secs(seconds)).await;
        if story.last_carried() == carried {
            limits.exceed(Limit::RelayIdleSeconds, seconds);
            return;
        }
    }
}

async fn talk(first: &Line, second: &Line, surplus: &[u8], story: &Story) -> io::Result<()> {
    second.say(OK).await?;
    first.say(OK).await?;
    if !surplus.is_empty() {
        story.carry(surplus.len()).await?;
        first.say(surplus).await?;
    }
    let (there, back) = (pin!(flow(first, second, story)), pin!(flow(second, first, story)));
    match select(there, back).await {
        Either::Left((ended, rest)) | Either::Right((ended, rest)) => {
            ended?;
            finish(rest, story).await
        }
    }
}

/// One direction has ended; the other goes on as long as anything comes: it may hold the last
/// words.
async fn finish(
    mut rest: Pin<&mut impl Future<Output = io::Result<()>>>,
    story: &Story,
) -> io::Result<()> {
    loop {
        let before = story.bytes();
        tokio::select! {
            ended = &mut rest => return ended,
            () = sleep(story.hub().linger) => (),
        }
        if story.bytes() == before {
            return Ok(());
        }
    }
}
